// The plugins of one run: started together, looked after while the rules run, judged at the end.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/plugin/judge.h"

namespace hostcheck::plugin {

struct SessionResult {
  std::vector<checks::CheckResult> results;  // of every wanted check, in no order
  std::vector<checks::Finding> failures;     // hostcheck.plugin_failed, one for each plugin that failed
};

class Session {
 public:
  // Runs the plugins' inputs and starts those that have something to do. Everything given outlives the Session. What is
  // not done at the deadline is ended.
  Session(const std::vector<Plugin>& plugins, const facts::Facts& facts, sql::Database& database,
          Clock::time_point deadline);
  // Lets the children go on; never waits.
  void pump() { runner_.pump(); }
  // The plugins' own tables go into `brought`, in place of what was there of them: those of a plugin that failed are
  // absent for its reason, those of one that had nothing to do have no rows.
  [[nodiscard]] SessionResult finish(facts::Facts& brought);

 private:
  const facts::Facts& facts_;
  std::vector<Prepared> prepared_;
  Runner runner_;
};

// Starts those of the plugins once more that have a check among `asked_by` and an input that reads what probes fill;
// facts have the answers. What they say now takes the place of their results; their rows are those of the first time.
// When it is too late for that, what they said before stands, and its suspicions say so. Gives hostcheck.plugin_failed
// for those that fail at it.
[[nodiscard]] std::vector<checks::Finding> ask_again(const std::vector<Plugin>& plugins,
                                                     const std::set<std::string>& asked_by, const facts::Facts& facts,
                                                     sql::Database& database, Clock::time_point deadline,
                                                     std::vector<checks::CheckResult>& results);

}  // namespace hostcheck::plugin
