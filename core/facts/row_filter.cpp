#include "core/facts/row_filter.h"

#include <algorithm>

namespace hostcheck::facts {
namespace {

bool can_judge(const Column& column, const Constraint& constraint) {
  if (column.observed) return false;
  if (constraint.op == Constraint::Op::is_null || constraint.op == Constraint::Op::not_null) return true;
  const bool is_text = std::holds_alternative<std::string>(constraint.value);
  const bool is_number =
      std::holds_alternative<std::int64_t>(constraint.value) || std::holds_alternative<double>(constraint.value);
  return column.type == Type::text ? is_text : is_number;
}

}  // namespace

RowFilter::RowFilter(const TableInfo& info, const TableRequest* request, std::span<const std::string_view> unknown) {
  if (request == nullptr) return;
  for (const std::vector<Constraint>& all_of : request->readers()) {
    std::vector<Term> terms;
    for (const Constraint& each : all_of) {
      if (std::find(unknown.begin(), unknown.end(), each.column) != unknown.end()) continue;
      const auto at = info.column(each.column);
      if (at && can_judge(info.columns[*at], each)) terms.push_back({&info.columns[*at], each});
    }
    if (terms.empty()) {  // this reader reads every row
      readers_.clear();
      return;
    }
    // Numbers are read and compared faster than texts are made.
    std::stable_partition(terms.begin(), terms.end(), [](const Term& term) { return term.column->type != Type::text; });
    readers_.push_back(std::move(terms));
  }
}

bool RowFilter::wants(const void* row) {
  if (readers_.empty()) return true;
  return std::any_of(readers_.begin(), readers_.end(), [&](const std::vector<Term>& terms) {
    return std::all_of(terms.begin(), terms.end(),
                       [&](const Term& term) { return satisfies(term.column->read(row, scratch_), term.constraint); });
  });
}

}  // namespace hostcheck::facts
