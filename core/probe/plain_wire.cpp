#include "core/probe/plain_wire.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/facts/socket.h"
#include "core/kernel/packet_socket.h"
#include "core/kernel/socket_address.h"

namespace hostcheck::probe {
namespace {

constexpr int kMostReads = 4096;             // of one socket at a time
constexpr std::size_t kTransportHeader = 8;  // of UDP and of an echo
constexpr std::size_t kMark = 4;             // bytes of a datagram's data that number it

Result<void> set_option(int fd, int level, int name, int value) {
  if (::setsockopt(fd, level, name, &value, sizeof value) == 0) return {};
  return unexpected(errno_error(errno, "setsockopt", "probe's socket"));
}

std::uint32_t mark_in(std::span<const std::uint8_t> data) {
  return static_cast<std::uint32_t>(data[0]) << 24U | static_cast<std::uint32_t>(data[1]) << 16U |
         static_cast<std::uint32_t>(data[2]) << 8U | data[3];
}

// Whether the kernel has repeated the SYN.
bool sent_again(int fd) {
  facts::TcpInfo info{};
  socklen_t length = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.total_retrans > 0;
}

bool is_icmp(const kernel::SocketError& error) {
  return error.origin == kernel::ErrorOrigin::icmp || error.origin == kernel::ErrorOrigin::icmp6;
}

}  // namespace

Result<std::unique_ptr<Wire>> PlainWire::open(const Context& context, const IpAddress& target, const WayOut& way,
                                              std::string why) {
  std::unique_ptr<PlainWire> out(new PlainWire(context, target, way, std::move(why)));
  out->sockets_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!out->sockets_.valid()) return unexpected(errno_error(errno, "epoll_create1"));
  UniqueFd waiting(::fcntl(out->sockets_.get(), F_DUPFD_CLOEXEC, 0));
  if (!waiting.valid()) return unexpected(errno_error(errno, "fcntl F_DUPFD_CLOEXEC"));
  out->waiter_ = std::make_unique<Socket>(context.io, std::move(waiting));
  return out;
}

Result<void> PlainWire::can_send(Transport transport, bool of_size) const {
  if (transport == Transport::tcp && of_size) {
    return unexpected(
        make_error(ErrorCode::denied, "tcp", target().to_string(),
                   "a SYN with data needs CAP_NET_RAW, and data on a connection would reach the program"));
  }
  if (transport != Transport::icmp) return {};
  const bool v4 = target().family() == Family::ipv4;
  const auto fd = context_.socket(kernel::domain_of(target()), SOCK_DGRAM, v4 ? int{IPPROTO_ICMP} : IPPROTO_ICMPV6);
  if (fd) return {};
  return unexpected(make_error(ErrorCode::denied, "icmp", target().to_string(),
                               "echo needs CAP_NET_RAW or a group within net.ipv4.ping_group_range"));
}

