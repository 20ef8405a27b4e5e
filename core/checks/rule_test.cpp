#include "core/checks/rule_test.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <span>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/checks/text_template.h"

namespace hostcheck::checks {
namespace {

using Keys = std::string_view;

bool fits(const facts::Value& value, const toml::node& node, facts::Type type) {
  switch (type) {
    case facts::Type::boolean:
      return node.is_boolean() || value == facts::Value(std::int64_t{0}) || value == facts::Value(std::int64_t{1});
    case facts::Type::integer:
      return node.is_integer();
    case facts::Type::real:
      return node.is_integer() || node.is_floating_point();
    case facts::Type::text:
      return node.is_string();
  }
  return false;
}

// NAME_per_second follows from NAME_delta where the test gives only that.
void fill_rates(const facts::TableInfo& info, std::chrono::milliseconds observed, std::vector<facts::Value>& row) {
  constexpr std::string_view kDelta = "_delta";
  for (std::size_t at = 0; at < info.columns.size(); ++at) {
    const std::string& name = info.columns[at].name;
    const auto* delta = std::get_if<std::int64_t>(&row[at]);
    if (!info.columns[at].observed || !name.ends_with(kDelta) || delta == nullptr) continue;
    const auto rate = info.column(name.substr(0, name.size() - kDelta.size()) + "_per_second");
    if (!rate || !std::holds_alternative<std::monostate>(row[*rate])) continue;
    row[*rate] = static_cast<double>(*delta) * 1000.0 / static_cast<double>(observed.count());
  }
}

std::vector<facts::Value> read_row(const toml::table& table, const facts::TableInfo& info,
                                   std::chrono::milliseconds observed, Complaints& complaints) {
  std::vector<facts::Value> row(info.columns.size());
  if (const auto netns = info.column("netns")) row[*netns] = std::string("init");
  for (const auto& [key, node] : table) {
    const auto at = info.column(key.str());
    if (!at) {
      const auto names = info.column_names();
      complaints.add(key.source().begin.line, fmt::format("table {} has no column '{}'{}", info.name, key.str(),
                                                          did_you_mean(key.str(), names)));
      continue;
    }
    const facts::Column& column = info.columns[*at];
    auto value = value_of(node);
    if (!value || !fits(*value, node, column.type)) {
      complaints.add(node, fmt::format("{}.{} is {}", info.name, column.name, facts::name_of(column.type)));
      continue;
    }
    if (column.observed && observed.count() == 0) {
      complaints.add(node, fmt::format("{}.{} cannot be known with observed_ms = 0", info.name, column.name));
    }
    if (column.type == facts::Type::real && std::holds_alternative<std::int64_t>(*value)) {
      value = static_cast<double>(std::get<std::int64_t>(*value));
    }
    row[*at] = *std::move(value);
  }
  if (observed.count() > 0) fill_rates(info, observed, row);
  return row;
}

const facts::TableInfo* table_named(std::string_view name, std::size_t line, Complaints& complaints) {
  const facts::TableInfo* info = facts::find_table(name);
  if (info == nullptr) {
    complaints.add(line, fmt::format("no such table: {}{}", name, did_you_mean(name, facts::table_names())));
  }
  return info;
}

void read_facts(const toml::table& given, facts::Facts& facts, Complaints& complaints) {
  for (const auto& [key, node] : given) {
    const facts::TableInfo* info = table_named(key.str(), key.source().begin.line, complaints);
    if (info == nullptr) continue;
    auto data = std::make_unique<facts::ValueRows>(*info);
    TomlReader reader(given, "facts", complaints);
    for (const toml::table* row : reader.tables(key.str())) {
      data->rows.push_back(read_row(*row, *info, facts.observed, complaints));
    }
    facts.put(std::move(data));
  }
}

void read_absences(TomlReader& test, facts::Facts& facts, Complaints& complaints) {
  for (const toml::table* each : test.tables("absent")) {
    TomlReader reader(*each, "absent", complaints);
    constexpr std::array<Keys, 7> kKeys = {"table", "column", "netns", "subject", "code", "reason", "remedy"};
    reader.only(kKeys);
    facts::Absence absence{reader.text("table", true), reader.text("column"), reader.text("netns"),
                           reader.text("subject"),     ErrorCode::denied,     reader.text("reason"),
                           reader.text("remedy")};
    const facts::TableInfo* info = table_named(absence.table, reader.line(), complaints);
    if (info != nullptr && !absence.column.empty() && !info->column(absence.column)) {
      complaints.add(*each, fmt::format("table {} has no column '{}'{}", info->name, absence.column,
                                        did_you_mean(absence.column, info->column_names())));
    }
    const std::string code = reader.text("code");
    constexpr std::array kCodes = {ErrorCode::denied, ErrorCode::unsupported, ErrorCode::vanished, ErrorCode::failed,
                                   ErrorCode::limit};
    const auto named =
        std::find_if(kCodes.begin(), kCodes.end(), [&](ErrorCode known) { return name_of(known) == code; });
    if (named != kCodes.end()) absence.code = *named;
    if (named == kCodes.end() && !code.empty()) {
      complaints.add(*reader.node("code"),
                     fmt::format("code '{}' is none of denied, unsupported, vanished, failed, limit", code));
    }
    if (absence.reason.empty()) absence.reason = name_of(absence.code);
    facts.add_absence(std::move(absence));
  }
}

std::vector<Parameter> read_settings(TomlReader& test, const Rule& rule, Complaints& complaints) {
  std::vector<Parameter> settings;
  const toml::table* table = test.table("params");
  if (table == nullptr) return settings;
  std::vector<std::string> names;
  for (const Parameter& each : rule.params) names.push_back(each.name);
  for (const auto& [key, node] : *table) {
    auto value = value_of(node);
    if (std::find(names.begin(), names.end(), key.str()) == names.end()) {
      complaints.add(key.source().begin.line,
                     fmt::format("the rule has no parameter '{}'{}", key.str(), did_you_mean(key.str(), names)));
    } else if (!value) {
      complaints.add(node, fmt::format("'params.{}' has to be a number or a text", key.str()));
    } else {
      settings.push_back({std::string(key.str()), *std::move(value), {}, {}});
    }
  }
  return settings;
}

template <typename Parse>
auto named_value(TomlReader& reader, std::string_view key, Parse parse, std::string_view names,
                 Complaints& complaints) {
  const std::string text = reader.text(key);
  auto value = text.empty() ? decltype(parse(text)){} : parse(text);
  if (!text.empty() && !value) {
    complaints.add(*reader.node(key), fmt::format("{} '{}' is none of {}", key, text, names));
  }
  return value;
}

ExpectedFinding read_expected(const toml::table& table, const Rule& rule, Complaints& complaints) {
  TomlReader reader(table, "expect", complaints);
  constexpr std::array<Keys, 9> kKeys = {"status",   "severity", "subject", "summary", "because",
                                         "evidence", "fix",      "id",      "excluded"};
  // A rule has one id, and its exclusions are other rules' matter.
  reader.only(std::span(kKeys).first(rule.query.empty() ? 9 : 7));
  ExpectedFinding expected;
  expected.id = reader.text("id");
  expected.excluded = reader.texts("excluded");
  expected.status =
      named_value(reader, "status", parse_status, "confirmed, suspected, inconclusive, refuted", complaints);
  expected.severity = named_value(reader, "severity", parse_severity, "info, warning, critical", complaints);
  if (reader.node("summary") != nullptr) expected.summary = reader.text("summary");
  if (reader.node("because") != nullptr) expected.because = reader.text("because");
  expected.evidence = reader.texts("evidence");
  if (reader.node("fix") != nullptr) expected.fix = reader.texts("fix");
  const toml::table* subject = reader.table("subject");
  if (subject == nullptr) return expected;
  for (const auto& [key, node] : *subject) {
    if (std::find(rule.subject.begin(), rule.subject.end(), key.str()) == rule.subject.end()) {
      complaints.add(key.source().begin.line,
                     fmt::format("the rule's subject has no '{}'{}", key.str(), did_you_mean(key.str(), rule.subject)));
    }
    if (auto value = value_of(node)) expected.subject.emplace_back(key.str(), *std::move(value));
  }
  return expected;
}

std::map<std::string, Outcome, std::less<>> read_outcomes(TomlReader& test, Complaints& complaints) {
  std::map<std::string, Outcome, std::less<>> outcomes;
  const toml::table* table = test.table("outcomes");
  if (table == nullptr) return outcomes;
  for (const auto& [key, node] : *table) {
    const auto outcome = parse_outcome(node.value_exact<std::string>().value_or(""));
    if (!outcome) {
      complaints.add(node, fmt::format("'outcomes.{}' is none of finding, clear, unknown, error, skipped", key.str()));
    } else {
      outcomes.emplace(key.str(), *outcome);
    }
  }
  return outcomes;
}

std::string words_of(const Evidence& evidence) {
  std::string text = fmt::format("{}: {}", evidence.what, to_text(evidence.value));
  if (!evidence.unit.empty()) text += " " + evidence.unit;
  return text;
}

bool matches(const ExpectedFinding& expected, const Finding& finding) {
  if (!expected.id.empty() && expected.id != finding.id) return false;
  if (expected.status && *expected.status != finding.status) return false;
  if (expected.severity && *expected.severity != finding.severity) return false;
  if (expected.summary && *expected.summary != finding.summary && !glob_match(*expected.summary, finding.summary)) {
    return false;
  }
  if (expected.because && *expected.because != finding.because && !glob_match(*expected.because, finding.because)) {
    return false;
  }
  for (const std::string& wanted : expected.evidence) {
    if (std::none_of(finding.evidence.begin(), finding.evidence.end(),
                     [&](const Evidence& each) { return glob_match(wanted, words_of(each)); })) {
      return false;
    }
  }
  const auto fits = [](const Fix& fix, const std::string& wanted) { return glob_match(wanted, fix.text); };
  if (expected.fix &&
      !std::equal(finding.fix.begin(), finding.fix.end(), expected.fix->begin(), expected.fix->end(), fits)) {
    return false;
  }
  for (const std::string& wanted : expected.excluded) {
    if (std::none_of(finding.excluded.begin(), finding.excluded.end(),
                     [&](const Exclusion& each) { return glob_match(wanted, each.id + ": " + each.because); })) {
      return false;
    }
  }
  return std::all_of(expected.subject.begin(), expected.subject.end(), [&](const auto& wanted) {
    const auto found = std::find_if(finding.subject.begin(), finding.subject.end(),
                                    [&](const auto& each) { return each.first == wanted.first; });
    return found != finding.subject.end() && found->second == wanted.second;
  });
}

// Gives each expected finding one of its own; tried in every order, since a loose one may take what a strict one needs.
bool assign(const std::vector<ExpectedFinding>& expected, const std::vector<Finding>& got, std::size_t at,
            std::vector<bool>& taken) {
  if (at == expected.size()) return true;
  for (std::size_t each = 0; each < got.size(); ++each) {
    if (taken[each] || !matches(expected[at], got[each])) continue;
    taken[each] = true;
    if (assign(expected, got, at + 1, taken)) return true;
    taken[each] = false;
  }
  return false;
}

std::string subject_text(const std::vector<std::pair<std::string, facts::Value>>& subject) {
  std::string text;
  for (const auto& [name, value] : subject)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, to_text(value));
  return text;
}

std::string list_expected(const std::vector<ExpectedFinding>& all) {
  std::string text;
  for (const ExpectedFinding& each : all) {
    text += fmt::format("\n    expected  {}{}{} {} [{}] {}", each.id, each.id.empty() ? "" : " ",
                        each.status ? name_of(*each.status) : "*", each.severity ? name_of(*each.severity) : "*",
                        subject_text(each.subject), each.summary.value_or("*"));
    if (each.because) text += fmt::format("\n              because {}", *each.because);
    for (const std::string& wanted : each.evidence) text += fmt::format("\n              evidence {}", wanted);
    for (const std::string& wanted : each.excluded) text += fmt::format("\n              excluded {}", wanted);
    if (each.fix) text += fmt::format("\n              fix      {}", fmt::join(*each.fix, "\n                       "));
  }
  return text.empty() ? "\n    expected  no finding" : text;
}

std::string list_got(const std::vector<Finding>& all, bool with_cures = false) {
  std::string text;
  for (const Finding& each : all) {
    text += fmt::format("\n    got       {} {} [{}] {}", name_of(each.status), name_of(each.severity),
                        subject_text(each.subject), each.summary);
    if (!each.because.empty()) text += fmt::format("\n              because {}", each.because);
    for (std::size_t at = 0; with_cures && at < each.fix.size(); ++at) {
      text += fmt::format("\n              fix      {}", each.fix[at].text);
    }
  }
  return text.empty() ? "\n    got       no finding" : text;
}

}  // namespace

