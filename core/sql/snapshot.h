// A host's facts as one SQLite file: a table for each table of facts under the same name, with the same columns; and
//   absences   what could not be read, and why
//   columns    type, unit, source and meaning of every column, for whoever opens the file with another program
//   brought    the tables that plugins brought; with columns it makes them known where the plugin is not installed
//   snapshot   key and value: format, hostcheck, host, kernel, taken, observed_ms, anonymous, report (JSON)
#pragma once

#include <chrono>
#include <string>

#include "core/base/result.h"
#include "core/facts/anonymous.h"
#include "core/facts/facts.h"

namespace hostcheck::sql {

// Raised when a reader of the present one could misunderstand a file; new tables and columns are no such change.
inline constexpr std::int64_t kSnapshotFormat = 1;

struct SnapshotInfo {
  std::string hostcheck;  // version that wrote it
  std::string host;       // uname(2) nodename
  std::string kernel;     // uname(2) release
  std::string taken;      // UTC, as in the report
  bool anonymous = false;
  std::string report;  // the run's report as JSON; "" where there is none
};

struct Snapshot {
  SnapshotInfo info;
  facts::Facts facts;  // observed as it was
};

// Writes the file whole or not at all: beside it under another name first, then renamed over it. anonymiser: nullptr
// for the facts as they are; else addresses are hidden (anonymous.h), and names of hosts, namespaces, search domains,
// commands and control groups have pseudonyms that stay equal where they were equal.
[[nodiscard]] Result<void> write_snapshot(const std::string& path, const facts::Facts& facts, SnapshotInfo info,
                                          const facts::Anonymiser* anonymiser);

// What write_snapshot() writes, in memory.
[[nodiscard]] Result<std::string> snapshot_bytes(const facts::Facts& facts, SnapshotInfo info,
                                                 const facts::Anonymiser* anonymiser);

// Reads a file of whatever origin: nothing in it is run, and it is not written to. Tables of plugins are made known
// from it (facts::add_table), so a database that shall have them is opened later. Other tables and columns that this
// version does not know are left out; those that the file does not have are absent. Error code invalid: no snapshot,
// truncated, of a newer format, or a cell of another type than its column's, with the file, table and column.
[[nodiscard]] Result<Snapshot> read_snapshot(const std::string& path);

}  // namespace hostcheck::sql
