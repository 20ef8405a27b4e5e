// hostcheck.report/1 as rows of runs, findings, checks and capabilities, and of the tables that probes fill.
#pragma once

#include <nlohmann/json.hpp>

#include "core/fleet/run_rows.h"

namespace hostcheck::fleet {

using Json = nlohmann::json;

// Thrown where a report is none; caught in core/fleet.
struct NoReport {
  std::string why;
};

// nullopt: it is no JSON, or nested more deeply than any report.
[[nodiscard]] std::optional<Json> parse_json(std::string_view text);

// Of a whole report; throws NoReport.
[[nodiscard]] RunHead head_of(const Json& report);
void add_report_rows(const Json& report, const RunHead& head, RowSet& rows);

}  // namespace hostcheck::fleet
