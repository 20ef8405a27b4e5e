#include "core/plugin/session.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "core/checks/role_filter.h"
#include "core/facts/probe.h"

namespace hostcheck::plugin {

Session::Session(const std::vector<Plugin>& plugins, const facts::Facts& facts, sql::Database& database,
                 Clock::time_point deadline)
    : facts_(facts), runner_(deadline) {
  for (const Plugin& each : plugins) prepared_.push_back(prepare(each, facts, database));
  // In one go: what is written between two forks is copied page by page.
  for (Prepared& each : prepared_) {
    if (each.start) runner_.add(std::move(each.job));
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

SessionResult Session::finish(facts::Facts& brought) {
  SessionResult all;
  std::vector<JobResult> answers = runner_.finish();
  auto answer = answers.begin();
  for (Prepared& each : prepared_) {
    const Plugin& plugin = *each.plugin;
    if (!each.start) {
      std::move(each.verdicts.begin(), each.verdicts.end(), std::back_inserter(all.results));
      put_tables(plugin, std::move(each.tables), {}, brought);
      continue;
    }
    std::vector<checks::CheckResult> verdicts = judge(each, *answer);
    keep_to_roles(plugin, facts_, verdicts);
    std::move(verdicts.begin(), verdicts.end(), std::back_inserter(all.results));
    if (!answer->failed.empty()) all.failures.push_back(failure_of(plugin, *answer));
    put_tables(plugin, std::move(each.tables), answer->failed, brought);
    ++answer;
  }
  return all;
}

namespace {

bool reads_answers(const Plugin& plugin, sql::Database& database) {
  return std::any_of(plugin.inputs.begin(), plugin.inputs.end(), [&](const Input& input) {
    const auto reads = database.plan(input.query);
    return reads && std::any_of(reads->begin(), reads->end(),
                                [](const auto& each) { return facts::is_asked_table(each.first); });
  });
}

// Too late to hear what the plugins make of the answers: what they said before stands.
constexpr std::chrono::milliseconds kLeastToAnswer{50};
void leave_open(const std::vector<Plugin>& plugins, std::vector<checks::CheckResult>& results) {
  for (checks::CheckResult& result : results) {
    const bool is_of_them = std::any_of(plugins.begin(), plugins.end(), [&](const Plugin& plugin) {
      return std::any_of(plugin.checks.begin(), plugin.checks.end(),
                         [&](const Check& each) { return each.rule.id == result.id; });
    });
    for (checks::Finding& finding : result.findings) {
      if (!is_of_them || finding.status != checks::Status::suspected || !finding.because.empty()) continue;
      finding.because = "--budget was used up before the answer to its probe could be judged";
    }
  }
}

}  // namespace

std::vector<checks::Finding> ask_again(const std::vector<Plugin>& plugins, const std::set<std::string>& asked_by,
                                       const facts::Facts& facts, sql::Database& database, Clock::time_point deadline,
                                       std::vector<checks::CheckResult>& results) {
  std::vector<Plugin> again;
  std::copy_if(plugins.begin(), plugins.end(), std::back_inserter(again), [&](const Plugin& plugin) {
    return std::any_of(plugin.checks.begin(), plugin.checks.end(),
                       [&](const Check& each) { return asked_by.contains(each.rule.id); }) &&
           reads_answers(plugin, database);
  });
  if (again.empty()) return {};
  if (Clock::now() + kLeastToAnswer >= deadline) {
    leave_open(again, results);
    return {};
  }
  Session session(again, facts, database, deadline);
  facts::Facts brought;
  SessionResult said = session.finish(brought);
  for (checks::CheckResult& each : said.results) {
    const auto place =
        std::find_if(results.begin(), results.end(), [&](const auto& former) { return former.id == each.id; });
    if (place == results.end()) continue;
    each.duration += place->duration;
    *place = std::move(each);
  }
  return std::move(said.failures);
}

}  // namespace hostcheck::plugin
