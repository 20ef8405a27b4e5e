// What probes of the kind sweep found: whether SYNs get lost by the source port that they come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One address that was swept.
struct ProbeSweep {
  std::uint32_t probe = 0;  // ProbeResult::id
  Symbol netns;
  std::string name;  // "" where the target is an address
  IpAddress address;
  std::uint16_t port = 0;
  // "none", "all", "deterministic", "uneven", "random", "both", "bursts", "rate_limited", "unclear"; "" when it could
  // not be swept
  Symbol outcome;
  Symbol pattern;  // of dead ports: "range", "scattered"; "" without any
  Symbol method;   // "raw", "connect"
  std::uint32_t ports = 0;
  std::uint32_t rounds = 0;  // that the ports with the most SYNs had
  std::uint32_t sent = 0;
  std::uint32_t answered = 0;
  std::uint32_t lost = 0;  // of the ports that are not dead
  std::uint32_t dead = 0;
  std::string dead_ports;  // "30003, 30007"
  std::uint32_t first_port = 0;
  std::uint32_t last_port = 0;
  std::optional<double> loss;        // share lost on the ports that are not dead
  std::optional<double> slow_loss;   // the same at an eighth of the pace
  std::optional<double> error_rate;  // how often, at this loss, a port that is not dead would be called so
  std::optional<double> uneven_p;    // Cochran's Q over the ports that are not dead
  std::optional<double> burst_p;     // of losses as near to each other in time as these, were they independent
  std::optional<double> rtt_min_ms;
  std::optional<double> rtt_median_ms;
  std::optional<double> rtt_max_ms;
  std::uint32_t refused = 0;  // answers that were RST
  std::string stops_at;       // what ICMP said about SYNs from dead ports, and who
  std::string words;
  static const TableInfo& table();
};

// One source port of a sweep.
struct ProbeSweepPort {
  std::uint32_t probe = 0;
  Symbol netns;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint16_t source_port = 0;
  std::uint32_t sent = 0;
  std::uint32_t answered = 0;
  Symbol verdict;                // "live", "dead", "silent" (no answer, and not proven dead)
  std::optional<double> rtt_ms;  // median
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
