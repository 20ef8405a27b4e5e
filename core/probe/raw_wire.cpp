#include "core/probe/raw_wire.h"

#include <array>
#include <cerrno>

#include <linux/filter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/kernel/packet_socket.h"
#include "core/kernel/socket_address.h"

namespace hostcheck::probe {
namespace {

constexpr int kMostReads = 4096;  // of one socket at a time

Result<void> set_option(const UniqueFd& fd, int level, int name, int value) {
  if (::setsockopt(fd.get(), level, name, &value, sizeof value) == 0) return {};
  return unexpected(errno_error(errno, "setsockopt", "raw socket"));
}

// A socket that whole packets are sent through, past the cached path MTU and past reassembly by conntrack.
Result<UniqueFd> open_sender(const Context& context, const IpAddress& target) {
  auto fd = context.socket(kernel::domain_of(target), SOCK_RAW, IPPROTO_RAW);
  if (!fd) return fd;
  if (target.family() == Family::ipv4) {
    if (const auto set = set_option(*fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE); !set) {
      return unexpected(set.error());
    }
    if (const auto set = set_option(*fd, IPPROTO_IP, IP_NODEFRAG, 1); !set) return unexpected(set.error());
    return fd;
  }
  if (const auto set = set_option(*fd, IPPROTO_IPV6, IPV6_HDRINCL, 1); !set) return unexpected(set.error());
  if (const auto set = set_option(*fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE); !set) {
    return unexpected(set.error());
  }
  return fd;
}

Result<UniqueFd> open_icmp(const Context& context, const IpAddress& target) {
  const bool v4 = target.family() == Family::ipv4;
  auto fd = context.socket(kernel::domain_of(target), SOCK_RAW, v4 ? static_cast<int>(IPPROTO_ICMP) : IPPROTO_ICMPV6);
  if (!fd) return fd;
  if (const auto asked = kernel::ask_timestamps(fd->get()); !asked) return unexpected(asked.error());
  if (const auto asked = kernel::ask_ttl(fd->get(), target.family()); !asked) return unexpected(asked.error());
  if (v4) {
    constexpr int kIcmpFilter = 1;  // ICMP_FILTER of linux/icmp.h: a bit for each type that is not wanted
    constexpr unsigned kWanted = 1U << 0U | 1U << 3U | 1U << 11U;
    if (const auto set = set_option(*fd, SOL_RAW, kIcmpFilter, static_cast<int>(~kWanted)); !set) {
      return unexpected(set.error());
    }
    return fd;
  }
  icmp6_filter filter{};
  ICMP6_FILTER_SETBLOCKALL(&filter);
  for (const int type : {ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED, ICMP6_ECHO_REPLY}) {
    ICMP6_FILTER_SETPASS(type, &filter);
  }
  if (::setsockopt(fd->get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0) {
    return unexpected(errno_error(errno, "setsockopt", "raw socket"));
  }
  return fd;
}

// Hears nothing until hold_port lets it.
Result<UniqueFd> open_tcp(const Context& context, const IpAddress& target) {
  auto fd = context.socket(kernel::domain_of(target), SOCK_RAW, IPPROTO_TCP);
  if (!fd) return fd;
  if (const auto asked = kernel::ask_timestamps(fd->get()); !asked) return unexpected(asked.error());
  if (const auto asked = kernel::ask_ttl(fd->get(), target.family()); !asked) return unexpected(asked.error());
  const kernel::SocketAddress to = kernel::socket_address(target, 0);
  if (::connect(fd->get(), to.get(), to.length) != 0)
    return unexpected(errno_error(errno, "connect", target.to_string()));
  return fd;
}

}  // namespace

Result<std::unique_ptr<Wire>> RawWire::open(const Context& context, const IpAddress& target, std::uint16_t port,
                                            const WayOut& way) {
  std::unique_ptr<RawWire> out(new RawWire(target, way, port));
  if (const auto opened = out->open_sockets(context); !opened) return unexpected(opened.error());
  return out;
}

Result<void> RawWire::open_sockets(const Context& context) {
  const auto take = [&](Result<UniqueFd> (*opener)(const Context&, const IpAddress&), UniqueFd& slot) -> Result<void> {
    auto opened = opener(context, target());
    if (!opened) return unexpected(opened.error());
    slot = std::move(*opened);
    return {};
  };
  if (auto done = take(open_sender, sender_); !done) return unexpected(done.error());
  if (auto done = take(open_icmp, icmp_); !done) return unexpected(done.error());
  if (auto done = take(open_tcp, tcp_); !done) return unexpected(done.error());
  if (const auto heard = hear_only_held_ports(); !heard) return unexpected(heard.error());
  UniqueFd both(::epoll_create1(EPOLL_CLOEXEC));
  if (!both.valid()) return unexpected(errno_error(errno, "epoll_create1"));
  for (const int fd : {icmp_.get(), tcp_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event) != 0) return unexpected(errno_error(errno, "epoll_ctl"));
  }
  waiter_ = std::make_unique<Socket>(context.io, std::move(both));
  return {};
}

Result<std::uint16_t> RawWire::hold_port(const Context& context, Transport transport, std::uint16_t wanted) {
  auto fd = context.socket(kernel::domain_of(target()), transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (!fd) return unexpected(fd.error());
  const kernel::SocketAddress own = kernel::socket_address(source(), wanted);
  if (::bind(fd->get(), own.get(), own.length) != 0) {
    return unexpected(errno_error(errno, "bind", "source port " + std::to_string(wanted)));
  }
  const auto bound = kernel::local_endpoint(fd->get());
  if (!bound) return unexpected(bound.error());
  held_.push_back(std::move(*fd));
  const std::uint16_t port = bound->port;
  if (transport != Transport::tcp) return port;
  tcp_ports_.push_back(port);
  if (const auto heard = hear_only_held_ports(); !heard) return unexpected(heard.error());
  return port;
}

// A classic BPF filter: of the target's segments only those to the held ports, so that the host's other connections to
// the target cost nothing.
Result<void> RawWire::hear_only_held_ports() {
  std::vector<sock_filter> code;
  const bool v4 = target().family() == Family::ipv4;
  // IPv4's raw sockets see the IP header, IPv6's begin behind it.
  if (v4) code.push_back(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0));
  const auto load = static_cast<std::uint16_t>(BPF_LD | BPF_H | (v4 ? BPF_IND : BPF_ABS));
  code.push_back(BPF_STMT(load, 0));
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port_, 1, 0));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  code.push_back(BPF_STMT(load, 2));
  for (const std::uint16_t port : tcp_ports_) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffff));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  return kernel::attach_filter(tcp_.get(), code);
}

