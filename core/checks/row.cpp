#include "core/checks/row.h"

#include <fmt/format.h>

namespace hostcheck::checks {

std::optional<std::size_t> place_of(const sql::Answer& answer, std::string_view column) {
  for (std::size_t at = 0; at < answer.columns.size(); ++at) {
    if (answer.columns[at].name == column) return at;
  }
  return std::nullopt;
}

sql::Parameters parameters_of(const Rule& rule) {
  sql::Parameters parameters;
  for (const Parameter& each : rule.params) parameters.emplace(each.name, each.value);
  return parameters;
}

Lookup lookup_in(const Rule& rule, const sql::Answer& answer, const Row& row) {
  return [&rule, &answer, &row](std::string_view name) -> const facts::Value* {
    if (const auto at = place_of(answer, name)) return &row[*at];
    for (const Parameter& each : rule.params) {
      if (each.name == name) return &each.value;
    }
    return nullptr;
  };
}

Evidence evidence_of(const EvidenceTemplate& wanted, const sql::AnswerColumn& column, const facts::Value& value,
                     std::chrono::milliseconds observed) {
  Evidence made{wanted.what, value, wanted.unit, wanted.source, "now"};
  const std::string_view name = column.column.empty() ? column.name : column.column;
  bool seen_in_window = name.ends_with("_delta") || name.ends_with("_per_second");
  if (const facts::TableInfo* info = facts::find_table(column.table)) {
    if (const auto at = info->column(column.column)) {
      if (made.unit.empty()) made.unit = info->columns[*at].unit;
      if (made.source.empty()) made.source = info->columns[*at].source;
      seen_in_window = seen_in_window || info->columns[*at].observed;
    }
  }
  if (seen_in_window) made.when = fmt::format("delta over {:.1f} s", static_cast<double>(observed.count()) / 1000);
  return made;
}

void add_parameters(const Rule& rule, std::vector<Evidence>& evidence) {
  for (const Parameter& each : rule.params) {
    evidence.push_back(
        {"parameter " + each.name, each.value, each.unit, each.origin.empty() ? "default" : each.origin, "", true});
  }
}

}  // namespace hostcheck::checks
