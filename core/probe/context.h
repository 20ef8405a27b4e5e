// What a kind of probe works with: the loop, its ask, sockets in its namespace, turns to send.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

#include "core/base/address.h"
#include "core/base/flow.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/facts/facts.h"
#include "core/facts/probe.h"
#include "core/probe/engine.h"

namespace hostcheck::probe {

using Clock = std::chrono::steady_clock;
template <typename T>
using Task = asio::awaitable<T>;

// A non-blocking socket that coroutines can wait for. One waiter a direction at a time; it must outlive them.
class Socket {
 public:
  Socket(asio::io_context& io, UniqueFd fd);
  [[nodiscard]] int fd() { return descriptor_.native_handle(); }
  // True when it may be read (has an error, was closed by the peer), false at the time given or when the run is over.
  [[nodiscard]] Task<bool> readable(Clock::time_point until);
  [[nodiscard]] Task<bool> writable(Clock::time_point until);

 private:
  Task<bool> wait(asio::posix::stream_descriptor::wait_type what, Clock::time_point until);
  asio::posix::stream_descriptor descriptor_;
};

// A place among the half-open connections to one address (Limits::half_open), given back at its end.
class HalfOpen {
 public:
  explicit HalfOpen(std::function<void()> give_back) : give_back_(std::move(give_back)) {}
  HalfOpen(HalfOpen&& other) noexcept : give_back_(std::exchange(other.give_back_, nullptr)) {}
  HalfOpen& operator=(HalfOpen&& other) noexcept {
    std::swap(give_back_, other.give_back_);
    return *this;
  }
  HalfOpen(const HalfOpen&) = delete;
  HalfOpen& operator=(const HalfOpen&) = delete;
  ~HalfOpen() {
    if (give_back_) give_back_();
  }

 private:
  std::function<void()> give_back_;
};

class Context {
 public:
  Context(Engine& engine, asio::io_context& io, const Ask& ask, facts::Facts& out, std::uint32_t id);

  asio::io_context& io;
  const Ask& ask;
  facts::Facts& out;           // rows of the kind's tables go here
  facts::ProbeResult& result;  // the probe fills outcome, words, method, fallback, error

  // An argument of the ask; nullopt where it was not given.
  [[nodiscard]] std::optional<std::string_view> arg(std::string_view name) const;
  // A whole number from least to most; the default where it was not given. The error names argument and range.
  [[nodiscard]] Result<std::int64_t> number(std::string_view name, std::int64_t fallback, std::int64_t least,
                                            std::int64_t most) const;

  // Ends the probe: the result gets the error. One of code invalid says that the ask itself cannot be used
  // (Engine::is_unusable).
  void fail(const Error& error);

  // socket(2) in the ask's namespace, non-blocking and close-on-exec. Error: the kernel's (denied for raw sockets
  // without CAP_NET_RAW).
  [[nodiscard]] Result<UniqueFd> socket(int domain, int type, int protocol) const;
  // The namespace the ask is for.
  [[nodiscard]] const kernel::NetnsInfo& netns() const { return *netns_; }

  // Tells who looks on (Engine::tell) of a conversation of this probe, or of that of a socket of its own: after its
  // bind(2) or connect(2), with the protocol's number.
  void note_flow(const Flow& flow) const;
  void note_socket(int fd, std::uint8_t protocol, const IpAddress& peer, std::uint16_t peer_port) const;

  // Waits for this address's turn and takes `packets` from the budget. False when the budget or the time is used up:
  // the probe ends then with what it knows (result.complete is false already).
  [[nodiscard]] Task<bool> turn(const IpAddress& to, std::uint32_t packets = 1);
  // Waits for a place among the half-open connections to this address; take it before a SYN's turn and keep it until
  // the SYN is answered or taken back. Empty when the time is used up.
  [[nodiscard]] Task<std::optional<HalfOpen>> half_open(const IpAddress& to);
  // Runs them at the same time and returns when the last has ended. What one throws is thrown here then.
  [[nodiscard]] Task<void> together(std::vector<Task<void>> tasks);
  // The earlier of the run's deadline and `from now`.
  [[nodiscard]] Clock::time_point within(std::chrono::milliseconds from_now) const;
  // Since the probe was started.
  [[nodiscard]] std::uint32_t elapsed_ms() const {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
    return static_cast<std::uint32_t>(passed.count());
  }
  [[nodiscard]] bool over() const { return Clock::now() >= engine_.limits_.deadline; }
  [[nodiscard]] const Limits& limits() const { return engine_.limits_; }
  [[nodiscard]] Task<void> sleep_until(Clock::time_point when);

 private:
  friend class Engine;
  Engine& engine_;
  const kernel::NetnsInfo* netns_ = nullptr;
  Clock::time_point started_ = Clock::now();
  facts::ProbeResult own_result_;
};

}  // namespace hostcheck::probe