Result<UniqueFd> PlainWire::bound(int type, int protocol, std::uint16_t own, bool shared) const {
  auto fd = context_.socket(kernel::domain_of(target()), type, protocol);
  if (!fd) return fd;
  if (shared) {
    if (const auto set = set_option(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1); !set) return unexpected(set.error());
  }
  const kernel::SocketAddress address = kernel::socket_address(source(), own);
  if (::bind(fd->get(), address.get(), address.length) != 0) {
    return unexpected(errno_error(errno, "bind", "source port " + std::to_string(own)));
  }
  const bool v4 = target().family() == Family::ipv4;
  if (const auto asked = kernel::ask_errors(fd->get(), target().family()); !asked) return unexpected(asked.error());
  (void)kernel::ask_timestamps(fd->get());
  (void)kernel::ask_ttl(fd->get(), target().family());
  const auto set = v4 ? set_option(fd->get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
                      : set_option(fd->get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  if (!set) return unexpected(set.error());
  return fd;
}

Result<void> PlainWire::watch(int fd, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  if (::epoll_ctl(sockets_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return unexpected(errno_error(errno, "epoll_ctl"));
}

Result<std::uint16_t> PlainWire::hold_port(const Context&, Transport transport, std::uint16_t wanted) {
  const bool tcp = transport == Transport::tcp;
  auto fd = bound(tcp ? SOCK_STREAM : SOCK_DGRAM, 0, wanted, false);
  if (!fd) return unexpected(fd.error());
  const auto own = kernel::local_endpoint(fd->get());
  if (!own) return unexpected(own.error());
  if (!tcp) {
    if (const auto watched = watch(fd->get(), EPOLLIN); !watched) return unexpected(watched.error());
    datagrams_.emplace(own->port, std::move(*fd));
    return own->port;
  }
  // It was free; now it is held in a way that connects may share.
  fd->reset();
  auto again = bound(SOCK_STREAM, 0, own->port, true);
  if (!again) return unexpected(again.error());
  held_.push_back(std::move(*again));
  return own->port;
}

Result<int> PlainWire::echo_socket(std::uint16_t id) {
  const auto known = echoes_.find(id);
  if (known != echoes_.end()) return known->second.get();
  const bool v4 = target().family() == Family::ipv4;
  auto fd = bound(SOCK_DGRAM, v4 ? int{IPPROTO_ICMP} : IPPROTO_ICMPV6, id, false);
  if (!fd) return unexpected(fd.error());
  if (const auto watched = watch(fd->get(), EPOLLIN); !watched) return unexpected(watched.error());
  return echoes_.emplace(id, std::move(*fd)).first->second.get();
}

Result<void> PlainWire::set_ttl(int fd, std::uint8_t ttl) const {
  const bool v4 = target().family() == Family::ipv4;
  return set_option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, ttl);
}

Result<void> PlainWire::send_datagram(int fd, std::span<const std::uint8_t> data, std::uint8_t ttl,
                                      std::uint16_t port) const {
  if (const auto set = set_ttl(fd, ttl); !set) return unexpected(set.error());
  const kernel::SocketAddress to = kernel::socket_address(target(), port);
  // The error of an earlier packet would be told in place of sending this one; it is in the error queue too.
  constexpr int kTries = 4;
  for (int each = 0;; ++each) {
    (void)kernel::take_error(fd);
    if (::sendto(fd, data.data(), data.size(), 0, to.get(), to.length) >= 0) return {};
    if (each == kTries || errno == EPERM) return unexpected(errno_error(errno, "sendto", target().to_string()));
  }
}

Result<void> PlainWire::connect_from(const Quoted& quoted, std::uint8_t ttl) {
  attempts_.erase(quoted.ports.source);
  auto fd = bound(SOCK_STREAM, 0, quoted.ports.source, true);
  if (!fd) return unexpected(fd.error());
  if (const auto set = set_ttl(fd->get(), ttl); !set) return unexpected(set.error());
  const linger at_once{1, 0};  // closed by RST: the source port is free again
  (void)::setsockopt(fd->get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  const kernel::SocketAddress to = kernel::socket_address(target(), quoted.ports.destination);
  const int failed = ::connect(fd->get(), to.get(), to.length) == 0 ? 0 : errno;
  if (failed != 0 && failed != EINPROGRESS && failed != ECONNREFUSED) {
    return unexpected(errno_error(failed, "connect", target().to_string()));
  }
  if (const auto watched = watch(fd->get(), EPOLLIN | EPOLLOUT); !watched) return unexpected(watched.error());
  attempts_.emplace(quoted.ports.source, Attempt{std::move(*fd), quoted, failed == ECONNREFUSED ? failed : 0});
  return {};
}

Result<void> PlainWire::send(std::span<const std::uint8_t> packet) {
  const auto quoted = parse_quoted(packet);
  if (!quoted) return unexpected(make_error(ErrorCode::invalid, "send", target().to_string(), "no probe's packet"));
  const Family family = target().family();
  const std::uint8_t ttl = packet[family == Family::ipv4 ? 8 : 7];
  const auto message = packet.subspan(ip_header_size(family));
  if (quoted->transport == Transport::tcp) return connect_from(*quoted, ttl);
  if (quoted->transport == Transport::icmp) {
    const auto fd = echo_socket(quoted->echo_id);
    return fd ? send_datagram(*fd, message, ttl, 0) : Result<void>(unexpected(fd.error()));
  }
  const auto socket = datagrams_.find(quoted->ports.source);
  if (socket == datagrams_.end()) {
    return unexpected(make_error(ErrorCode::invalid, "send", std::to_string(quoted->ports.source), "not a held port"));
  }
  Bytes data(message.begin() + kTransportHeader, message.end());
  const auto number = static_cast<std::uint32_t>(sent_.size());
  for (std::size_t at = 0; at < kMark && data.size() >= kMark; ++at) {
    data[at] = static_cast<std::uint8_t>(number >> (24U - 8U * at));
  }
  const auto done = send_datagram(socket->second.get(), data, ttl, quoted->ports.destination);
  if (done) sent_.push_back({*quoted, packet.size(), false});
  return done;
}

Answer PlainWire::answer_of(const kernel::SocketError& error, const Quoted& quoted) const {
  Answer out;
  out.at_ns = error.at.count() != 0 ? error.at.count() : realtime_ns();
  out.from = error.from;
  out.icmp.emplace();
  out.icmp->type = icmp_type(target().family(), error.type, error.code);
  out.icmp->code = error.code;
  if (out.icmp->type == IcmpType::too_big) out.icmp->mtu = error.info;
  out.icmp->quoted = quoted;
  return out;
}

// The datagram that an error is about: by the number in what it quotes. A router that quotes only the header leaves it
// to whether a single one from that port is under way, or to the size that is too big for it.
PlainWire::Sent* PlainWire::sent_of(std::uint16_t port, const kernel::SocketError& error) {
  if (error.bytes.size() >= kMark) {
    const std::uint32_t number = mark_in(error.bytes);
    return number < sent_.size() && sent_[number].quoted.ports.source == port ? &sent_[number] : nullptr;
  }
  const bool too_big = icmp_type(target().family(), error.type, error.code) == IcmpType::too_big;
  Sent* found = nullptr;
  for (Sent& each : sent_) {
    if (each.answered || each.quoted.ports.source != port || (too_big && each.size <= error.info)) continue;
    if (found != nullptr && !too_big) return nullptr;
    if (found == nullptr) found = &each;
  }
  return found;
}

void PlainWire::read_datagrams(std::uint16_t port, int fd, std::vector<Answer>& out) {
  std::array<std::uint8_t, 2048> buffer{};
  for (int reads = 0; reads < kMostReads; ++reads) {
    const auto error = kernel::read_error(fd, buffer);
    if (!error || !*error) break;
    if (!is_icmp(**error)) continue;
    Sent* sent = sent_of(port, **error);
    if (sent == nullptr) continue;
    sent->answered = true;
    out.push_back(answer_of(**error, sent->quoted));
  }
  (void)kernel::take_error(fd);
  // What a program at the port answers with is of no use.
  while (::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0) {
  }
}

void PlainWire::read_echoes(std::uint16_t id, int fd, std::vector<Answer>& out) const {
  std::array<std::uint8_t, 2048> buffer{};
  for (int reads = 0; reads < kMostReads; ++reads) {
    const auto error = kernel::read_error(fd, buffer);
    if (!error || !*error) break;
    if (!is_icmp(**error) || (*error)->bytes.size() < kTransportHeader) continue;
    Quoted quoted;
    quoted.source = source();
    quoted.destination = target();
    quoted.transport = Transport::icmp;
    quoted.echo_id = id;
    quoted.echo_sequence = static_cast<std::uint16_t>((*error)->bytes[6] << 8U | (*error)->bytes[7]);
    out.push_back(answer_of(**error, quoted));
  }
  (void)kernel::take_error(fd);
  for (int reads = 0; reads < kMostReads; ++reads) {
    const auto got = kernel::receive(fd, buffer);
    if (!got) continue;
    if (!*got) return;
    Answer answer;
    answer.at_ns = (*got)->at.count() != 0 ? (*got)->at.count() : realtime_ns();
    answer.from = (*got)->from;
    answer.ttl = (*got)->ttl;
    answer.icmp = parse_icmp(target().family(), (*got)->bytes);
    if (answer.icmp) out.push_back(std::move(answer));
  }
}

// True when it has ended. An answer to a SYN that the kernel sent again says that the first was lost.
bool PlainWire::read_attempt(const Attempt& attempt, std::vector<Answer>& out) const {
  pollfd look{attempt.fd.get(), POLLIN | POLLOUT, 0};
  if (::poll(&look, 1, 0) <= 0 || look.revents == 0) return false;
  if (sent_again(attempt.fd.get())) return true;
  std::array<std::uint8_t, 2048> buffer{};
  for (int reads = 0; reads < kMostReads; ++reads) {
    const auto error = kernel::read_error(attempt.fd.get(), buffer);
    if (!error || !*error) break;
    if (!is_icmp(**error)) continue;
    out.push_back(answer_of(**error, attempt.quoted));
    return true;
  }
  const int failed = attempt.failed != 0 ? attempt.failed : kernel::take_error(attempt.fd.get());
  if (failed != 0 && failed != ECONNREFUSED && failed != ECONNRESET) return true;  // of this host: nobody answered
  Answer answer;
  answer.at_ns = realtime_ns();
  answer.from = target();
  answer.tcp.emplace();
  answer.tcp->ports = {attempt.quoted.ports.destination, attempt.quoted.ports.source};
  answer.tcp->acknowledged = attempt.quoted.sequence + 1;
  answer.tcp->ack = true;
  answer.tcp->syn = failed == 0;
  answer.tcp->rst = failed != 0;
  out.push_back(std::move(answer));
  return true;
}

std::vector<Answer> PlainWire::read() {
  std::vector<Answer> out;
  for (const auto& [port, fd] : datagrams_) read_datagrams(port, fd.get(), out);
  for (const auto& [id, fd] : echoes_) read_echoes(id, fd.get(), out);
  std::erase_if(attempts_, [&](const auto& each) { return read_attempt(each.second, out); });
  return out;
}

}  // namespace hostcheck::probe
