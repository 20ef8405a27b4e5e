// Kind "listener": does the program behind a port of this host accept?
#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/facts/probe_listener.h"
#include "core/kernel/error_queue.h"
#include "core/kernel/socket_address.h"
#include "core/probe/gateway_judge.h"
#include "core/probe/kind.h"
#include "core/probe/listener_settings.h"
#include "core/probe/listener_watch.h"

namespace hostcheck::probe {
namespace {

using namespace std::chrono_literals;
using facts::ProbeListener;

constexpr auto kLookGap = 200ms;
constexpr auto kConnectTime = 1000ms;
constexpr auto kCloseTime = 200ms;
// The last ACK of a handshake of this host with itself takes microseconds.
constexpr auto kDeferred = 300ms;

constexpr std::size_t kAnswerShown = 80;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string first_line(std::string_view text) {
  std::string out;
  for (const char each : text.substr(0, text.find_first_of("\r\n"))) {
    out += each >= ' ' && each <= '~' ? each : '.';
  }
  return out;
}

class Probe {
 public:
  Probe(Context& context, const ListenerSettings& settings)
      : context_(context), settings_(settings), target_(settings.target) {
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
      context_.fail(seen.error());
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
    const std::string queue =
        fmt::format("{} connection{} (limit {})", last.queue, last.queue == 1 ? " waits" : "s wait", last.limit);
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
    const bool unanswered = row_.sent_bytes && !row_.answer_ms;
    finish(unanswered ? "no_reply"
           : slow     ? "slow"
                      : "accepting",
           fmt::format("{} accepted {} of {} connections, each within {:.1f} ms ({:.1f} ms at the median){}", where_,
                       row_.accepted, row_.connects, *delays_.max(), *delays_.median(), answer_words()));
  }

  [[nodiscard]] std::string answer_words() const {
    if (!row_.sent_bytes) return "";
    const std::string sent = fmt::format("{} byte{}", *row_.sent_bytes, *row_.sent_bytes == 1 ? "" : "s");
    if (row_.answer_ms) {
      return fmt::format("; {} were sent, and the first byte came back after {:.1f} ms: \"{}\"", sent, *row_.answer_ms,
                         row_.answer);
    }
    return fmt::format("; {} were sent, and nothing came back within {} ms", sent, settings_.patience_ms);
  }

  // True when it was accepted. Else the outcome is told.
  Task<bool> connect_once() {
    auto fd = context_.socket(kernel::domain_of(target_.address), SOCK_STREAM, IPPROTO_TCP);
    if (!fd) {
      context_.fail(fd.error());
      co_return false;
    }
    Socket socket(context_.io, std::move(*fd));
    const auto address = kernel::socket_address(target_.address, target_.port);
    const int begun = ::connect(socket.fd(), address.get(), address.length);
    int error = begun == 0 ? 0 : errno;
    context_.note_socket(socket.fd(), IPPROTO_TCP, target_.address, target_.port);
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

  // Sends what is to be sent and waits for the first byte that comes back.
  Task<void> hear_answer(Socket& socket) {
    const ssize_t sent = ::send(socket.fd(), settings_.send.data(), settings_.send.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    row_.sent_bytes = static_cast<std::uint32_t>(std::max<ssize_t>(sent, 0));
    const auto start = Clock::now();
    if (!co_await socket.readable(context_.within(std::chrono::milliseconds(settings_.patience_ms)))) co_return;
    std::array<char, kAnswerShown> bytes{};
    const ssize_t got = ::recv(socket.fd(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) co_return;
    row_.answer_ms = milliseconds_since(start);
    row_.answer = first_line({bytes.data(), static_cast<std::size_t>(got)});
  }

  // Until it is accepted, or long enough. nullopt: the kernel could not be asked, which the result says.
  Task<void> watch_accept(kernel::Endpoint own, std::optional<AcceptState>& state, double& waited_ms) {
    const auto start = Clock::now();
    const auto until = context_.within(std::chrono::milliseconds(settings_.patience_ms));
    auto pause = 1ms;
    while (true) {
      const auto seen = look_at_connection(context_.netns(), target_, own.address, own.port);
      if (!seen) {
        state.reset();
        co_return context_.fail(seen.error());
      }
      state = *seen;
      waited_ms = milliseconds_since(start);
      if (state == AcceptState::accepted || state == AcceptState::gone || Clock::now() >= until) co_return;
      if (state == AcceptState::deferred && Clock::now() - start >= kDeferred) co_return;
      co_await context_.sleep_until(std::min(until, Clock::now() + pause));
      pause = std::min<std::chrono::milliseconds>(2 * pause, 100ms);
    }
  }

  Task<bool> wait_until_accepted(Socket& socket) {
    const auto own = kernel::local_endpoint(socket.fd());
    if (!own) {
      context_.fail(own.error());
      co_return false;
    }
    std::optional<AcceptState> state;
    double waited = 0;
    std::vector<Task<void>> tasks;
    tasks.push_back(watch_accept(*own, state, waited));
    if (row_.connects == 1 && !settings_.send.empty()) tasks.push_back(hear_answer(socket));
    co_await context_.together(std::move(tasks));
    if (!state) co_return false;
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
  const ListenerSettings& settings_;
  const ListenerTarget target_;
  std::string where_;
  ProbeListener row_;
  std::vector<QueueLook> looks_;
  Delays delays_;
};

Task<void> run(Context& context) {
  (void)context.out.rows<ProbeListener>();
  const auto settings = listener_settings(context);
  if (!settings) {
    context.fail(settings.error());
    co_return;
  }
  Probe probe(context, *settings);
  co_await probe.run();
}

constexpr std::array<std::string_view, 4> kArgs = {
    "connects=connections to make while nobody waits, 0 to 10 (3)",
    "patience_ms=how long a connection may wait before the program is said not to accept, 100 to 10000 (3000)",
    "slow_ms=from how long on it is slow to accept, 1 to 10000 (200)",
    "send=data for the program, sent once, on the first connection, as if by a client: how soon the first byte comes "
    "back; \\r \\n \\t \\\\ \\xHH stand for bytes (none is sent)",
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
