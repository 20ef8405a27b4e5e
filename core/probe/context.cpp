#include "core/probe/context.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <exception>
#include <memory>

#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <sys/socket.h>

#include "core/base/text.h"
#include "core/kernel/socket_address.h"

namespace hostcheck::probe {
namespace {

auto with_error(asio::error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

std::string key_of(const Ask& ask, const IpAddress& to) {
  return ask.netns + " " + to.to_string();
}

}  // namespace

// Half-open connections to one address, and who waits for a place. Holds no part of the loop: it may live longer.
struct Engine::HalfOpenCount {
  std::uint32_t open = 0;
  std::deque<asio::steady_timer*> waiting;

  // One who waits, first come, first served.
  class Waiting {
   public:
    Waiting(HalfOpenCount& count, asio::steady_timer& timer) : count_(count), timer_(timer) {
      count_.waiting.push_back(&timer_);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { std::erase(count_.waiting, &timer_); }

   private:
    HalfOpenCount& count_;
    asio::steady_timer& timer_;
  };
};

Socket::Socket(asio::io_context& io, UniqueFd fd) : descriptor_(io, fd.release()) {}

Task<bool> Socket::wait(asio::posix::stream_descriptor::wait_type what, Clock::time_point until) {
  if (Clock::now() >= until) co_return false;
  asio::steady_timer timer(descriptor_.get_executor(), until);
  // The timer's handler may be queued already when the wait ends by itself: it must not touch the socket then.
  struct State {
    bool ended = false;
    bool expired = false;
  };
  const auto state = std::make_shared<State>();
  timer.async_wait([this, state](const asio::error_code& error) {
    if (error || state->ended) return;
    state->expired = true;
    descriptor_.cancel();
  });
  asio::error_code error;
  do {
    // Cancelling ends the other direction's wait too, whose time may not have come: it goes on.
    co_await descriptor_.async_wait(what, with_error(error));
  } while (error == asio::error::operation_aborted && !state->expired);
  state->ended = true;
  co_return !error;
}

Task<bool> Socket::readable(Clock::time_point until) {
  return wait(asio::posix::stream_descriptor::wait_read, until);
}

Task<bool> Socket::writable(Clock::time_point until) {
  return wait(asio::posix::stream_descriptor::wait_write, until);
}

Context::Context(Engine& engine, asio::io_context& loop, const Ask& asked, facts::Facts& facts, std::uint32_t id)
    : io(loop), ask(asked), out(facts), result(own_result_), engine_(engine) {
  own_result_.id = id;
  own_result_.netns = facts.intern(asked.netns);
  own_result_.kind = facts.intern(asked.kind);
  own_result_.target = asked.target;
  own_result_.args = facts::probe_arguments(asked.args);
  for (const std::string& each : asked.asked_by) {
    own_result_.asked_by += (own_result_.asked_by.empty() ? "" : ", ") + each;
  }
}

std::optional<std::string_view> Context::arg(std::string_view name) const {
  const auto found = ask.args.find(std::string(name));
  if (found == ask.args.end()) return std::nullopt;
  return found->second;
}

Result<std::int64_t> Context::number(std::string_view name, std::int64_t fallback, std::int64_t least,
                                     std::int64_t most) const {
  const auto text = arg(name);
  if (!text) return fallback;
  const auto value = parse_number<std::int64_t>(*text);
  if (value && *value >= least && *value <= most) return *value;
  return unexpected(make_error(ErrorCode::invalid, "probe " + ask.kind, std::string(name) + "=" + std::string(*text),
                               "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most)));
}

void Context::fail(const Error& error) {
  result.error = error.message();
  if (error.code == ErrorCode::invalid) engine_.unusable_.insert(result.id);
}

Result<UniqueFd> Context::socket(int domain, int type, int protocol) const {
  const auto scope = kernel::NetnsScope::enter(*netns_);
  if (!scope) return unexpected(scope.error());
  UniqueFd fd(::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return unexpected(errno_error(errno, "socket", ask.kind + " probe"));
  return fd;
}

void Context::note_flow(const Flow& flow) const {
  if (engine_.onlooker_.flow) engine_.onlooker_.flow(*netns_, result.id, flow);
}

void Context::note_socket(int fd, std::uint8_t protocol, const IpAddress& peer, std::uint16_t peer_port) const {
  if (!engine_.onlooker_.flow) return;
  if (const auto own = kernel::local_endpoint(fd)) note_flow({protocol, peer, own->port, peer_port});
}

Task<bool> Context::turn(const IpAddress& to, std::uint32_t packets) {
  const auto [place, first] = engine_.next_turn_.try_emplace(key_of(ask, to));
  auto& next = place->second;
  if (first && engine_.onlooker_.peer) engine_.onlooker_.peer(*netns_, to);
  const auto mine = std::max(next, Clock::now());
  if (mine >= engine_.limits_.deadline || engine_.sent_ + packets > engine_.limits_.packets) {
    result.complete = false;
    co_return false;
  }
  engine_.sent_ += packets;
  next = mine + engine_.limits_.gap * packets;
  co_await sleep_until(mine);
  if (over()) {
    engine_.sent_ -= packets;
    result.complete = false;
    co_return false;
  }
  result.packets += packets;
  co_return true;
}

Task<std::optional<HalfOpen>> Context::half_open(const IpAddress& to) {
  auto& kept = engine_.half_open_[key_of(ask, to)];
  if (kept == nullptr) kept = std::make_shared<Engine::HalfOpenCount>();
  const auto count = kept;
  while (count->open >= engine_.limits_.half_open) {
    if (over()) {
      result.complete = false;
      co_return std::nullopt;
    }
    asio::steady_timer timer(io, engine_.limits_.deadline);
    const Engine::HalfOpenCount::Waiting waiting(*count, timer);
    asio::error_code error;
    co_await timer.async_wait(with_error(error));
  }
  ++count->open;
  co_return HalfOpen([count] {
    --count->open;
    if (count->waiting.empty()) return;
    asio::steady_timer* first = count->waiting.front();
    count->waiting.pop_front();
    first->cancel();
  });
}

Task<void> Context::together(std::vector<Task<void>> tasks) {
  struct Join {
    std::size_t left = 0;
    asio::steady_timer done;
    std::exception_ptr thrown;
  };
  auto join = std::make_shared<Join>(Join{tasks.size(), asio::steady_timer(io, Clock::time_point::max()), {}});
  for (Task<void>& task : tasks) {
    asio::co_spawn(io, std::move(task), [join = join.get()](std::exception_ptr thrown) {
      if (thrown) join->thrown = thrown;
      if (--join->left == 0) join->done.cancel();
    });
  }
  asio::error_code error;
  while (join->left > 0) co_await join->done.async_wait(with_error(error));
  if (join->thrown) std::rethrow_exception(join->thrown);
}

Clock::time_point Context::within(std::chrono::milliseconds from_now) const {
  return std::min(engine_.limits_.deadline, Clock::now() + from_now);
}

Task<void> Context::sleep_until(Clock::time_point when) {
  when = std::min(when, engine_.limits_.deadline);
  if (Clock::now() >= when) co_return;
  asio::steady_timer timer(io, when);
  asio::error_code error;
  co_await timer.async_wait(with_error(error));
}

}  // namespace hostcheck::probe
