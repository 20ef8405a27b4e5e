#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/checks/confirm.h"
#include "core/checks/gaps.h"
#include "core/checks/role_filter.h"
#include "core/checks/row.h"
#include "core/checks/rule.h"
#include "core/checks/text_template.h"
#include "core/checks/witness.h"
#include "core/facts/probe.h"

namespace hostcheck::checks {
namespace {

bool contains(const std::vector<std::string>& all, std::string_view name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

Error in_rule(const Rule& rule, Error error) {
  return make_error(error.code, "", rule.query_line == 0 ? rule.file : fmt::format("{}:{}", rule.file, rule.query_line),
                    error.message());
}

// What is left of reads without what only describes a finding.
facts::Request without_descriptive(const facts::Request& reads, const std::vector<std::string>& descriptive) {
  facts::Request left;
  for (const auto& [table, request] : reads) {
    if (contains(descriptive, table + ".*")) continue;
    std::set<std::string> columns;
    for (const std::string& column : request.columns()) {
      if (!contains(descriptive, table + "." + column)) columns.insert(column);
    }
    for (const auto& terms : request.readers()) left[table].add_reader(columns, terms);
  }
  return left;
}

// Each entry of descriptive has to be read by the query.
Result<void> check_descriptive(const Rule& rule, const facts::Request& reads) {
  std::vector<std::string> names;
  for (const auto& [table, request] : reads) {
    names.push_back(table + ".*");
    for (const std::string& column : request.columns()) names.push_back(table + "." + column);
  }
  for (const std::string& each : rule.descriptive) {
    if (contains(names, each)) continue;
    return unexpected(in_rule(
        rule, make_error(ErrorCode::invalid, "", "",
                         fmt::format("descriptive '{}' is not read by the query{}", each, did_you_mean(each, names)))));
  }
  return {};
}

std::vector<Evidence> gather_evidence(const Rule& rule, const sql::Answer& answer, const Row& row,
                                      std::chrono::milliseconds observed) {
  std::vector<Evidence> all;
  const auto add = [&](const EvidenceTemplate& wanted, std::size_t at) {
    if (!std::holds_alternative<std::monostate>(row[at])) {
      all.push_back(evidence_of(wanted, answer.columns[at], row[at], observed));
    }
  };
  for (const EvidenceTemplate& each : rule.evidence) {
    if (const auto at = place_of(answer, each.column)) add(each, *at);
  }
  if (!rule.evidence.empty()) return all;
  for (std::size_t at = 0; at < row.size(); ++at) {
    const sql::AnswerColumn& column = answer.columns[at];
    if (column.table.empty() || contains(rule.subject, column.name)) continue;
    std::string what = column.name;
    std::replace(what.begin(), what.end(), '_', ' ');
    add({std::move(what), column.name, {}, {}}, at);
  }
  return all;
}

// The row's own severity and status, where it has such columns.
Result<void> apply_overrides(const Rule& rule, const sql::Answer& answer, const Row& row, Finding& finding) {
  const auto text_in = [&](std::string_view column) -> const std::string* {
    const auto at = place_of(answer, column);
    return at && answer.columns[*at].table.empty() ? std::get_if<std::string>(&row[*at]) : nullptr;
  };
  const auto refuse = [&](std::string_view column, std::string_view text, std::string_view why) {
    return unexpected(make_error(ErrorCode::invalid, "", rule.file, fmt::format("{} '{}' {}", column, text, why)));
  };
  if (const std::string* text = text_in("severity")) {
    const auto severity = parse_severity(*text);
    if (!severity) return refuse("severity", *text, "is none of info, warning, critical");
    if (*severity == Severity::critical && rule.claim != Claim::live)
      return refuse("severity", *text, "needs claim = \"live\"");
    finding.severity = *severity;
  }
  if (const std::string* text = text_in("status")) {
    const auto status = parse_status(*text);
    if (!status) return refuse("status", *text, "is none of confirmed, suspected, inconclusive, refuted");
    finding.status = *status;
  }
  return {};
}

Result<Finding> make_finding(const Rule& rule, const sql::Answer& answer, const Row& row,
                             std::chrono::milliseconds observed) {
  Finding finding;
  finding.id = rule.id;
  finding.title = rule.title;
  finding.severity = rule.severity;
  finding.status = rule.claim == Claim::likely ? Status::suspected : Status::confirmed;
  if (auto applied = apply_overrides(rule, answer, row, finding); !applied) return unexpected(applied.error());
  for (const std::string& column : rule.subject) {
    const auto at = place_of(answer, column);
    if (at && !std::holds_alternative<std::monostate>(row[*at])) finding.subject.emplace_back(column, row[*at]);
  }
  const Lookup lookup = lookup_in(rule, answer, row);
  finding.summary = fill(rule.summary, lookup);
  finding.why = rule.why;
  finding.evidence = gather_evidence(rule, answer, row, observed);
  for (const Fix& each : rule.fix) {
    finding.fix.push_back({fill(each.text, lookup), fill(each.command, lookup), fill(each.persist, lookup),
                           fill(each.sysctl, lookup), each.roles});
  }
  finding.references = rule.references;
  if (finding.status == Status::suspected) finding.doubt = doubt_of(rule, answer, row);
  return finding;
}

void fail(CheckResult& result, const Error& error) {
  result.outcome = Outcome::error;
  result.reason = error.message();
  result.findings.clear();
}

void judge(const Rule& rule, const facts::Facts& facts, sql::Database& database, CheckResult& result) {
  auto reads = database.plan(rule.query);
  if (!reads) return fail(result, in_rule(rule, reads.error()));
  if (facts.observed.count() == 0 && reads_observation(*reads)) {
    result.outcome = Outcome::skipped;
    result.reason = "needs an observation, --observe is 0";
    return;
  }
  const facts::Request needed = without_descriptive(*reads, rule.descriptive);
  if (const auto table = not_asked(needed, facts)) {
    result.outcome = Outcome::skipped;
    result.reason = fmt::format("--target: nothing to send was named, and no finding asked for what fills {}", *table);
    return;
  }
  if (const auto table = not_gathered(needed, facts)) {
    return fail(result, make_error(ErrorCode::failed, "", "", fmt::format("table {} was not gathered", *table)));
  }
  auto answer = database.run(rule.query, parameters_of(rule));
  if (!answer) return fail(result, in_rule(rule, answer.error()));
  for (const Row& row : answer->rows) {
    auto finding = make_finding(rule, *answer, row, facts.observed);
    if (!finding) return fail(result, finding.error());
    if (auto heard = hear_witnesses(rule, *answer, row, facts, database, *finding); !heard) {
      return fail(result, in_rule(rule, heard.error()));
    }
    add_parameters(rule, finding->evidence);
    result.findings.push_back(*std::move(finding));
  }
  const auto gaps = find_gaps(needed, facts);
  if (!result.findings.empty()) {
    result.outcome = Outcome::finding;
    if (gaps) result.reason = "not judged: " + gaps->reason;
  } else if (gaps) {
    result.outcome = Outcome::unknown;
    result.reason = gaps->reason;
  }
  if (gaps) result.remedy = gaps->remedy;
  keep_to_roles(rule, facts, result);
}

// Whether the rule or a cure of it holds for some roles only.
bool reads_roles(const Rule& rule) {
  return !rule.roles.empty() ||
         std::any_of(rule.fix.begin(), rule.fix.end(), [](const Fix& fix) { return !fix.roles.empty(); });
}

}  // namespace

Result<facts::Request> plan(const Rule& rule, sql::Database& database, bool observed) {
  auto reads = database.plan(rule.query);
  if (!reads) return unexpected(in_rule(rule, reads.error()));
  const auto columns = database.columns(rule.query);
  std::vector<std::string> names;
  for (const sql::AnswerColumn& each : *columns) names.push_back(each.name);
  for (const std::string& each : rule.subject) {
    if (!contains(names, each)) {
      return unexpected(in_rule(rule, make_error(ErrorCode::invalid, "", "",
                                                 fmt::format("subject '{}' is no column of the query's answer{}", each,
                                                             did_you_mean(each, names)))));
    }
  }
  if (auto checked = check_descriptive(rule, *reads); !checked) return unexpected(checked.error());
  if (!observed && reads_observation(*reads)) return facts::Request{};
  if (reads_roles(rule)) (*reads)["roles"].add_reader({"netns", "role"}, {});
  for (const WitnessTemplate& each : rule.witnesses) {
    auto more = database.plan(each.query);
    if (!more)
      return unexpected(in_rule(rule, make_error(ErrorCode::invalid, "[[witness]]", "", more.error().message())));
    if (!observed && reads_observation(*more)) continue;
    for (const auto& [table, request] : *more) (*reads)[table].merge(request);
  }
  if (rule.confirm) {
    auto more = plan_confirm(*rule.confirm, database);
    if (!more)
      return unexpected(in_rule(rule, make_error(ErrorCode::invalid, "[confirm]", "", more.error().message())));
    for (const auto& [table, request] : *more) (*reads)[table].merge(request);
  }
  if (rule.clear_query.empty()) return reads;
  auto more = database.plan(rule.clear_query);
  if (!more) return unexpected(in_rule(rule, make_error(ErrorCode::invalid, "[clear]", "", more.error().message())));
  for (const auto& [table, request] : *more) {
    (*reads)[table].merge(request);
  }
  return reads;
}

bool reads_probes(const Rule& rule, sql::Database& database) {
  const auto reads = database.plan(rule.query);
  return reads && std::any_of(reads->begin(), reads->end(), [](const auto& each) {
           return facts::is_asked_table(each.first) && !facts::is_brought_table(each.first);
         });
}

bool reads_brought(const facts::Request& reads) {
  return std::any_of(reads.begin(), reads.end(), [](const auto& each) { return facts::is_brought_table(each.first); });
}

Result<facts::Request> plan(const Rule& rule) {
  auto database = sql::Database::open();
  if (!database) return unexpected(database.error());
  return plan(rule, *database);
}

CheckResult run_rule(const Rule& rule, const facts::Facts& facts, sql::Database& database) {
  const auto start = std::chrono::steady_clock::now();
  CheckResult result;
  result.id = rule.id;
  judge(rule, facts, database, result);
  result.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  return result;
}

std::vector<CheckResult> run_rules(const std::vector<Rule>& rules, const facts::Facts& facts, sql::Database& database) {
  std::vector<CheckResult> results;
  results.reserve(rules.size());
  for (const Rule& rule : rules) results.push_back(run_rule(rule, facts, database));
  std::stable_sort(results.begin(), results.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return results;
}

Result<std::optional<std::string>> clear_text(const Rule& rule, const facts::Facts& facts, sql::Database& database,
                                              std::string_view netns) {
  if (rule.clear_query.empty()) return std::nullopt;
  const auto reads = database.plan(rule.clear_query);
  if (!reads) return unexpected(in_rule(rule, reads.error()));
  if (facts.observed.count() == 0 && reads_observation(*reads)) return std::nullopt;
  const auto answer = database.run(rule.clear_query, parameters_of(rule));
  if (!answer) return unexpected(in_rule(rule, answer.error()));
  if (answer->rows.empty()) return std::nullopt;
  const Row* row = &answer->rows.front();
  if (const auto at = place_of(*answer, "netns"); at && !netns.empty()) {
    for (const Row& each : answer->rows) {
      if (to_text(each[*at]) == netns) row = &each;
    }
  }
  return fill(rule.clear_because, lookup_in(rule, *answer, *row));
}

}  // namespace hostcheck::checks
