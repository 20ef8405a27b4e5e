#include "core/probe/connect_try.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/facts/socket.h"
#include "core/kernel/error_queue.h"
#include "core/kernel/socket_address.h"

namespace hostcheck::probe {
namespace {

using std::chrono::milliseconds;

constexpr int kTries = 3;
constexpr milliseconds kPatience(900);  // below the second after which the kernel sends a SYN again

// What the peer may still send after it has opened: a reset by something in between comes within a round trip.
constexpr milliseconds kLinger(20);

std::uint32_t syns_of(int fd) {
  facts::TcpInfo info{};
  socklen_t length = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 1;
  return 1 + info.total_retrans;
}

ConnectOutcome outcome_of(int sys_errno) {
  switch (sys_errno) {
    case ECONNREFUSED:
      return ConnectOutcome::refused;
    case ECONNRESET:
    case EPIPE:
      return ConnectOutcome::reset;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPROTO:
    case ENOPROTOOPT:
    case EACCES:
    case EMSGSIZE:
      return ConnectOutcome::unreachable;
    case ETIMEDOUT:
      return ConnectOutcome::timed_out;
    default:
      return ConnectOutcome::failed;
  }
}

// The error of a connect that was under way: a RST where the error queue has no ICMP message.
void take_failure(int fd, int sys_errno, Connected& out) {
  out.outcome = outcome_of(sys_errno);
  std::array<std::uint8_t, 2048> buffer{};
  for (;;) {
    const auto queued = kernel::read_error(fd, buffer);
    if (!queued || !*queued) break;
    out.by = kernel::words_of(**queued);
    // "Port unreachable" and "prohibited" refuse; the others say that the way ends.
    if ((*queued)->origin == kernel::ErrorOrigin::icmp || (*queued)->origin == kernel::ErrorOrigin::icmp6) return;
  }
  if (out.by.empty() && out.outcome == ConnectOutcome::refused) out.by = "RST from the address";
  if (out.by.empty()) out.by = strerror(sys_errno);  // NOLINT(concurrency-mt-unsafe): one thread
}

// What connect(2) refuses at once, before a packet is sent.
void take_local_failure(int sys_errno, Connected& out) {
  out.outcome = sys_errno == ENETUNREACH || sys_errno == EHOSTUNREACH || sys_errno == EACCES ? ConnectOutcome::no_route
                : sys_errno == EADDRNOTAVAIL                                                 ? ConnectOutcome::no_source
                                                                                             : ConnectOutcome::failed;
  out.by = std::string(strerror(sys_errno)) + " (this host)";  // NOLINT(concurrency-mt-unsafe): one thread
}

// True when nothing more is to be tried.
Task<bool> try_once(Context& context, const kernel::SocketAddress& to, const IpAddress& address, Connected& out) {
  const auto place = co_await context.half_open(address);
  if (!place || !co_await context.turn(address)) co_return true;
  auto fd = context.socket(kernel::domain_of(address), SOCK_STREAM, IPPROTO_TCP);
  if (!fd) {
    out.outcome = ConnectOutcome::failed;
    out.by = fd.error().message();
    co_return true;
  }
  Socket socket(context.io, std::move(*fd));
  (void)kernel::ask_errors(socket.fd(), address.family());
  const auto start = Clock::now();
  const auto since = [&] { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); };
  if (connect(socket.fd(), to.get(), to.length) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    // A refusal by this host's own listener is there at once.
    context.note_socket(socket.fd(), IPPROTO_TCP, address, kernel::endpoint_of(to.storage).port);
    if (error == ECONNREFUSED) {
      ++out.syns;
      take_failure(socket.fd(), error, out);
      out.time_ms = since();
    } else {
      take_local_failure(error, out);
    }
    co_return true;
  }
  context.note_socket(socket.fd(), IPPROTO_TCP, address, kernel::endpoint_of(to.storage).port);
  if (const auto own = kernel::local_endpoint(socket.fd())) {
    out.local_address = own->address;
    out.local_port = own->port;
  }
  const bool ready = co_await socket.writable(context.within(kPatience));
  const double took = since();
  out.syns += syns_of(socket.fd());
  if (!ready) {
    out.outcome = ConnectOutcome::timed_out;
    co_return false;
  }
  out.time_ms = took;
  if (const int error = kernel::take_error(socket.fd()); error != 0) {
    take_failure(socket.fd(), error, out);
    co_return true;
  }
  out.outcome = ConnectOutcome::open;
  const auto linger = std::max(kLinger, milliseconds(static_cast<int>(2 * took)));
  if (co_await socket.readable(context.within(std::min(linger, milliseconds(200))))) {
    std::array<std::uint8_t, 1> byte{};
    if (recv(socket.fd(), byte.data(), byte.size(), MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ECONNRESET) {
      out.outcome = ConnectOutcome::reset;
      out.by = "RST from the address after the handshake";
    }
  }
  co_return true;
}

// A SYN waits in this host until the link has found the next hop, and the kernel gives that up only after some seconds.
// before: the next hop when the first SYN was sent; of equal ones the source port decides.
void note_next_hop(const Context& context, const Flow& flow, const std::optional<Hop>& before, Connected& out) {
  if (out.outcome != ConnectOutcome::timed_out && out.outcome != ConnectOutcome::unreachable) return;
  for (const auto& hop : {before, next_hop_of(context, flow)}) {
    if (hop && !out.unfound) out.unfound = if_unfound(context, *hop);
  }
  if (!out.unfound) return;
  const std::string words = words_of(*out.unfound, flow.destination);
  out.by += (out.by.empty() ? "" : "; ") + words;
  out.outcome = ConnectOutcome::unreachable;
}

std::string words_of(const Connected& made) {
  const std::string time = made.time_ms ? fmt::format(" after {:.1f} ms", *made.time_ms) : "";
  const std::string by = made.by.empty() ? "" : ": " + made.by;
  switch (made.outcome) {
    case ConnectOutcome::open:
      return "open" + time + (made.syns > 1 ? fmt::format(", with SYN {}", made.syns) : "");
    case ConnectOutcome::timed_out:
      return fmt::format("no answer to {} SYN{}", made.syns, made.syns == 1 ? "" : "s");
    case ConnectOutcome::refused:
      return "refused" + time + by;
    case ConnectOutcome::unreachable:
      return "unreachable" + time + by;
    case ConnectOutcome::reset:
      return "opened and was reset" + time + by;
    case ConnectOutcome::no_route:
      return "no route" + by;
    case ConnectOutcome::no_source:
      return "no source address" + by;
    case ConnectOutcome::none:
      return "not tried: the budget was used up";
    default:
      return "failed" + by;
  }
}

}  // namespace

std::string_view name_of(ConnectOutcome outcome) {
  constexpr std::array<std::string_view, 10> kNames = {"",      "open",     "refused",   "timed_out", "unreachable",
                                                       "reset", "no_route", "no_source", "not_tried", "failed"};
  return kNames.at(static_cast<std::size_t>(outcome));
}

Task<Connected> connect_to(Context& context, IpAddress address, std::uint16_t port, std::uint32_t scope) {
  Connected out;
  const auto to = kernel::socket_address(address, port, scope);
  const auto before = next_hop_of(context, {IpAddress{}, 0, address, port});
  for (int each = 0; each < kTries; ++each) {
    if (co_await try_once(context, to, address, out)) break;
  }
  note_next_hop(context, {out.local_address, out.local_port, address, port}, before, out);
  out.words = words_of(out);
  co_return out;
}

}  // namespace hostcheck::probe
