// The plugins of one run: started together, looked after while the rules run, judged at the end.
#pragma once

#include <vector>

#include "core/plugin/judge.h"

namespace hostcheck::plugin {

struct SessionResult {
  std::vector<checks::CheckResult> results;  // of every wanted check, in no order
  std::vector<checks::Finding> failures;     // hostcheck.plugin_failed, one for each plugin that failed
  // Rows that plugins brought: plugin, table, cells.
  struct Row {
    std::string plugin;
    SaidRow row;
  };
  std::vector<Row> rows;
};

class Session {
 public:
  // Runs the plugins' inputs and starts those that have something to do. Everything given outlives the Session. What is
  // not done at the deadline is ended.
  Session(const std::vector<Plugin>& plugins, const facts::Facts& facts, sql::Database& database,
          Clock::time_point deadline);
  // Lets the children go on; never waits.
  void pump() { runner_.pump(); }
  [[nodiscard]] SessionResult finish();

 private:
  const facts::Facts& facts_;
  std::vector<Prepared> prepared_;
  Runner runner_;
};

}  // namespace hostcheck::plugin
