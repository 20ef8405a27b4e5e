// The gateway probe without raw frames.
#include <array>
#include <cerrno>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "core/kernel/neighbour_lookup.h"
#include "core/kernel/packet_socket.h"
#include "core/kernel/socket_address.h"
#include "core/probe/gateway_link.h"

namespace hostcheck::probe {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kEchoes = 5;
constexpr auto kEchoGap = 100ms;
constexpr auto kPatience = 500ms;
// The kernel gives up on a neighbour after three questions a second apart.
constexpr auto kResolution = 3500ms;
constexpr std::uint16_t kDiscardPort = 9;

Result<UniqueFd> connected(const Context& context, const LinkTarget& target, int type, int protocol,
                           std::uint16_t port) {
  auto fd = context.socket(kernel::domain_of(target.address), type, protocol);
  if (!fd) return fd;
  // Where the kernel does not let us bind to the device, the route decides, as it does for every program.
  (void)kernel::bind_device(fd->get(), target.link.ifname);
  const std::uint32_t scope = target.address.is_link_local() ? target.link.ifindex : 0;
  const auto address = kernel::socket_address(target.address, port, scope);
  if (::connect(fd->get(), address.get(), address.length) != 0) return unexpected(errno_error(errno, "connect"));
  context.note_socket(fd->get(), static_cast<std::uint8_t>(protocol), target.address, port);
  return fd;
}

// What the neighbour's entry says: resolved just now, given up, or neither.
PlainAnswer read_entry(const Context& context, const LinkTarget& target) {
  const auto entry = kernel::find_neighbour(context.netns(), target.link.ifindex, target.address);
  if (!entry || !*entry) return PlainAnswer::unclear;
  if ((*entry)->state == facts::NeighbourState::reachable) return PlainAnswer::answered;
  if ((*entry)->state == facts::NeighbourState::failed) return PlainAnswer::silent;
  return PlainAnswer::unclear;
}

Task<PlainAnswer> wait_for_entry(Context& context, const LinkTarget& target) {
  const auto until = context.within(kResolution);
  PlainAnswer answer = read_entry(context, target);
  while (answer == PlainAnswer::unclear && Clock::now() < until) {
    co_await context.sleep_until(std::min(until, Clock::now() + kEchoGap));
    answer = read_entry(context, target);
  }
  co_return answer;
}

Task<void> echo_by_ping_socket(Context& context, const LinkTarget& target, Socket& socket, Delays& delays) {
  const bool six = target.address.family() == Family::ipv6;
  (void)kernel::ask_timestamps(socket.fd());
  for (std::uint8_t round = 0; round < kEchoes; ++round) {
    if (!co_await context.turn(target.address)) co_return;
    std::array<std::uint8_t, 32> message{};
    message[0] = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
    message[7] = round;
    const auto sent = kernel::wall_clock();
    ++delays.sent;
    if (::send(socket.fd(), message.data(), message.size(), MSG_DONTWAIT) < 0) co_return;  // EHOSTUNREACH
    const auto until = context.within(kPatience);
    for (bool answered = false; !answered;) {
      const bool readable = co_await socket.readable(until);
      if (!readable) break;
      std::array<std::uint8_t, 256> buffer{};
      const auto got = kernel::receive(socket.fd(), buffer);
      if (!got) co_return;
      if (!*got || (*got)->bytes.size() < 8 || (*got)->bytes[7] != round) continue;
      delays.add(std::chrono::duration<double, std::milli>((*got)->at - sent).count());
      answered = true;
    }
  }
}

// An empty datagram to a port that nobody listens on: the refusal is an answer, too.
Task<PlainAnswer> ask_by_udp(Context& context, const LinkTarget& target, Socket& socket) {
  if (!co_await context.turn(target.address)) co_return PlainAnswer::unclear;
  (void)::send(socket.fd(), nullptr, 0, MSG_DONTWAIT);
  if (co_await socket.readable(context.within(kPatience))) {
    std::array<std::uint8_t, 64> buffer{};
    const auto got = kernel::receive(socket.fd(), buffer);
    if (!got && got.error().sys_errno == ECONNREFUSED) co_return PlainAnswer::answered;
  }
  co_return co_await wait_for_entry(context, target);
}

}  // namespace

Task<Result<PlainFindings>> ask_plainly(Context& context, const LinkTarget& target) {
  PlainFindings findings;
  const bool six = target.address.family() == Family::ipv6;
  if (auto fd = connected(context, target, SOCK_DGRAM, six ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP}, 0)) {
    Socket socket(context.io, std::move(*fd));
    findings.method = "echo";
    co_await echo_by_ping_socket(context, target, socket, findings.echo);
    findings.answer = findings.echo.answered() > 0 ? PlainAnswer::answered : co_await wait_for_entry(context, target);
    co_return findings;
  }
  auto fd = connected(context, target, SOCK_DGRAM, IPPROTO_UDP, kDiscardPort);
  if (!fd) co_return unexpected(fd.error());
  Socket socket(context.io, std::move(*fd));
  findings.method = "udp";
  findings.answer = co_await ask_by_udp(context, target, socket);
  co_return findings;
}

}  // namespace hostcheck::probe
