// What probes of kind latency found: the delay to a target without and with a small load.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

struct ProbeLatency {
  std::uint32_t probe = 0;
  Symbol netns;
  IpAddress address;
  std::uint16_t port = 0;  // 0: not given
  Symbol method;           // "echo", "connect"
  Symbol outcome;          // "steady", "queueing", "stalls", "silent", "unclear"
  std::uint32_t idle_sent = 0, idle_answered = 0, loaded_sent = 0, loaded_answered = 0;
  std::optional<double> base_ms;  // the shortest delay known
  std::optional<double> idle_median_ms, idle_max_ms, loaded_median_ms, loaded_high_ms, loaded_max_ms;
  std::optional<double> idle_gap_ms, loaded_gap_ms;  // longest time without an answer
  std::uint32_t load_packets = 0;
  std::uint64_t load_bytes = 0;
  std::uint32_t load_ms = 0;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
