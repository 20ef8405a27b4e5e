#include "core/probe/context.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <sys/socket.h>

#include "core/base/text.h"

namespace hostcheck::probe {
namespace {

auto with_error(asio::error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

}  // namespace

Socket::Socket(asio::io_context& io, UniqueFd fd) : descriptor_(io, fd.release()) {}

Task<bool> Socket::wait(asio::posix::stream_descriptor::wait_type what, Clock::time_point until) {
  if (Clock::now() >= until) co_return false;
  asio::steady_timer timer(descriptor_.get_executor(), until);
  // The timer's handler may be queued already when the wait ends by itself: it must not touch the socket then.
  const auto ended = std::make_shared<bool>(false);
  timer.async_wait([this, ended](const asio::error_code& error) {
    if (!error && !*ended) descriptor_.cancel();
  });
  asio::error_code error;
  co_await descriptor_.async_wait(what, with_error(error));
  *ended = true;
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

Result<UniqueFd> Context::socket(int domain, int type, int protocol) const {
  const auto scope = kernel::NetnsScope::enter(*netns_);
  if (!scope) return unexpected(scope.error());
  UniqueFd fd(::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return unexpected(errno_error(errno, "socket", ask.kind + " probe"));
  return fd;
}

Task<bool> Context::turn(const IpAddress& to, std::uint32_t packets) {
  if (over() || engine_.sent_ + packets > engine_.limits_.packets) {
    result.complete = false;
    co_return false;
  }
  engine_.sent_ += packets;
  auto& next = engine_.next_turn_[ask.netns + " " + to.to_string()];
  const auto mine = std::max(next, Clock::now());
  next = mine + engine_.limits_.gap * packets;
  co_await sleep_until(mine);
  if (over()) {
    result.complete = false;
    co_return false;
  }
  result.packets += packets;
  co_return true;
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
