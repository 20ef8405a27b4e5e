#include "core/checks/record.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "core/checks/text_template.h"
#include "core/facts/probe.h"
#include "core/sql/database.h"

namespace hostcheck::checks {
namespace {

// As TOML's basic strings have it.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string toml_value(const facts::Value& value, facts::Type type) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    if (type == facts::Type::boolean) return *integer != 0 ? "true" : "false";
    return std::to_string(*integer);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    const std::string text = fmt::format("{}", *real);
    return std::isfinite(*real) && text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  return quoted(std::get<std::string>(value));
}

// Whether some reader's terms hold for the row. A source may give more rows than were asked for.
bool is_wanted(const facts::TableData& data, std::size_t row, const facts::TableRequest& request,
               std::string& scratch) {
  const auto& readers = request.readers();
  return std::any_of(readers.begin(), readers.end(), [&](const std::vector<facts::Constraint>& all_of) {
    return std::all_of(all_of.begin(), all_of.end(), [&](const facts::Constraint& term) {
      const auto column = data.info().column(term.column);
      return !column || facts::satisfies(data.cell(row, *column, scratch), term);
    });
  });
}

// The asked-for columns of every row that is wanted, values kept; other columns NULL. Rates follow from deltas and are
// left out.
std::unique_ptr<facts::ValueRows> keep(const facts::TableData& data, const facts::TableRequest& request,
                                       const facts::Anonymiser* anonymiser) {
  auto kept = std::make_unique<facts::ValueRows>(data.info());
  const auto& columns = data.info().columns;
  std::string scratch;
  for (std::size_t row = 0; row < data.size(); ++row) {
    if (!is_wanted(data, row, request, scratch)) continue;
    auto& values = kept->rows.emplace_back(columns.size());
    for (std::size_t at = 0; at < columns.size(); ++at) {
      if (!request.wants(columns[at].name) && !columns[at].key) continue;
      values[at] = facts::to_value(data.cell(row, at, scratch));
      if (anonymiser != nullptr) values[at] = anonymiser->value(values[at]);
    }
  }
  return kept;
}

bool is_rate(const facts::Column& column) {
  return column.observed && column.name.ends_with("_per_second");
}

std::string rows_text(std::string_view where, const facts::ValueRows& data, const facts::TableRequest& request) {
  const auto& columns = data.info().columns;
  std::string out = fmt::format("{}.{} = [", where, data.info().name);
  for (const auto& row : data.rows) {
    std::string line;
    for (std::size_t at = 0; at < columns.size(); ++at) {
      if (std::holds_alternative<std::monostate>(row[at]) || !request.wants(columns[at].name)) continue;
      const bool follows =
          is_rate(columns[at]) && request.wants(columns[at].name.substr(0, columns[at].name.size() - 11) + "_delta");
      if (follows) continue;
      line +=
          fmt::format("{}{} = {}", line.empty() ? "" : ", ", columns[at].name, toml_value(row[at], columns[at].type));
    }
    out += fmt::format("\n  {{ {} }},", line);
  }
  return out + (data.rows.empty() ? "]\n" : "\n]\n");
}

std::string absences_text(const facts::Facts& facts) {
  std::string out;
  for (const facts::Absence& each : facts.absences()) {
    out +=
        fmt::format("\n  {{ table = {}, column = {}, netns = {}, subject = {}, code = {}, reason = {}, remedy = {} }},",
                    quoted(each.table), quoted(each.column), quoted(each.netns), quoted(each.subject),
                    quoted(name_of(each.code)), quoted(each.reason), quoted(each.remedy));
  }
  return out.empty() ? out : "absent = [" + out + "\n]\n";
}

std::string finding_text(const Finding& finding, bool with_id) {
  std::string subject;
  for (const auto& [name, value] : finding.subject) {
    subject += fmt::format("{}{} = {}", subject.empty() ? "" : ", ", name, toml_value(value, facts::Type::text));
  }
  return fmt::format("\n  {{ {}status = \"{}\", severity = \"{}\", subject = {{ {} }}, summary = {} }},",
                     with_id ? fmt::format("id = {}, ", quoted(finding.id)) : "", name_of(finding.status),
                     name_of(finding.severity), subject, quoted(finding.summary));
}

std::string expected_text(std::span<const CheckResult> results) {
  const bool several = results.size() > 1;
  std::string findings;
  std::string outcomes;
  for (const CheckResult& result : results) {
    for (const Finding& each : result.findings) findings += finding_text(each, several);
    if (!result.findings.empty() || result.outcome == Outcome::clear) continue;
    if (!several) return fmt::format("outcome = \"{}\"\n", name_of(result.outcome));
    outcomes += fmt::format("{}{} = \"{}\"", outcomes.empty() ? "" : ", ", quoted(result.id), name_of(result.outcome));
  }
  if (!outcomes.empty()) outcomes = "outcomes = { " + outcomes + " }\n";
  return outcomes + (findings.empty() ? "" : "expect = [" + findings + "\n]\n");
}

std::string params_text(const Rule& rule) {
  std::string out;
  for (const Parameter& each : rule.params) {
    out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", each.name, toml_value(each.value, facts::Type::text));
  }
  return out.empty() ? out : "params = { " + out + " }\n";
}

}  // namespace

