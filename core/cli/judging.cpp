#include "core/cli/judging.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/cli/capabilities.h"
#include "core/cli/console.h"
#include "core/cli/recorded.h"
#include "core/conclude/conclude.h"
#include "core/conclude/journey_records.h"
#include "core/conclude/suppress.h"
#include "core/conclude/timeline.h"
#include "core/kernel/sysctl.h"
#include "core/plugin/session.h"

namespace hostcheck::cli {
namespace {

using checks::CheckResult;
using checks::Outcome;
using checks::Rule;
using Clock = std::chrono::steady_clock;

// The rules that read what plugins bring, or the others; plugins: what goes on meanwhile.
std::vector<CheckResult> run_checks(const Plan& plan, bool after_plugins, const facts::Facts& facts,
                                    sql::Database& database, Clock::time_point deadline, plugin::Session& plugins) {
  std::vector<CheckResult> results;
  for (const Rule& rule : plan.rules) {
    plugins.pump();
    if (plan.after_plugins.contains(rule.id) != after_plugins) continue;
    if (checks::reads_probes(rule, database)) continue;  // after the probes
    if (Clock::now() < deadline) {
      results.push_back(checks::run_rule(rule, facts, database));
      continue;
    }
    CheckResult late;
    late.id = rule.id;
    late.outcome = Outcome::unknown;
    late.reason = "--budget was used up before it could be run";
    late.remedy = "a larger --budget";
    results.push_back(std::move(late));
  }
  return results;
}

// hostcheck.plugin_failed, where plugins are asked for.
void tell_failures(const Plan& plan, std::vector<checks::Finding> failures, const Catalogue& catalogue,
                   std::vector<CheckResult>& results) {
  failures.insert(failures.end(), plan.plugin_failures.begin(), plan.plugin_failures.end());
  if (!catalogue.tells_failures) return;
  if (failures.empty() && (plan.plugins.empty() || !catalogue.asks_failures)) return;
  CheckResult result;
  result.id = plugin::kFailedId;
  result.outcome = failures.empty() ? Outcome::clear : Outcome::finding;
  result.findings = std::move(failures);
  results.push_back(std::move(result));
}

// As long as the plan.
std::vector<const Rule*> pages_of(const Plan& plan) {
  std::vector<const Rule*> pages;
  for (const Rule& each : plan.rules) pages.push_back(&each);
  for (const plugin::Plugin& each : plan.plugins) {
    for (const plugin::Check& check : each.checks) pages.push_back(&check.rule);
  }
  return pages;
}

std::string text_in(const facts::TableData& table, std::string_view column) {
  const auto index = table.info().column(column);
  if (!index || table.size() == 0) return {};
  std::string scratch;
  const facts::Cell cell = table.cell(0, *index, scratch);
  return std::string(cell.text);
}

conclude::HostIdentity identity(const facts::Facts& facts, const gather::Options& namespaces) {
  conclude::HostIdentity host;
  if (const facts::TableData* table = facts.find("host")) {
    host.name = text_in(*table, "name");
    host.kernel = text_in(*table, "kernel");
    host.boot_id = text_in(*table, "boot_id");
    host.machine_id = text_in(*table, "machine_id");
  }
  for (const auto& each : namespaces.asked) host.netns += (host.netns.empty() ? "" : ", ") + each.name;
  return host;
}

// Whether a cure by this sysctl is one that the running kernel knows: in the finding's namespace, in this one, or in
// the first one, where the values of the whole machine are.
bool has_sysctl(const std::string& name, std::string_view netns, const gather::Options& namespaces) {
  const std::string path = "/proc/sys/" + kernel::swap_sysctl_separators(name);
  const kernel::FileTree& files = namespaces.files;
  if (files.exists(path)) return true;
  return std::any_of(namespaces.known.begin(), namespaces.known.end(), [&](const kernel::NetnsInfo& each) {
    if (!each.first && each.name != netns) return false;
    const auto scope = kernel::NetnsScope::enter(each);
    return scope && files.exists(path);
  });
}

std::chrono::sys_days today() {
  return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
}

conclude::Report conclude_from(const Judging& how, std::vector<CheckResult> results, const facts::Facts& facts,
                               sql::Database& database) {
  conclude::Report report;
  conclude::Witnesses witnesses;
  witnesses.clear_words = [&](const Rule& rule, std::string_view netns) {
    const auto words = checks::clear_text(rule, facts, database, netns);
    return words && *words ? **words : std::string{};
  };
  witnesses.has_sysctl = [&](std::string_view name, std::string_view netns) {
    return how.recorded ? has_recorded_sysctl(name, facts) : has_sysctl(std::string(name), netns, how.namespaces);
  };
  report.findings = conclude::draw_findings(pages_of(how.plan), results, witnesses);
  results.insert(results.end(), how.plan.failed.begin(), how.plan.failed.end());
  for (const auto& [id, option] : how.catalogue.left_out) {
    CheckResult result;
    result.id = id;
    result.outcome = Outcome::skipped;
    result.reason = option;
    results.push_back(std::move(result));
  }
  std::stable_sort(results.begin(), results.end(),
                   [](const CheckResult& a, const CheckResult& b) { return a.id < b.id; });
  report.checks = std::move(results);
  report.probes = conclude::probe_records(facts);
  report.journeys = conclude::journey_records(facts);
  report.timeline = conclude::timeline_of(facts, report.findings);
  report.host = identity(facts, how.namespaces);
  report.observed = facts.observed;
  if (!how.recorded) report.capabilities = capabilities();
  conclude::suppress(report, how.suppressions, today());
  conclude::judge(report, facts, how.plan.request);
  return report;
}

// Gives plugins what their probes were answered. Everything given outlives the function.
decltype(conclude::ProbeOptions::answered) plugins_again(const Plan& plan, const facts::Facts& facts,
                                                         sql::Database& database, Clock::time_point deadline,
                                                         std::vector<checks::Finding>& failures) {
  return [&plan, &facts, &database, deadline, &failures](std::span<const probe::Ask> answered,
                                                         std::vector<CheckResult>& results) {
    std::set<std::string> asked_by;
    for (const probe::Ask& each : answered) asked_by.insert(each.asked_by.begin(), each.asked_by.end());
    auto failed = plugin::ask_again(plan.plugins, asked_by, facts, database, deadline, results);
    std::move(failed.begin(), failed.end(), std::back_inserter(failures));
  };
}

}  // namespace

conclude::Report judge(const Judging& how, facts::Facts& facts, sql::Database& database) {
  database.use(facts);
  plugin::Session plugins(how.plan.plugins, facts, database, how.plugin_deadline);
  std::vector<CheckResult> results = run_checks(how.plan, false, facts, database, how.deadline, plugins);
  plugin::SessionResult said = plugins.finish(facts);
  for (const facts::Absence& each : how.plan.not_brought) facts.forget(each.table);  // where a snapshot has it
  for (const facts::Absence& each : how.plan.not_brought) facts.add_absence(each);
  database.use(facts);  // with what the plugins brought
  std::move(said.results.begin(), said.results.end(), std::back_inserter(results));
  std::vector<CheckResult> later = run_checks(how.plan, true, facts, database, how.deadline, plugins);
  std::move(later.begin(), later.end(), std::back_inserter(results));
  conclude::ProbeOptions probes = how.probes;
  probes.answered = plugins_again(how.plan, facts, database, how.plugin_deadline, said.failures);
  conclude::Probing(std::move(probes), how.plan.rules, how.namespaces, facts, database).run(results);
  tell_failures(how.plan, std::move(said.failures), how.catalogue, results);
  return conclude_from(how, std::move(results), facts, database);
}

// That each suppression is of some check; those that are over are told, since their findings are back.
Result<void> check_suppressions(const Catalogue& catalogue, std::span<const conclude::Suppression> suppressions) {
  if (suppressions.empty()) return {};
  std::vector<std::string> ids;
  for (const Rule& rule : all_checks(catalogue)) ids.push_back(rule.id);
  for (const auto& [id, option] : catalogue.left_out) ids.push_back(id);
  ids.emplace_back(plugin::kFailedId);
  for (const conclude::Suppression& each : suppressions) {
    const bool any =
        std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return glob_match(each.id, id); });
    if (!any) {
      return unexpected(
          make_error(ErrorCode::invalid, each.origin, each.id, "no such check" + did_you_mean(each.id, ids)));
    }
    if (conclude::is_over(each, today())) {
      complain(each.origin + ": the suppression of " + each.id + " is over; what it finds is reported again");
    }
  }
  return {};
}

}  // namespace hostcheck::cli
