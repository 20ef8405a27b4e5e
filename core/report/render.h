// A report as text for people and as JSON for machines. The same data in each.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/conclude/report.h"

namespace hostcheck::report {

// "2026-01-01T00:00:00.000Z"
// The reverse of utc(); nullopt for any other text.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text);
[[nodiscard]] std::string utc(std::chrono::system_clock::time_point time);

// One JSON object, schema hostcheck.report/1 (report.schema.json).
[[nodiscard]] std::string as_json(const conclude::Report& report);
// One JSON object a line: first {"record": "run", ...}, then every finding, check and capability, last
// {"record": "verdict", ...}.
[[nodiscard]] std::string as_ndjson(const conclude::Report& report);

// Parts of that object, for other commands: an array of its findings' or probes' form.
[[nodiscard]] std::string as_json(std::span<const checks::Finding> findings);
[[nodiscard]] std::string as_json(std::span<const conclude::ProbeRecord> probes);

struct TextOptions {
  bool colour = false;           // of the first word of each finding
  bool show_suppressed = false;  // name the findings that the configuration sets aside
  bool verbose = false;          // reasons, witnesses of each number, every row of every check
  bool quiet = false;            // findings only: no header, nothing at all of a healthy host
  int exit_status = 0;           // told in the last line
};
[[nodiscard]] std::string as_text(const conclude::Report& report, const TextOptions& options);

}  // namespace hostcheck::report
