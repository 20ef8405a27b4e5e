#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/checks/confirm.h"
#include "core/checks/rule.h"
#include "core/checks/rule_file.h"
#include "core/checks/rule_test.h"
#include "core/checks/sysctl_names.h"
#include "core/checks/text_template.h"

namespace hostcheck::checks {
namespace {

using Failures = std::vector<std::string>;

std::vector<std::string> names_in(const std::vector<sql::AnswerColumn>& columns, const Rule& rule) {
  std::vector<std::string> names;
  for (const sql::AnswerColumn& each : columns) names.push_back(each.name);
  for (const Parameter& each : rule.params) names.push_back(each.name);
  return names;
}

void check_confirm(const Confirm& confirm, const std::vector<std::string>& names, sql::Database& database,
                   Failures& failures) {
  const auto check = [&](std::string_view where, std::string_view text, const std::vector<std::string>& known) {
    if (const auto wrong = check_template(text, known)) failures.push_back(fmt::format("{}: {}", where, *wrong));
  };
  check("confirm.target", confirm.target, names);
  for (const auto& [name, value] : confirm.args) check("confirm.args." + name, value, names);
  const auto with = [&](const std::string& query) {
    std::vector<std::string> known = names;
    if (const auto columns = database.columns(query); columns && !query.empty()) {
      for (const sql::AnswerColumn& each : *columns) known.push_back(each.name);
    }
    return known;
  };
  check("confirm.because", confirm.because, with(confirm.refutes));
  const auto confirms = with(confirm.confirms);
  for (const EvidenceTemplate& each : confirm.evidence) {
    if (std::find(confirms.begin() + static_cast<std::ptrdiff_t>(names.size()), confirms.end(), each.column) ==
        confirms.end()) {
      failures.push_back(fmt::format("confirm.evidence '{}' is of no column of the answer{}", each.column,
                                     did_you_mean(each.column, confirms)));
    }
  }
}

void check_texts(const Rule& rule, sql::Database& database, Failures& failures) {
  const auto columns = database.columns(rule.query);
  if (!columns) return;  // plan() has told
  const auto names = names_in(*columns, rule);
  const auto check = [&](std::string_view where, std::string_view text, const std::vector<std::string>& known) {
    if (const auto wrong = check_template(text, known)) failures.push_back(fmt::format("{}: {}", where, *wrong));
  };
  check("summary", rule.summary, names);
  check_cures(rule, names, failures);
  if (rule.confirm) check_confirm(*rule.confirm, names, database, failures);
  for (const EvidenceTemplate& each : rule.evidence) {
    if (std::find(names.begin(), names.end(), each.column) == names.end()) {
      failures.push_back(
          fmt::format("evidence '{}' is of no column of the answer{}", each.column, did_you_mean(each.column, names)));
    }
  }
  for (const WitnessTemplate& each : rule.witnesses) {
    const auto answer = database.columns(each.query);
    if (!answer) continue;
    const auto known = names_in(*answer, rule);
    if (!each.text.empty()) check("witness.text", each.text, known);
    if (!each.column.empty() && std::find(known.begin(), known.end(), each.column) == known.end()) {
      failures.push_back(
          fmt::format("witness '{}' is of no column of its answer{}", each.column, did_you_mean(each.column, known)));
    }
  }
  if (rule.clear_query.empty()) return;
  const auto clear = database.columns(rule.clear_query);
  if (clear) check("clear.because", rule.clear_because, names_in(*clear, rule));
}

void check_params(const Rule& rule, sql::Database& database, Failures& failures) {
  std::vector<std::string> used;
  for (const std::string& query : {rule.query, rule.clear_query}) {
    if (query.empty()) continue;
    const auto names = database.parameters(query);
    if (names) used.insert(used.end(), names->begin(), names->end());
  }
  std::vector<std::string> known;
  std::vector<std::string> columns;
  if (const auto answer = database.columns(rule.query)) {
    for (const sql::AnswerColumn& each : *answer) columns.push_back(each.name);
  }
  std::vector<std::string> of_rows;
  for (const WitnessTemplate& witness : rule.witnesses) of_rows.push_back(witness.query);
  if (rule.confirm) {
    of_rows.push_back(rule.confirm->confirms);
    if (!rule.confirm->refutes.empty()) of_rows.push_back(rule.confirm->refutes);
    columns.emplace_back("probe");
  }
  for (const std::string& query : of_rows) {
    const auto names = database.parameters(query);
    if (!names) continue;
    for (const std::string& each : *names) {
      if (std::find(columns.begin(), columns.end(), each) == columns.end()) used.push_back(each);
    }
  }
  for (const Parameter& each : rule.params) {
    known.push_back(each.name);
    if (each.why.empty())
      failures.push_back(fmt::format("params.{}.why is missing: every threshold has a reason", each.name));
    if (std::find(used.begin(), used.end(), each.name) == used.end()) {
      failures.push_back(fmt::format("parameter '{}' is used by no query", each.name));
    }
  }
  for (const std::string& each : used) {
    if (std::find(known.begin(), known.end(), each) == known.end()) {
      failures.push_back(fmt::format("the query's :{} is no parameter{}", each, did_you_mean(each, known)));
    }
  }
}

// What the tests together have to show.
struct Shown {
  std::size_t confirmed = 0;
  std::size_t refuted = 0;
  std::size_t tests = 0;
  std::size_t fired = 0;
  std::size_t clear = 0;
  std::size_t unknown = 0;
};

void check_coverage(const Rule& rule, const Shown& shown, Failures& failures) {
  if (rule.confirm && shown.confirmed == 0) failures.emplace_back("no test has a probe confirm it");
  if (rule.confirm && !rule.confirm->refutes.empty() && shown.refuted == 0) {
    failures.emplace_back("no test has a probe refute it");
  }
  if (shown.fired == 0) failures.emplace_back("no test makes it fire");
  if (shown.clear == 0) failures.emplace_back("no test is clear");
  if (shown.unknown == 0) failures.emplace_back("no test is unknown: what if its facts cannot be read?");
  if (shown.tests < 4)
    failures.emplace_back("fewer than four tests: one that fires, one at the boundary, one clear, one unreadable");
}

// Runs one test; whether it passed.
bool run_test(const toml::table& table, const Rule& rule, const facts::Request& reads, sql::Database& database,
              Shown& shown, Failures& failures) {
  Complaints complaints(rule.file);
  RuleTest test = read_rule_test(table, rule, reads, complaints);
  ++shown.tests;
  const std::string where = fmt::format("'{}'", test.name.empty() ? "test without name" : test.name);
  if (complaints.first()) {
    failures.push_back(fmt::format("{}: {}", where, complaints.first()->message()));
    return false;
  }
  Rule set = rule;
  for (const Parameter& each : test.params) {
    for (Parameter& param : set.params) {
      if (param.name == each.name) param.value = each.value;
    }
  }
  database.use(test.facts);
  CheckResult result = run_rule(set, test.facts, database);
  for (Finding& each : result.findings) {
    if (const auto decided = decide(set, each, test.facts, database); !decided) {
      failures.push_back(fmt::format("{}: [confirm]: {}", where, decided.error().message()));
      return false;
    }
  }
  for (const Finding& each : result.findings) {
    shown.confirmed += each.status == Status::confirmed ? 1 : 0;
    shown.refuted += each.status == Status::refuted ? 1 : 0;
  }
  shown.fired += result.outcome == Outcome::finding ? 1 : 0;
  shown.clear += result.outcome == Outcome::clear ? 1 : 0;
  shown.unknown += result.outcome == Outcome::unknown ? 1 : 0;
  const auto difference = compare(test, result);
  if (difference)
    failures.push_back(fmt::format("{} ({}:{}): {}", where, rule.file, Complaints::line_of(table), *difference));
  return !difference;
}

void run_tests(const toml::table& root, const Rule& rule, TestReport& report) {
  auto database = sql::Database::open();
  if (!database) return report.failures.push_back(database.error().message());
  const auto reads = plan(rule, *database);
  if (!reads) return report.failures.push_back(reads.error().message());
  check_page(rule, report.failures);
  check_texts(rule, *database, report.failures);
  check_params(rule, *database, report.failures);
  Complaints complaints(rule.file);
  TomlReader top(root, "", complaints);
  Shown shown;
  for (const toml::table* each : top.tables("test")) {
    report.passed += run_test(*each, rule, *reads, *database, shown, report.failures) ? 1 : 0;
  }
  if (complaints.first()) report.failures.push_back(complaints.first()->message());
  report.fired = shown.fired;
  check_coverage(rule, shown, report.failures);
}

}  // namespace

void check_cures(const Rule& rule, const std::vector<std::string>& known, Failures& failures) {
  for (const Fix& fix : rule.fix) {
    for (const std::string& text : {fix.text, fix.command, fix.persist, fix.sysctl}) {
      if (const auto wrong = check_template(text, known)) failures.push_back(fmt::format("doc.fix: {}", *wrong));
    }
    if (fix.sysctl.empty()) continue;
    if (const auto wrong = unknown_sysctl(fix.sysctl)) failures.push_back("doc.fix: " + *wrong);
  }
}

void check_page(const Rule& rule, Failures& failures) {
  if (rule.why.empty()) failures.emplace_back("doc.why is missing: what users of the host notice");
  if (rule.false_alarms.empty()) failures.emplace_back("doc.false_alarms is missing: when it fires and all is well");
  if (rule.fix.empty()) failures.emplace_back("doc.fix is missing: what to do about it");
}

TestReport test_rule_file(const std::string& path) {
  TestReport report;
  report.file = path;
  report.id = id_of_path(path);
  const auto text = read_rule_text(path);
  if (!text) {
    report.failures.push_back(text.error().message());
    return report;
  }
  const auto root = parse_toml(*text, path);
  if (!root) {
    report.failures.push_back(root.error().message());
    return report;
  }
  const auto rule = read_rule(*root, path);
  if (!rule) {
    report.failures.push_back(rule.error().message());
    return report;
  }
  report.id = rule->id;
  run_tests(*root, *rule, report);
  return report;
}

}  // namespace hostcheck::checks