RuleTest read_rule_test(const toml::table& table, const Rule& rule, const facts::Request& reads,
                        Complaints& complaints) {
  TomlReader reader(table, "test", complaints);
  constexpr std::array<Keys, 11> kKeys = {"name",    "facts",  "absent",   "observed_ms", "params", "expect",
                                          "outcome", "reason", "outcomes", "asks",        "brings"};
  reader.only(std::span(kKeys).first(rule.query.empty() ? 11 : 8));
  RuleTest test;
  test.name = reader.text("name", true);
  const std::int64_t observed = reader.integer("observed_ms").value_or(2000);
  if (observed < 0 || observed > 86'400'000) complaints.add(table, "'test.observed_ms' is out of range");
  test.facts.observed = std::chrono::milliseconds(std::clamp<std::int64_t>(observed, 0, 86'400'000));
  if (const toml::table* given = reader.table("facts")) read_facts(*given, test.facts, complaints);
  for (const auto& [name, request] : reads) {
    const facts::TableInfo* info = facts::find_table(name);
    // No row of probe_results: no probe was sent.
    if (info != nullptr && test.facts.find(name) == nullptr) test.facts.put(std::make_unique<facts::ValueRows>(*info));
  }
  read_absences(reader, test.facts, complaints);
  test.params = read_settings(reader, rule, complaints);
  for (const toml::table* each : reader.tables("expect")) test.expect.push_back(read_expected(*each, rule, complaints));
  const auto outcome =
      named_value(reader, "outcome", parse_outcome, "finding, clear, unknown, error, skipped", complaints);
  test.outcome = outcome.value_or(test.expect.empty() ? Outcome::clear : Outcome::finding);
  if (reader.node("reason") != nullptr) test.reason = reader.text("reason");
  test.outcomes = read_outcomes(reader, complaints);
  if (reader.node("asks") != nullptr) test.asks = reader.texts("asks");
  if (const toml::table* brought = reader.table("brings")) read_facts(*brought, test.brings, complaints);
  return test;
}

