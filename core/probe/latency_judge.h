// What delays without and with load tell: distance, a queue, or a way that stands still for a time. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/probe/gateway_judge.h"

namespace hostcheck::probe {

// One question, by the clock that all of a series share.
struct DelaySample {
  double sent_ms = 0;
  std::optional<double> answered_ms;
};

struct DelayThresholds {
  double queue_ms = 100;   // so much more than the base is a queue
  double stall_ms = 1000;  // so long without an answer is a stall
};

struct DelaySeries {
  Delays delays;
  double gap_ms = 0;  // longest time between two answers, or from the first question to the first answer
  // Questions sent within that gap, and answers after it.
  std::uint32_t gap_sent = 0;
  std::uint32_t gap_after = 0;
};
// samples: in the order they were sent.
[[nodiscard]] DelaySeries read_series(std::span<const DelaySample> samples);

struct DelayReading {
  std::string_view outcome;  // "steady", "queueing", "stalls", "silent", "unclear"
  std::string words;
  std::optional<double> base_ms;
  DelaySeries idle, loaded;
};
// known_base_ms: a shorter delay that is known from elsewhere (a connection's smallest round trip).
[[nodiscard]] DelayReading read_delays(std::span<const DelaySample> idle, std::span<const DelaySample> loaded,
                                       std::optional<double> known_base_ms, const DelayThresholds& thresholds);

}  // namespace hostcheck::probe
