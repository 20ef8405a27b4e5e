// What a run has to say, ready to be shown. Every renderer shows this one model.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/checks/finding.h"
#include "core/conclude/journey_records.h"
#include "core/conclude/timeline.h"

namespace hostcheck::conclude {

enum class Verdict : std::uint8_t {
  ok,        // no finding at warning or above
  warning,   // the worst finding is a warning
  critical,  // the worst finding is critical
  unknown,   // no finding at warning or above, and too little was seen to call that good
};
// "ok", "warning", "critical", "unknown"
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct HostIdentity {
  std::string name;
  std::string kernel;      // uname(2) release
  std::string netns;       // the namespaces looked at, e.g. "init" or "init, web-1"
  std::string boot_id;     // "" where it could not be read
  std::string machine_id;  // "" where there is none
};

// Something that this host lets hostcheck do, or does not. Methods of the observation have names with this prefix.
inline constexpr std::string_view kObserveMethod = "observe: ";
inline constexpr std::string_view kHandshakeTrace = "observe: handshake trace";
struct Capability {
  std::string name;
  bool available = false;
  std::string detail;  // how it is known, or why it is not available
  std::string lost;    // what cannot be seen without it
};

// Somebody's decision not to be told of findings.
struct Suppression {
  std::string id;       // glob on the check's id
  std::string subject;  // glob, see suppress.h; "" for every subject
  std::string reason;
  std::optional<std::chrono::sys_days> until;  // last day on which it holds, UTC
  std::string origin;                          // "FILE:LINE"
};

struct SuppressedFinding {
  checks::Finding finding;
  Suppression by;
};

// One probe that was sent, with what it found.
struct ProbeRecord {
  std::string kind;
  std::string target;
  std::string netns;
  std::string args;      // "count=5 ifname=eth0"
  std::string asked_by;  // ids of checks, "--target"
  std::string outcome;   // one word of its kind; "" when it could not be run
  std::string words;
  std::string method;
  std::string fallback;
  std::string error;
  bool complete = true;
  std::uint32_t packets = 0;
  std::chrono::milliseconds duration{0};
  // Rows of its kind's own tables: by table, each row's columns by name, without probe and netns.
  using Row = std::vector<std::pair<std::string, facts::Value>>;
  std::vector<std::pair<std::string, std::vector<Row>>> rows;
};

struct Report {
  HostIdentity host;
  std::string snapshot;  // the file that was judged; "" for the live host
  std::chrono::system_clock::time_point started;
  std::chrono::milliseconds duration{0};
  std::chrono::milliseconds observed{0};  // between the two samples; 0 when there was one
  Verdict verdict = Verdict::ok;
  std::string unjudged;                       // for Verdict::unknown: why, in one sentence
  std::vector<checks::Finding> findings;      // in the order in which a person should read them
  std::vector<SuppressedFinding> suppressed;  // counted for nothing
  std::vector<checks::CheckResult> checks;    // sorted by id; their findings have moved to findings
  std::vector<ProbeRecord> probes;            // in the order in which they were asked for
  std::vector<JourneyRecord> journeys;        // one an address of a target
  Timeline timeline;
  std::vector<Capability> capabilities;
};

}  // namespace hostcheck::conclude