std::optional<std::string> compare(const std::vector<ExpectedFinding>& expected, const std::vector<Finding>& got) {
  std::vector<bool> taken(got.size(), false);
  if (expected.size() == got.size() && assign(expected, got, 0, taken)) return std::nullopt;
  const bool cures =
      std::any_of(expected.begin(), expected.end(), [](const auto& each) { return each.fix.has_value(); });
  return fmt::format("expected {} finding(s), got {}{}{}", expected.size(), got.size(), list_expected(expected),
                     list_got(got, cures));
}

std::optional<std::string> compare(const RuleTest& test, const CheckResult& result) {
  if (test.outcome != result.outcome) {
    return fmt::format(
        "expected outcome {}, got {}{}{}{}", name_of(test.outcome), name_of(result.outcome),
        result.reason.empty() ? "" : ": ", result.reason,
        result.findings.empty() && test.expect.empty() ? "" : list_expected(test.expect) + list_got(result.findings));
  }
  if (test.reason && !glob_match(*test.reason, result.reason)) {
    return fmt::format("expected the reason '{}', got '{}'", *test.reason, result.reason);
  }
  // A test of another outcome than finding, or with outcome = "finding" alone, leaves the findings open.
  if (test.expect.empty()) return std::nullopt;
  return compare(test.expect, result.findings);
}

}  // namespace hostcheck::checks
