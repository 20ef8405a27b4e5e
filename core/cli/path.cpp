#include <algorithm>

#include <fmt/format.h>

#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/path_text.h"
#include "core/conclude/conclude.h"
#include "core/conclude/probing.h"
#include "core/facts/journey.h"
#include "core/facts/probe.h"
#include "core/gather/gather.h"
#include "core/sql/database.h"

namespace hostcheck::cli {
namespace {

// The rules that judge journeys, and what they read besides.
struct Judges {
  std::vector<checks::Rule> rules;
  facts::Request reads;
};

Result<Judges> judges(const RuleOptions& options, sql::Database& database) {
  auto catalogue = load_catalogue(options);
  if (!catalogue) return unexpected(catalogue.error());
  for (const Error& each : catalogue->errors) complain(each.message());
  Judges out;
  for (checks::Rule& rule : catalogue->rules) {
    const auto reads = database.plan(rule.query);
    if (!reads || !reads->contains(facts::Journey::table().name)) continue;
    for (const auto& [table, request] : *reads) {
      if (!facts::is_asked_table(table)) out.reads[table].merge(request);
    }
    out.rules.push_back(std::move(rule));
  }
  return out;
}

std::vector<checks::Finding> findings_of(const std::vector<checks::Rule>& rules,
                                         std::vector<checks::CheckResult>& results) {
  for (const checks::CheckResult& each : results) {
    if (each.outcome == checks::Outcome::error) complain(each.id + ": " + each.reason);
  }
  std::vector<const checks::Rule*> pages;
  for (const checks::Rule& each : rules) pages.push_back(&each);
  return conclude::draw_findings(pages, results, {});
}

bool goes_on(const facts::Journey& journey) {
  return journey.outcome.view() == "onward" || journey.outcome.view() == "local";
}

int status_of(const std::vector<facts::Journey>& journeys, const std::vector<checks::Finding>& findings) {
  if (journeys.empty()) return kExitUnknown;
  const bool untold = std::all_of(journeys.begin(), journeys.end(),
                                  [](const facts::Journey& each) { return each.outcome.view() == "unknown"; });
  if (untold) return kExitUnknown;
  const bool stops = !std::all_of(journeys.begin(), journeys.end(), goes_on);
  const bool found = std::any_of(findings.begin(), findings.end(), [](const checks::Finding& each) {
    return each.severity != checks::Severity::info && each.status != checks::Status::refuted;
  });
  return stops || found ? kExitWarning : kExitOk;
}

// Why there is not one journey: what the probe that was to resolve the name says.
std::string why_none(const std::vector<conclude::ProbeRecord>& probes, const std::string& host) {
  for (const conclude::ProbeRecord& each : probes) {
    const std::string& words = each.error.empty() ? each.words : each.error;
    if (!words.empty()) return words;
  }
  return host + " has no address that is known";
}

}  // namespace

int path(const PathOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (options.netns == "all") {
    complain("path: --netns all: a journey starts in one namespace");
    return kExitUsage;
  }
  auto namespaces = gather::plan_namespaces(options.netns, false);
  if (!namespaces) return fail(namespaces.error());
  auto database = sql::Database::open();
  if (!database) return fail(database.error());
  auto judging = judges(options.rules, *database);
  if (!judging) return fail(judging.error());
  facts::Facts facts = gather::gather(judging->reads, *namespaces);
  database->use(facts);

  conclude::ProbeOptions asked;
  asked.mode = options.probe;
  asked.targets = {options.target};
  asked.traveller = options.traveller;
  asked.deadline = start + options.budget;
  std::vector<checks::CheckResult> results;
  conclude::Probing(std::move(asked), judging->rules, *namespaces, facts, *database).run(results);

  PathReport report;
  report.target = options.target.text;
  report.netns = namespaces->asked.front().name;
  report.protocol = options.traveller.protocol;
  report.journeys = facts.rows<facts::Journey>();
  report.steps = facts.rows<facts::PathStep>();
  report.findings = findings_of(judging->rules, results);
  report.probes = conclude::probe_records(facts);
  report.duration = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  const bool literal = IpAddress::parse(options.target.parsed.host).has_value();
  if (report.journeys.empty() && !literal && options.probe == conclude::ProbeMode::off) {
    complain(fmt::format(
        "path: --probe off: '{}' is not in the hosts file and cannot be resolved without asking; name an address",
        options.target.parsed.host));
    return kExitUsage;
  }
  if (report.journeys.empty()) {
    complain(fmt::format("path {}: {}", report.target, why_none(report.probes, options.target.parsed.host)));
  }
  const std::string text = options.format == "json" ? path_as_json(report) : path_as_text(report);
  return print(text) ? status_of(report.journeys, report.findings) : kExitUnknown;
}

}  // namespace hostcheck::cli
