#include "core/probe/latency_series.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/kernel/error_queue.h"
#include "core/kernel/packet_socket.h"
#include "core/kernel/socket_address.h"
#include "core/probe/checksum.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kEchoBytes = 64;
constexpr std::size_t kLoadBytes = 1400;
constexpr std::uint16_t kLoadPort = 33434;  // traceroute's: where a stray datagram surprises nobody

double ms_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

Result<UniqueFd> connected(const Context& context, const LatencyTarget& target, int type, int protocol,
                           std::uint16_t port) {
  auto fd = context.socket(kernel::domain_of(target.address), type, protocol);
  if (!fd) return fd;
  const auto address = kernel::socket_address(target.address, port, target.scope);
  if (::connect(fd->get(), address.get(), address.length) != 0) {
    return unexpected(errno_error(errno, "connect", target.address.to_string()));
  }
  if (type != SOCK_RAW) context.note_socket(fd->get(), static_cast<std::uint8_t>(protocol), target.address, port);
  return fd;
}

// A raw socket is given every ICMP packet from the target, the refusals of the load among them.
Result<void> hear_replies_only(int fd, Family family) {
  static constexpr std::array<sock_filter, 5> kIpv4 = {{
      {BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0},
      {BPF_LD | BPF_B | BPF_IND, 0, 0, 0},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0},
      {BPF_RET | BPF_K, 0, 0, 0xffff},
      {BPF_RET | BPF_K, 0, 0, 0},
  }};
  static constexpr std::array<sock_filter, 4> kIpv6 = {{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, 0},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 129},
      {BPF_RET | BPF_K, 0, 0, 0xffff},
      {BPF_RET | BPF_K, 0, 0, 0},
  }};
  if (family == Family::ipv6) return kernel::attach_filter(fd, kIpv6);
  return kernel::attach_filter(fd, kIpv4);
}

// Of the echoes that are sent by a raw socket.
std::uint16_t own_id(const Context& context) {
  return static_cast<std::uint16_t>(::getpid() * 64 + static_cast<int>(context.result.id));
}

}  // namespace

double now_ms() {
  return ms_of(kernel::wall_clock());
}

EchoSeries::EchoSeries(Context& context, Socket socket, bool raw, Family family)
    : socket_(std::move(socket)), raw_(raw), family_(family), id_(own_id(context)) {}

Result<std::unique_ptr<EchoSeries>> EchoSeries::open(Context& context, const LatencyTarget& target) {
  const Family family = target.address.family();
  const int protocol = family == Family::ipv6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
  bool raw = false;
  auto fd = connected(context, target, SOCK_DGRAM, protocol, 0);
  if (!fd && fd.error().code == ErrorCode::denied) {
    raw = true;
    fd = connected(context, target, SOCK_RAW, protocol, 0);
  }
  if (!fd) return unexpected(fd.error());
  if (auto stamped = kernel::ask_timestamps(fd->get()); !stamped) return unexpected(stamped.error());
  if (raw) {
    context.note_flow({static_cast<std::uint8_t>(protocol), target.address, own_id(context), 0});
    if (auto filtered = hear_replies_only(fd->get(), family); !filtered) return unexpected(filtered.error());
  }
  return std::unique_ptr<EchoSeries>(new EchoSeries(context, Socket(context.io, std::move(*fd)), raw, family));
}

void EchoSeries::ask(std::vector<DelaySample>& samples) {
  std::array<std::uint8_t, kEchoBytes> message{};
  message[0] = family_ == Family::ipv6 ? 128 : 8;
  message[4] = static_cast<std::uint8_t>(id_ >> 8);
  message[5] = static_cast<std::uint8_t>(id_ & 0xff);
  message[6] = static_cast<std::uint8_t>(next_ >> 8);
  message[7] = static_cast<std::uint8_t>(next_ & 0xff);
  if (raw_ && family_ == Family::ipv4) {  // the kernel computes the others
    const std::uint16_t sum = internet_checksum(message);
    message[2] = static_cast<std::uint8_t>(sum >> 8);
    message[3] = static_cast<std::uint8_t>(sum & 0xff);
  }
  ++next_;
  samples.push_back({now_ms(), std::nullopt});
  (void)::send(socket_.fd(), message.data(), message.size(), MSG_DONTWAIT);  // what is not sent is not answered
}

