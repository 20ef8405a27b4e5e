// What active probes found. Every table of a kind of probe has a column `probe`, the id of its row in probe_results.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// Whether a table is filled by what a run does (probes, journeys to targets, the plugins that
// bring it) and never gathered.
[[nodiscard]] bool is_asked_table(std::string_view table);

// A probe's arguments as its row has them, sorted by name: "count=5 ifname=eth0".
[[nodiscard]] std::string probe_arguments(const std::map<std::string, std::string>& args);

// One probe that was sent.
struct ProbeResult {
  std::uint32_t id = 0;  // from 1, in the order of the run
  Symbol netns;
  Symbol kind;           // "connect", "sweep", "pmtu", "trace", "gateway", "dns", "listener", "latency"
  std::string target;    // as it was asked for
  std::string args;      // see probe_arguments
  std::string asked_by;  // ids of checks, "--target", "by hand"; separated by ", "
  Symbol outcome;     // one word of the kind's own ("open", "deterministic", "black_hole"); "" when it could not be run
  std::string words;  // the outcome in one sentence, with its numbers
  Symbol method;      // how it was sent where there is a choice: "raw", "connect", "icmp", "udp", ...
  std::string fallback;           // why the better method was not used; "" where it was
  bool complete = true;           // false: the budget ended it, the outcome is what was known by then
  std::string error;              // why it could not be run; "" where it could
  std::uint32_t packets = 0;      // sent
  std::uint32_t duration_ms = 0;  // from its first packet's turn to its end
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
