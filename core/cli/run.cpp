#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <span>

#include <unistd.h>

#include "core/base/text.h"
#include "core/cli/capabilities.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/keep.h"
#include "core/cli/recorded.h"
#include "core/cli/watch.h"
#include "core/conclude/conclude.h"
#include "core/conclude/journey_records.h"
#include "core/conclude/probing.h"
#include "core/conclude/sample.h"
#include "core/conclude/suppress.h"
#include "core/facts/probe.h"
#include "core/gather/gather.h"
#include "core/kernel/sysctl.h"
#include "core/observe/observation.h"
#include "core/plugin/session.h"
#include "core/report/html.h"
#include "core/report/render.h"
#include "core/sql/database.h"

namespace hostcheck::cli {
namespace {

using checks::CheckResult;
using checks::Outcome;
using checks::Rule;
using std::chrono::milliseconds;

constexpr milliseconds kToConclude{200};  // of the budget, after the last probe

// What the checks need, and those that cannot even be planned.
struct Plan {
  facts::Request request;
  std::vector<Rule> rules;
  std::vector<plugin::Plugin> plugins;
  std::vector<CheckResult> failed;
  std::vector<checks::Finding> plugin_failures;  // plugins that cannot even be started
};

void merge(const facts::Request& from, facts::Request& into) {
  for (const auto& [name, table] : from) {
    if (!facts::is_asked_table(name)) into[name].merge(table);
  }
}

void refuse_plugin(const Error& error, Plan& plan) {
  plan.plugin_failures.push_back(plugin::refusal_of(error));
  CheckResult result;
  result.id = "hostcheck.plugin_refused";
  result.outcome = Outcome::error;
  result.reason = error.message();
  plan.failed.push_back(std::move(result));
}

Plan plan_checks(Catalogue& catalogue, sql::Database& database, bool observed) {
  Plan plan;
  plan.request["host"].add_reader({"name", "kernel", "boot_id", "machine_id"}, {});
  for (const Error& error : catalogue.errors) {
    CheckResult result;
    result.id = "hostcheck.rule_refused";
    result.outcome = Outcome::error;
    result.reason = error.message();
    plan.failed.push_back(std::move(result));
  }
  for (const Error& error : catalogue.refused) refuse_plugin(error, plan);
  for (plugin::Plugin& each : catalogue.plugins) {
    if (auto request = plugin::plan(each, database, observed)) {
      merge(*request, plan.request);
      plan.plugins.push_back(std::move(each));
    } else {
      refuse_plugin(request.error(), plan);
    }
  }
  for (Rule& rule : catalogue.rules) {
    if (auto request = checks::plan(rule, database, observed)) {
      merge(*request, plan.request);
      plan.rules.push_back(std::move(rule));
      continue;
    } else {
      CheckResult result;
      result.id = rule.id;
      result.outcome = Outcome::error;
      result.reason = request.error().message();
      plan.failed.push_back(std::move(result));
    }
  }
  return plan;
}

std::vector<CheckResult> run_checks(const Plan& plan, const facts::Facts& facts, sql::Database& database,
                                    const Watch& watch, plugin::Session& plugins) {
  std::vector<CheckResult> results;
  for (const Rule& rule : plan.rules) {
    plugins.pump();
    if (checks::reads_probes(rule, database)) continue;  // after the probes
    if (!watch.over()) {
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

std::vector<Rule> pages_of(const Plan& plan) {
  std::vector<Rule> pages = plan.rules;
  for (const plugin::Plugin& each : plan.plugins) {
    for (const plugin::Check& check : each.checks) pages.push_back(check.rule);
  }
  return pages;
}

// Plugins end early enough for the report to be written within the budget.
Clock::time_point plugin_deadline(Clock::time_point start, const RunOptions& options) {
  return start + options.budget - std::min<milliseconds>(options.budget / 5, milliseconds{500});
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

conclude::Report conclude_run(const Plan& plan, std::vector<CheckResult> results, const Catalogue& catalogue,
                              const facts::Facts& facts, sql::Database& database, const gather::Options& namespaces,
                              const RunOptions& options) {
  conclude::Report report;
  conclude::Witnesses witnesses;
  witnesses.clear_words = [&](const Rule& rule, std::string_view netns) {
    const auto words = checks::clear_text(rule, facts, database, netns);
    return words && *words ? **words : std::string{};
  };
  witnesses.has_sysctl = [&](std::string_view name, std::string_view netns) {
    return options.from.empty() ? has_sysctl(std::string(name), netns, namespaces) : has_recorded_sysctl(name, facts);
  };
  report.findings = conclude::draw_findings(pages_of(plan), results, witnesses);
  results.insert(results.end(), plan.failed.begin(), plan.failed.end());
  for (const auto& [id, option] : catalogue.left_out) {
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
  report.host = identity(facts, namespaces);
  report.observed = facts.observed;
  if (options.from.empty()) report.capabilities = capabilities();
  conclude::suppress(report, options.suppressions, today());
  conclude::judge(report, facts, plan.request);
  return report;
}

// That each suppression is of some check; those that are over are told, since their findings are back.
Result<void> check_suppressions(const Catalogue& catalogue, const RunOptions& options) {
  std::vector<std::string> ids;
  for (const Rule& rule : all_checks(catalogue)) ids.push_back(rule.id);
  for (const auto& [id, option] : catalogue.left_out) ids.push_back(id);
  ids.emplace_back(plugin::kFailedId);
  for (const conclude::Suppression& each : options.suppressions) {
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

// Nobody waits for an observation that no check asks for.
milliseconds window_for(const facts::Request& request, const RunOptions& options) {
  bool wanted = observe::is_wanted(request);
  for (const auto& [name, table] : request) wanted = wanted || table.wants_observation();
  return wanted ? std::min(options.observe, options.budget) : milliseconds{0};
}

conclude::ProbeOptions probes_of(const RunOptions& options, const Watch& watch) {
  conclude::ProbeOptions probes;
  probes.mode = options.probe;
  probes.targets = options.targets;
  probes.traveller.uid = ::geteuid();
  probes.deadline = watch.deadline() - kToConclude;
  probes.stop = &Watch::interrupted;
  if (!options.from.empty()) {
    probes.mode = conclude::ProbeMode::off;
    probes.off_because = "the snapshot holds no answer to it";
  }
  return probes;
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

int status_of(conclude::Verdict verdict) {
  switch (verdict) {
    case conclude::Verdict::ok:
      return kExitOk;
    case conclude::Verdict::warning:
      return kExitWarning;
    case conclude::Verdict::critical:
      return kExitCritical;
    case conclude::Verdict::unknown:
      return kExitUnknown;
  }
  return kExitUnknown;
}

std::string render(const conclude::Report& report, const facts::Facts& facts, const RunOptions& options) {
  if (options.format == "json") return report::as_json(report);
  if (options.format == "ndjson") return report::as_ndjson(report);
  if (options.format == "prometheus") return report::as_prometheus(report);
  if (options.format == "nagios") return report::as_nagios(report);
  if (options.format == "junit") return report::as_junit(report);
  if (options.format == "html") {
    return report::as_html(report, conclude::journey_records(facts), status_of(report.verdict));
  }
  report::TextOptions text;
  text.colour = use_colour(options.colour, !options.output.empty());
  text.verbose = options.verbose;
  text.quiet = options.quiet;
  text.show_suppressed = options.show_suppressed;
  text.exit_status = status_of(report.verdict);
  return report::as_text(report, text);
}

// fail(), in the words that the reader of this format waits for: a monitoring plugin answers on standard output.
int fail_run(const Error& error, const RunOptions& options) {
  if (options.format != "nagios" || error.code == ErrorCode::invalid) return fail(error);
  static_cast<void>(print(report::nagios_failure(error.message())));
  return kExitUnknown;
}

// Prints or writes what the run found. Returns the exit status.
int deliver(const conclude::Report& report, const facts::Facts& facts, const RunOptions& options) {
  if (!options.snapshot.empty()) {
    if (auto written = write_snapshot(options.snapshot, options.anonymous, report, facts); !written)
      return fail_run(written.error(), options);
  }
  if (options.no_report) {
    if (options.quiet) return kExitOk;
    const std::string& file = options.snapshot;
    return print(file + "\nhostcheck run --from " + file + " judges it, hostcheck query --from " + file + " asks it.\n")
               ? kExitOk
               : kExitUnknown;
  }
  const std::string text = render(report, facts, options);
  if (options.output.empty()) return print(text) ? status_of(report.verdict) : kExitUnknown;
  if (auto written = write_whole(options.output, text); !written) return fail_run(written.error(), options);
  return status_of(report.verdict);
}

}  // namespace

int run(const RunOptions& options) {
  const auto start = Clock::now();
  const auto started = std::chrono::system_clock::now();
  const bool recorded = !options.from.empty();
  for (const std::string& file : {options.output, options.snapshot}) {
    if (file.empty()) continue;
    if (auto writable = can_write_whole(file); !writable) return fail_run(writable.error(), options);
  }
  auto loaded = load_catalogue(options.rules);
  if (!loaded) return fail_run(loaded.error(), options);
  Catalogue& catalogue = keep_until_exit(*std::move(loaded));
  if (auto known = check_suppressions(catalogue, options); !known) return fail_run(known.error(), options);
  auto opened = sql::Database::open();
  if (!opened) return fail_run(opened.error(), options);
  sql::Database& database = keep_until_exit(*std::move(opened));
  Subject& subject = keep_until_exit(Subject());
  subject.taken = started;
  if (recorded) {
    auto read = recorded_subject(options.from);
    if (!read) return fail_run(read.error(), options);
    subject = *std::move(read);
  }
  const bool observed = recorded ? subject.facts.observed.count() > 0 : options.observe.count() > 0;
  Plan& plan = keep_until_exit(plan_checks(catalogue, database, observed));
  if (!options.snapshot.empty()) merge(facts::request_everything(), plan.request);
  if (!recorded) {
    auto namespaces = gather::plan_namespaces(options.netns, plan.request.contains("namespaces"));
    if (!namespaces) return fail_run(namespaces.error(), options);
    subject.namespaces = *std::move(namespaces);
  }

  // A text report or a plugin's answer on standard output tells them itself.
  const bool tells = (options.format == "text" && !options.quiet) || options.format == "nagios";
  if (!tells || !options.output.empty() || !options.snapshot.empty()) {
    for (const CheckResult& each : plan.failed) complain(each.reason);
  }

  const Watch watch(start, start + options.budget, !options.quiet);
  std::vector<conclude::Capability> methods;
  if (!recorded) {
    subject.facts = conclude::sample(
        plan.request, subject.namespaces, window_for(plan.request, options),
        [&](milliseconds window, milliseconds every, const auto& tick) { watch.wait(window, every, tick); },
        options.roles, &methods);
  }
  database.use(subject.facts);
  plugin::Session plugins(plan.plugins, subject.facts, database, plugin_deadline(start, options));
  std::vector<CheckResult> results = run_checks(plan, subject.facts, database, watch, plugins);
  plugin::SessionResult said = plugins.finish(subject.facts);
  database.use(subject.facts);  // with plugin_facts
  std::move(said.results.begin(), said.results.end(), std::back_inserter(results));
  conclude::ProbeOptions probes = probes_of(options, watch);
  probes.answered = plugins_again(plan, subject.facts, database, plugin_deadline(start, options), said.failures);
  conclude::Probing(std::move(probes), plan.rules, subject.namespaces, subject.facts, database).run(results);
  tell_failures(plan, std::move(said.failures), catalogue, results);
  conclude::Report report =
      conclude_run(plan, std::move(results), catalogue, subject.facts, database, subject.namespaces, options);
  report.capabilities.insert(report.capabilities.end(), methods.begin(), methods.end());
  report.started = subject.taken;
  report.snapshot = options.from;
  report.duration = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
  return deliver(report, subject.facts, options);
}

int snapshot(const SnapshotOptions& options) {
  RunOptions all;
  all.netns = options.netns;
  all.observe = options.observe;
  all.budget = std::max(all.budget, options.observe + milliseconds(15'000));
  all.probe = conclude::ProbeMode::off;
  all.rules = options.rules;
  all.snapshot = options.output;
  all.no_report = true;
  all.anonymous = options.anonymous;
  all.quiet = options.quiet;
  return run(all);
}

}  // namespace hostcheck::cli
