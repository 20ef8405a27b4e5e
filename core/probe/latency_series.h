// Questions to one address whose answers tell the delay: ICMP echo, or TCP handshakes where echo is not answered.
#pragma once

#include <memory>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/probe/context.h"
#include "core/probe/latency_judge.h"

namespace hostcheck::probe {

struct LatencyTarget {
  IpAddress address;
  std::uint16_t port = 0;   // 0: none
  std::uint32_t scope = 0;  // interface of a link-local IPv6 address
};

// A socket that asks by echo: an unprivileged ping socket (icmp(7) ping_group_range), else a raw one.
class EchoSeries {
 public:
  // Error: denied, or no route.
  [[nodiscard]] static Result<std::unique_ptr<EchoSeries>> open(Context& context, const LatencyTarget& target);

  // Sends one question now, a turn already taken.
  void ask(std::vector<DelaySample>& samples);
  // Takes answers to questions of the samples until then; early when all are answered and `until_all` says so.
  [[nodiscard]] Task<void> listen(Clock::time_point until, std::vector<DelaySample>& samples, bool until_all = false);
  // Forgets the questions so far: the next series begins at the first sample again.
  void begin_series() { first_ = next_; }

 private:
  EchoSeries(Context& context, Socket socket, bool raw, Family family);
  void take(std::span<const std::uint8_t> message, double at_ms, std::vector<DelaySample>& samples) const;
  Socket socket_;
  bool raw_;
  Family family_;
  std::uint16_t id_;
  std::uint16_t first_ = 0;  // sequence number of the series' first question
  std::uint16_t next_ = 0;
};

// One handshake; answered when it is accepted or refused. Waits at most `patience`.
[[nodiscard]] Task<Result<DelaySample>> ask_by_handshake(Context& context, const LatencyTarget& target,
                                                         std::chrono::milliseconds patience);

// Milliseconds of CLOCK_REALTIME, as the samples have them.
[[nodiscard]] double now_ms();

// The load: UDP datagrams of 1400 bytes and IP header to a port that nobody should listen on.
class Load {
 public:
  [[nodiscard]] static Result<Load> open(const Context& context, const LatencyTarget& target);
  // Sends so many at once; how many the kernel took.
  std::uint32_t send(std::uint32_t packets);
  [[nodiscard]] std::uint64_t bytes_each() const;

 private:
  Load(UniqueFd fd, Family family) : fd_(std::move(fd)), family_(family) {}
  UniqueFd fd_;
  Family family_;
};

}  // namespace hostcheck::probe