void EchoSeries::take(std::span<const std::uint8_t> message, double at_ms, std::vector<DelaySample>& samples) const {
  if (raw_ && family_ == Family::ipv4) {
    if (message.empty()) return;
    message = message.subspan(std::min(message.size(), (message[0] & 0x0fU) * std::size_t{4}));
  }
  if (message.size() < 8 || message[0] != (family_ == Family::ipv6 ? 129 : 0)) return;
  if (raw_ && (message[4] << 8 | message[5]) != id_) return;
  const auto place = static_cast<std::uint16_t>((message[6] << 8 | message[7]) - first_);
  if (place < samples.size() && !samples[place].answered_ms) samples[place].answered_ms = at_ms;
}

Task<void> EchoSeries::listen(Clock::time_point until, std::vector<DelaySample>& samples, bool until_all) {
  std::array<std::uint8_t, 512> buffer{};
  constexpr unsigned kMostErrors = 100;
  unsigned errors = 0;
  const auto waiting = [&] {
    return std::any_of(samples.begin(), samples.end(), [](const DelaySample& each) { return !each.answered_ms; });
  };
  while (Clock::now() < until && (!until_all || waiting())) {
    const auto got = kernel::receive(socket_.fd(), buffer);
    if (got && *got) {
      take((*got)->bytes, ms_of((*got)->at), samples);
      continue;
    }
    // An error that was told (host unreachable) has been taken by receive(); one that stays ends the wait.
    if (!got && ++errors > kMostErrors) co_return;
    if (!co_await socket_.readable(until)) co_return;
  }
}

Task<Result<DelaySample>> ask_by_handshake(Context& context, const LatencyTarget& target,
                                           std::chrono::milliseconds patience) {
  auto fd = context.socket(kernel::domain_of(target.address), SOCK_STREAM, IPPROTO_TCP);
  if (!fd) co_return unexpected(fd.error());
  Socket socket(context.io, std::move(*fd));
  const auto address = kernel::socket_address(target.address, target.port, target.scope);
  DelaySample sample{now_ms(), std::nullopt};
  int error = ::connect(socket.fd(), address.get(), address.length) == 0 ? 0 : errno;
  context.note_socket(socket.fd(), IPPROTO_TCP, target.address, target.port);
  if (error == EINPROGRESS) {
    error = co_await socket.writable(context.within(patience)) ? kernel::take_error(socket.fd()) : ETIMEDOUT;
  }
  if (error == 0 || error == ECONNREFUSED) sample.answered_ms = now_ms();
  co_return sample;
}

Result<Load> Load::open(const Context& context, const LatencyTarget& target) {
  auto fd = connected(context, target, SOCK_DGRAM, IPPROTO_UDP, kLoadPort);
  if (!fd) return unexpected(fd.error());
  return Load(std::move(*fd), target.address.family());
}

std::uint64_t Load::bytes_each() const {
  return kLoadBytes + 8 + (family_ == Family::ipv6 ? 40 : 20);
}

std::uint32_t Load::send(std::uint32_t packets) {
  static constexpr std::array<std::uint8_t, kLoadBytes> kNothing{};
  std::uint32_t sent = 0;
  for (std::uint32_t number = 0; number < packets; ++number) {
    if (::send(fd_.get(), kNothing.data(), kNothing.size(), MSG_DONTWAIT) >= 0) {
      ++sent;
    } else if (errno == ECONNREFUSED && ::send(fd_.get(), kNothing.data(), kNothing.size(), MSG_DONTWAIT) >= 0) {
      ++sent;  // the refusal of an earlier one was told
    }
  }
  return sent;
}

}  // namespace hostcheck::probe
