// From facts to a plugin's verdicts: what it is started with, and what its answer means.
#pragma once

#include <string>
#include <vector>

#include "core/checks/finding.h"
#include "core/facts/facts.h"
#include "core/plugin/bring.h"
#include "core/plugin/runner.h"
#include "core/sql/database.h"

namespace hostcheck::plugin {

// A plugin that is ready to be started, or whose checks are decided without it.
struct Prepared {
  const Plugin* plugin = nullptr;
  // One for each check that is wanted: clear so far, or skipped, or error; with the reason and remedy of what it reads
  // and could not be read, which makes it unknown unless the plugin finds something.
  std::vector<checks::CheckResult> verdicts;
  std::vector<std::string> gaps;  // of each check; "" where everything was read
  std::vector<Brought> tables;    // the plugin's own, with what is missing in them
  std::chrono::milliseconds observed{0};
  bool start = false;  // false: the verdicts stand
  Job job;             // for Runner::add
};

// Runs the plugin's inputs on the facts that the database uses. It is to be started for its checks that are wanted, or
// for its tables, which whoever prepares it wants.
[[nodiscard]] Prepared prepare(const Plugin& plugin, const facts::Facts& facts, sql::Database& database);

// The verdicts with the plugin's findings, and its tables with its rows; all verdicts are `error` when it failed or
// said what it may not, which result.failed says then.
[[nodiscard]] std::vector<checks::CheckResult> judge(Prepared& prepared, JobResult& result);

// The page of hostcheck.plugin_failed.
inline constexpr std::string_view kFailedId = "hostcheck.plugin_failed";
[[nodiscard]] const checks::Rule& failure_page();
// A plugin that failed while it ran, or (file: its folder or file) that was refused.
[[nodiscard]] checks::Finding failure_of(const Plugin& plugin, const JobResult& result);
[[nodiscard]] checks::Finding refusal_of(const Error& error);

}  // namespace hostcheck::plugin