Result<void> RawWire::send(std::span<const std::uint8_t> packet) {
  const kernel::SocketAddress to = kernel::socket_address(target(), 0);
  while (::sendto(sender_.get(), packet.data(), packet.size(), 0, to.get(), to.length) < 0) {
    if (errno != EINTR) return unexpected(errno_error(errno, "sendto", target().to_string()));
  }
  return {};
}

std::vector<Answer> RawWire::read() {
  std::vector<Answer> out;
  read_from(icmp_.get(), true, out);
  read_from(tcp_.get(), false, out);
  return out;
}

void RawWire::read_from(int fd, bool icmp, std::vector<Answer>& out) const {
  std::array<std::uint8_t, 2048> data{};  // enough for every header; an echo's data does not matter
  for (int reads = 0; reads < kMostReads; ++reads) {
    const auto got = kernel::receive(fd, data);
    // An error that an ICMP message left on the socket tells nothing that the message itself does not.
    if (!got) continue;
    if (!*got) return;
    Answer answer;
    answer.at_ns = (*got)->at.count() != 0 ? (*got)->at.count() : realtime_ns();
    answer.from = (*got)->from;
    answer.ttl = (*got)->ttl;
    auto bytes = (*got)->bytes;
    if (target().family() == Family::ipv4) {  // IPv4's raw sockets see the IP header
      const std::size_t header = bytes.empty() ? 0 : (bytes[0] & 0xfU) * 4U;
      if (header < 20 || bytes.size() < header) continue;
      bytes = bytes.subspan(header);
    }
    if (icmp) {
      answer.icmp = parse_icmp(target().family(), bytes);
    } else {
      answer.tcp = parse_tcp(bytes);
    }
    if (answer.icmp || answer.tcp) out.push_back(std::move(answer));
  }
}

}  // namespace hostcheck::probe