Result<Recorded> record_facts(const facts::Facts& facts, const facts::Request& reads,
                              const facts::Anonymiser* anonymiser) {
  Recorded recorded;
  facts::Facts& kept = recorded.facts;
  kept.observed = facts.observed;
  std::size_t count = 0;
  for (const auto& [table, request] : reads) {
    const facts::TableData* data = facts.find(table);
    if (data == nullptr) {
      // Nothing was probed; a test has the tables of probes empty where it does not give them.
      const facts::TableInfo* info = facts::is_asked_table(table) ? facts::find_table(table) : nullptr;
      if (info != nullptr) kept.put(std::make_unique<facts::ValueRows>(*info));
      continue;
    }
    auto mine = keep(*data, request, anonymiser);
    count += mine->rows.size();
    if (count > kMostRecordedRows) {
      return unexpected(make_error(
          ErrorCode::limit, "record", table,
          fmt::format("more than {} rows; a literal in the rule's WHERE leaves others out", kMostRecordedRows)));
    }
    recorded.text += rows_text("facts", *mine, request);
    kept.put(std::move(mine));
  }
  for (facts::Absence absence : facts.absences()) {
    const auto table = reads.find(absence.table);
    if (table == reads.end() || (!absence.column.empty() && !table->second.wants(absence.column))) continue;
    if (anonymiser != nullptr) {
      absence.subject = anonymiser->text(absence.subject);
      absence.reason = anonymiser->text(absence.reason);
    }
    kept.add_absence(std::move(absence));
  }
  recorded.text += absences_text(kept);
  return recorded;
}

std::string brought_text(const facts::TableData& data) {
  facts::TableRequest all;
  const std::vector<std::string> names = data.info().column_names();
  all.add_reader({names.begin(), names.end()}, {});
  return rows_text("brings", *keep(data, all, nullptr), all);
}

std::string recorded_test(std::string_view name, const Rule& rule, const Recorded& recorded,
                          std::span<const CheckResult> results) {
  return fmt::format("\n[[test]]\nname = {}\nobserved_ms = {}\n{}{}{}", quoted(name), recorded.facts.observed.count(),
                     params_text(rule), recorded.text, expected_text(results));
}

Result<std::string> record_test(std::string_view name, const Rule& rule, const facts::Facts& facts,
                                const facts::Request& reads, const facts::Anonymiser* anonymiser) {
  const auto recorded = record_facts(facts, reads, anonymiser);
  if (!recorded) return unexpected(recorded.error());
  auto database = sql::Database::open();
  if (!database) return unexpected(database.error());
  if (auto planned = plan(rule, *database); !planned) return unexpected(planned.error());
  database->use(recorded->facts);
  const CheckResult result = run_rule(rule, recorded->facts, *database);
  return recorded_test(name, rule, *recorded, std::span(&result, 1));
}

}  // namespace hostcheck::checks
