// A report as text for people, as JSON for machines, and in the forms that monitoring and CI read. The same data in
// each.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/conclude/report.h"

namespace hostcheck::report {

// "2026-01-01T00:00:00.000Z"
[[nodiscard]] std::string utc(std::chrono::system_clock::time_point time);
// The reverse of utc(); nullopt for any other text.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text);

// One JSON object, schema hostcheck.report/1 (report.schema.json).
[[nodiscard]] std::string as_json(const conclude::Report& report);
// One JSON object a line: first {"record": "run", ...}, then every finding, check and capability, last
// {"record": "verdict", ...}.
[[nodiscard]] std::string as_ndjson(const conclude::Report& report);

// Parts of that object, for other commands: an array of its findings' or probes' form.
[[nodiscard]] std::string as_json(std::span<const checks::Finding> findings);
[[nodiscard]] std::string as_json(std::span<const conclude::ProbeRecord> probes);

// Prometheus' text exposition format 0.0.4, for node_exporter's textfile directory: the run, its verdict, findings by
// id, severity and status, checks by outcome. All gauges: each run replaces what the former one said.
[[nodiscard]] std::string as_prometheus(const conclude::Report& report);

// A monitoring plugin's output by the Monitoring Plugins guidelines: "HOSTCHECK CRITICAL: ... | performance data", then
// a line for each finding and cure. At most kNagiosBytes, so that no part of it is cut on the way.
[[nodiscard]] std::string as_nagios(const conclude::Report& report);
// The same of a run that failed: "HOSTCHECK UNKNOWN: why".
[[nodiscard]] std::string nagios_failure(std::string_view why);
inline constexpr std::size_t kNagiosBytes = 4000;  // Nagios Core keeps 8191, NRPE of version 2 1023 to 16,384

// The message of a Node Problem Detector condition: one line of at most kNpdBytes, the newline not counted. Its custom
// plugin monitor cuts at max_output_length, which packaging/npd sets to that.
[[nodiscard]] std::string as_npd(const conclude::Report& report);
inline constexpr std::size_t kNpdBytes = 256;

// JUnit XML: a suite an area, a case a check. A finding at warning or above is a failure, a check that failed an error,
// one that could not judge or was not run is skipped, and so is one all of whose findings are set aside.
[[nodiscard]] std::string as_junit(const conclude::Report& report);

struct TextOptions {
  bool colour = false;           // of the first word of each finding
  bool show_suppressed = false;  // name the findings that the configuration sets aside
  bool verbose = false;          // reasons, witnesses of each number, every row of every check
  bool quiet = false;            // findings only: no header, nothing at all of a healthy host
  int exit_status = 0;           // told in the last line
};
[[nodiscard]] std::string as_text(const conclude::Report& report, const TextOptions& options);

}  // namespace hostcheck::report
