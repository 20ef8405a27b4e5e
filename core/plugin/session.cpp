#include "core/plugin/session.h"

#include <iterator>
#include <utility>

#include "core/checks/role_filter.h"

namespace hostcheck::plugin {

Session::Session(const std::vector<Plugin>& plugins, const facts::Facts& facts, sql::Database& database,
                 Clock::time_point deadline)
    : facts_(facts), runner_(deadline) {
  for (const Plugin& each : plugins) {
    Prepared& made = prepared_.emplace_back(prepare(each, facts, database));
    if (made.start) runner_.add(std::move(made.job));
  }
}

namespace {

// Only what holds for the roles of each namespace.
void keep_to_roles(const Plugin& plugin, const facts::Facts& facts, std::vector<checks::CheckResult>& results) {
  for (const Check& check : plugin.checks) {
    for (checks::CheckResult& each : results) {
      if (each.id == check.rule.id) checks::keep_to_roles(check.rule, facts, each);
    }
  }
}

}  // namespace

SessionResult Session::finish() {
  SessionResult all;
  std::vector<JobResult> answers = runner_.finish();
  auto answer = answers.begin();
  for (Prepared& each : prepared_) {
    if (!each.start) {
      std::move(each.verdicts.begin(), each.verdicts.end(), std::back_inserter(all.results));
      continue;
    }
    const Plugin& plugin = *each.plugin;
    std::vector<checks::CheckResult> verdicts = judge(std::move(each), *answer);
    keep_to_roles(plugin, facts_, verdicts);
    std::move(verdicts.begin(), verdicts.end(), std::back_inserter(all.results));
    if (!answer->failed.empty()) {
      all.failures.push_back(failure_of(plugin, *answer));
    } else {
      for (SaidRow& row : answer->said.rows) all.rows.push_back({plugin.name, std::move(row)});
    }
    ++answer;
  }
  return all;
}

}  // namespace hostcheck::plugin
