// What one file says of one host, ready to be loaded.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/fleet/rows.h"
#include "core/fleet/schema.h"

namespace hostcheck::fleet {

// Which run of which host it is, before its rows are read.
struct RunHead {
  std::string host;
  std::string started;  // UTC, "2026-01-01T00:00:00.000Z": later is greater
  std::string machine_id;
  bool snapshot = false;  // with facts, not a report alone
  std::string file;
};

// started as a report has it, and a time that there is.
[[nodiscard]] bool is_time(std::string_view text);
// A host's name that can stand in a table: not empty, at most 255 bytes.
[[nodiscard]] bool is_host_name(std::string_view text);

struct RunRows {
  RunHead head;
  RowSet rows;
  std::vector<Table> foreign;  // tables and columns of the file that this version does not know
};

// Whether the rows of this run are wanted; they are not read where they are not. May give the host another name.
using Wanted = std::function<bool(RunHead&)>;
using TakeRun = std::function<void(RunRows&&)>;
using TakeError = std::function<void(const Error&)>;

// Every run that a file of reports holds: a report, reports one after the other or in an array, `--format ndjson` of
// any number of runs. What is broken is given to complain, with its line where the file has one report a line; the rest
// is taken.
void read_reports(const std::string& file, std::string_view text, const Wanted& wanted, const TakeRun& take,
                  const TakeError& complain);

// The run that a snapshot holds.
void read_snapshot_file(const std::string& file, const Wanted& wanted, const TakeRun& take, const TakeError& complain);

// Adds what the report of this run says; head.snapshot: its facts come from elsewhere. Error code invalid: it is none.
[[nodiscard]] Result<void> add_report(std::string_view report_text, const RunHead& head, RowSet& rows);

}  // namespace hostcheck::fleet
