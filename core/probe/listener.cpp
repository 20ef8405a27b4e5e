// Kind "listener": does the program behind a port of this host accept?
#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/facts/probe_listener.h"
#include "core/kernel/error_queue.h"
#include "core/kernel/local_addresses.h"
#include "core/kernel/socket_address.h"
#include "core/probe/gateway_judge.h"
#include "core/probe/kind.h"
#include "core/probe/listener_watch.h"
#include "core/probe/target.h"

namespace hostcheck::probe {
namespace {

using namespace std::chrono_literals;
using facts::ProbeListener;

constexpr auto kLookGap = 200ms;
constexpr auto kConnectTime = 1000ms;
constexpr auto kCloseTime = 200ms;
// The last ACK of a handshake of this host with itself takes microseconds.
constexpr auto kDeferred = 300ms;

struct Settings {
  ListenerTarget target;
  std::int64_t connects = 3;
  std::int64_t patience_ms = 3000;
  std::int64_t slow_ms = 200;
};

Error wrong(const Context& context, std::string_view detail) {
  return make_error(ErrorCode::invalid, "probe listener", context.ask.target, detail);
}

bool is_local(const std::vector<IpAddress>& own, const IpAddress& address) {
  if (address.is_loopback()) return true;
  return std::find(own.begin(), own.end(), address) != own.end();
}

Result<ListenerTarget> target_of(const Context& context) {
  const auto parsed = parse_target(context.ask.target);
  if (!parsed) return unexpected(parsed.error());
  const auto address = IpAddress::parse(parsed->host);
  if (!address || !parsed->port) return unexpected(wrong(context, "must be ADDRESS:PORT of this host"));
  if (address->is_any()) {  // what listens on all addresses listens on loopback's
    return ListenerTarget{*IpAddress::parse(address->family() == Family::ipv4 ? "127.0.0.1" : "::1"), *parsed->port};
  }
  const auto own = [&]() -> Result<std::vector<IpAddress>> {
    const auto scope = kernel::NetnsScope::enter(context.netns());
    if (!scope) return unexpected(scope.error());
    return kernel::local_addresses();
  }();
  if (!own) return unexpected(own.error());
  if (!is_local(*own, *address))
    return unexpected(wrong(context, "is no address of this host: only own listeners are asked"));
  return ListenerTarget{*address, *parsed->port};
}

Result<Settings> settings_of(const Context& context) {
  Settings settings;
  const auto target = target_of(context);
  if (!target) return unexpected(target.error());
  settings.target = *target;
  const auto take = [&](std::string_view name, std::int64_t least, std::int64_t most,
                        std::int64_t& into) -> Result<void> {
    const auto value = context.number(name, into, least, most);
    if (!value) return unexpected(value.error());
    into = *value;
    return {};
  };
  for (const auto& taken :
       {take("connects", 0, 10, settings.connects), take("patience_ms", 100, 10'000, settings.patience_ms),
        take("slow_ms", 1, 10'000, settings.slow_ms)}) {
    if (!taken) return unexpected(taken.error());
  }
  return settings;
}

class Probe {
 public:
  Probe(Context& context, const Settings& settings) : context_(context), settings_(settings), target_(settings.target) {
    row_.probe = context.result.id;
    row_.netns = context.result.netns;
    row_.address = target_.address;
    row_.port = target_.port;
    where_ = target_.address.family() == Family::ipv6
                 ? fmt::format("[{}]:{}", target_.address.to_string(), target_.port)
                 : fmt::format("{}:{}", target_.address.to_string(), target_.port);
  }

  Task<void> run() {
    if (!look()) co_return;
    const QueueLook first = looks_.front();
    row_.listeners = first.listeners;
    if (first.listeners == 0) co_return finish("closed", "nobody listens on " + where_);
    row_.queue_before = first.queue;
    row_.queue_limit = first.limit;
    if (!first.oldest.empty()) row_.oldest_before_ms = first.oldest_ms;
    if (first.queue > 0) {
      if (!co_await watch()) co_return;
    }
    co_await connect_some();
  }

 private:
  // False when the kernel could not be asked: the result has the error then.
  bool look() {
    const auto seen = look_at_queue(context_.netns(), target_);
    if (!seen) {
      context_.result.error = seen.error().message();
      return false;
    }
    looks_.push_back(*seen);
    return true;
  }

  // Until nobody waits (true: the listener may be connected to) or it can be told why somebody does.
  Task<bool> watch() {
    const auto start = Clock::now();
    const auto until = context_.within(std::chrono::milliseconds(settings_.patience_ms));
    while (looks_.back().queue > 0 && Clock::now() < until) {
      co_await context_.sleep_until(std::min(until, Clock::now() + kLookGap));
      if (!look()) co_return false;
    }
    row_.watched_ms =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
    const QueueLook& first = looks_.front();
    const QueueLook& last = looks_.back();
    if (!first.oldest.empty()) row_.same_oldest = same_first(first, last);
    if (context_.over()) context_.result.complete = false;
    co_return judge_queue(read_queue(looks_, static_cast<std::uint32_t>(settings_.patience_ms)), last);
  }

  bool judge_queue(QueueOutcome outcome, const QueueLook& last) {
    const std::string queue = fmt::format("{} connections wait (limit {})", last.queue, last.limit);
    switch (outcome) {
      case QueueOutcome::empty:
        return true;
      case QueueOutcome::not_accepting:
        finish("not_accepting", fmt::format("{} accepted nothing in {} ms: {}, the first for {} ms", where_,
                                            row_.watched_ms, queue, last.oldest_ms));
        return false;
      case QueueOutcome::overflow:
        finish("overflow", fmt::format("{} accepts, and not fast enough: {}, {} SYNs and ACKs dropped in {} ms", where_,
                                       queue, last.drops - looks_.front().drops, row_.watched_ms));
        return false;
      case QueueOutcome::slow:
        finish("slow", fmt::format("{} accepts, and its queue did not get empty in {} ms: {}, the first for {} ms",
                                   where_, row_.watched_ms, queue, last.oldest_ms));
        return false;
      case QueueOutcome::unclear:
        finish("unclear", fmt::format("{}: {}, and {} ms are too short to tell whether they are accepted", where_,
                                      queue, row_.watched_ms));
        return false;
    }
    return false;
  }

  Task<void> connect_some() {
    for (std::int64_t number = 0; number < settings_.connects; ++number) {
      if (!co_await context_.turn(target_.address, 4)) break;  // a handshake and a FIN
      if (!co_await connect_once()) co_return;
      if (number + 1 < settings_.connects && (!look() || looks_.back().queue > 0)) break;
    }
    if (row_.accepted == 0) co_return finish("unclear", where_ + " listens; the time was too short to connect");
    const bool slow = *delays_.median() >= static_cast<double>(settings_.slow_ms);
    finish(slow ? "slow" : "accepting",
           fmt::format("{} accepted {} of {} connections, each within {:.1f} ms ({:.1f} ms at the median)", where_,
                       row_.accepted, row_.connects, *delays_.max(), *delays_.median()));
  }

  // True when it was accepted. Else the outcome is told.
  Task<bool> connect_once() {
    auto fd = context_.socket(kernel::domain_of(target_.address), SOCK_STREAM, IPPROTO_TCP);
    if (!fd) {
      context_.result.error = fd.error().message();
      co_return false;
    }
    Socket socket(context_.io, std::move(*fd));
    const auto address = kernel::socket_address(target_.address, target_.port);
    const int begun = ::connect(socket.fd(), address.get(), address.length);
    int error = begun == 0 ? 0 : errno;
    ++row_.connects;
    if (error == EINPROGRESS) {
      const bool ended = co_await socket.writable(context_.within(kConnectTime));
      error = ended ? kernel::take_error(socket.fd()) : ETIMEDOUT;
    }
    if (error != 0) {
      tell_failure(error);
      co_return false;
    }
    co_return co_await wait_until_accepted(socket);
  }

  void tell_failure(int error) {
    const std::string reason = errno_error(error, "connect", where_).message();
    if (error == ECONNREFUSED) {
      finish("closed", fmt::format("{} refuses connections", where_));
    } else if (error == ETIMEDOUT) {
      finish("no_answer", fmt::format("{} listens with an empty queue, and its SYN got no answer within 1 s", where_));
    } else {
      finish("unclear", reason);
    }
  }

  Task<bool> wait_until_accepted(Socket& socket) {
    const auto own = kernel::local_endpoint(socket.fd());
    if (!own) {
      context_.result.error = own.error().message();
      co_return false;
    }
    const auto start = Clock::now();
    const auto until = context_.within(std::chrono::milliseconds(settings_.patience_ms));
    auto pause = 1ms;
    AcceptState state = AcceptState::waiting;
    while (true) {
      const auto seen = look_at_connection(context_.netns(), target_, own->address, own->port);
      if (!seen) {
        context_.result.error = seen.error().message();
        co_return false;
      }
      state = *seen;
      if (state == AcceptState::accepted || state == AcceptState::gone || Clock::now() >= until) break;
      if (state == AcceptState::deferred && Clock::now() - start >= kDeferred) break;
      co_await context_.sleep_until(std::min(until, Clock::now() + pause));
      pause = std::min<std::chrono::milliseconds>(2 * pause, 100ms);
    }
    const double waited = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    // One whose other end has gone was accepted and closed; one that never was at this port went elsewhere.
    const bool elsewhere = state == AcceptState::gone && !closed_by_peer(socket);
    co_await close_cleanly(socket);
    if (elsewhere) {
      finish("unclear",
             where_ + " leads to another port: its connections are not this listener's (address translation)");
      co_return false;
    }
    if (state == AcceptState::accepted || state == AcceptState::gone) {
      ++row_.accepted;
      delays_.add(waited);
      co_return true;
    }
    if (state == AcceptState::deferred) {
      finish("deferred", where_ + " waits for data before it accepts (TCP_DEFER_ACCEPT), and none is sent");
    } else if (waited < static_cast<double>(settings_.patience_ms)) {
      context_.result.complete = false;
      finish("unclear", fmt::format("{} did not accept within {:.0f} ms, which is too short to tell", where_, waited));
    } else {
      finish("not_accepting",
             fmt::format("{} did not accept a connection of this probe within {:.0f} ms", where_, waited));
    }
    co_return false;
  }

  static bool closed_by_peer(Socket& socket) {
    char byte = 0;
    const ssize_t got = ::recv(socket.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }

  // FIN, the peer's FIN, and no RST for a greeting that nobody read.
  Task<void> close_cleanly(Socket& socket) {
    ::shutdown(socket.fd(), SHUT_WR);
    const auto until = context_.within(kCloseTime);
    std::array<char, 4096> greeting{};
    while (true) {
      const ssize_t got = ::recv(socket.fd(), greeting.data(), greeting.size(), MSG_DONTWAIT);
      if (got > 0) continue;
      if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) co_return;
      if (!co_await socket.readable(until)) co_return;
    }
  }

  void finish(std::string_view outcome, const std::string& words) {
    (void)look();
    const QueueLook& first = looks_.front();
    const QueueLook& last = looks_.back();
    if (first.listeners > 0) {
      row_.queue_after = last.queue;
      if (!last.oldest.empty()) row_.oldest_after_ms = last.oldest_ms;
      row_.queue_max = 0;
      for (const QueueLook& each : looks_) row_.queue_max = std::max(*row_.queue_max, each.queue);
      row_.drops = last.drops >= first.drops ? last.drops - first.drops : 0;
    }
    row_.accept_median_ms = delays_.median();
    row_.accept_max_ms = delays_.max();
    row_.outcome = context_.out.intern(outcome);
    context_.result.outcome = row_.outcome;
    context_.result.words = words;
    context_.result.method = context_.out.intern(row_.connects > 0 ? "connect" : "watch");
    context_.out.rows<ProbeListener>().push_back(row_);
  }

  Context& context_;
  const Settings& settings_;
  const ListenerTarget target_;
  std::string where_;
  ProbeListener row_;
  std::vector<QueueLook> looks_;
  Delays delays_;
};

Task<void> run(Context& context) {
  (void)context.out.rows<ProbeListener>();
  const auto settings = settings_of(context);
  if (!settings) {
    context.result.error = settings.error().message();
    co_return;
  }
  Probe probe(context, *settings);
  co_await probe.run();
}

constexpr std::array<std::string_view, 3> kArgs = {
    "connects=connections to make while nobody waits, 3",
    "patience_ms=how long a connection may wait before the program is said not to accept, 3000",
    "slow_ms=from how long on it is slow to accept, 200",
};
constexpr std::array<std::string_view, 1> kTables = {"probe_listener"};

}  // namespace

const Kind& listener_kind() {
  static const Kind kind{
      {"listener", "ADDRESS:PORT", "whether the program behind a port of this host accepts connections, and how soon",
       kArgs, kTables},
      run};
  return kind;
}

}  // namespace hostcheck::probe
