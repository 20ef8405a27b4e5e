#include "core/facts/request.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/facts/table.h"

namespace hostcheck::facts {
namespace {

bool ends_with_observation(std::string_view column) {
  return column.ends_with("_delta") || column.ends_with("_per_second");
}

bool like_match(std::string_view pattern, std::string_view text) {
  // SQL LIKE: % any run, _ any one, ASCII without case.
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%') {
    for (std::size_t at = 0; at <= text.size(); ++at) {
      if (like_match(pattern.substr(1), text.substr(at))) return true;
    }
    return false;
  }
  return !text.empty() && (pattern[0] == '_' || lower(pattern[0]) == lower(text[0])) &&
         like_match(pattern.substr(1), text.substr(1));
}

int compare(const Cell& a, const Cell& b) {
  const auto number = [](const Cell& cell) {
    return cell.kind == Cell::Kind::integer ? static_cast<double>(cell.integer) : cell.real;
  };
  const bool a_text = a.kind == Cell::Kind::text;
  const bool b_text = b.kind == Cell::Kind::text;
  if (a_text != b_text) return a_text ? 1 : -1;  // numbers sort before text
  if (a_text) return a.text.compare(b.text);
  if (a.kind == Cell::Kind::integer && b.kind == Cell::Kind::integer) {
    return a.integer < b.integer ? -1 : a.integer > b.integer ? 1 : 0;
  }
  return number(a) < number(b) ? -1 : number(a) > number(b) ? 1 : 0;
}

}  // namespace

void TableRequest::add_reader(const std::set<std::string>& columns, std::vector<Constraint> all_of) {
  columns_.insert(columns.begin(), columns.end());
  readers_.push_back(std::move(all_of));
  reader_columns_.push_back(columns);
}

TableRequest TableRequest::readers_of(std::span<const std::string_view> columns) const {
  TableRequest some;
  for (std::size_t at = 0; at < readers_.size(); ++at) {
    const auto& read = reader_columns_[at];
    const bool any = std::any_of(columns.begin(), columns.end(),
                                 [&](std::string_view column) { return read.contains(std::string(column)); });
    if (any) some.add_reader(read, readers_[at]);
  }
  return some;
}

void TableRequest::merge(const TableRequest& other) {
  for (std::size_t at = 0; at < other.readers_.size(); ++at) add_reader(other.reader_columns_[at], other.readers_[at]);
}

bool TableRequest::wants(std::string_view column) const {
  return columns_.contains(std::string(column));
}

bool TableRequest::wants_observation() const {
  return std::any_of(columns_.begin(), columns_.end(), ends_with_observation);
}

std::optional<std::vector<Value>> TableRequest::only(std::string_view column) const {
  std::vector<Value> values;
  for (const auto& terms : readers_) {
    const auto term = std::find_if(terms.begin(), terms.end(), [&](const Constraint& each) {
      return each.column == column && each.op == Constraint::Op::eq;
    });
    if (term == terms.end()) return std::nullopt;
    if (std::find(values.begin(), values.end(), term->value) == values.end()) values.push_back(term->value);
  }
  if (readers_.empty()) return std::nullopt;
  return values;
}

std::optional<std::vector<std::string>> TableRequest::only_text(std::string_view column) const {
  const auto values = only(column);
  if (!values) return std::nullopt;
  std::vector<std::string> texts;
  for (const Value& value : *values) {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return std::nullopt;  // SQLite may convert the number: nothing can be said here
    texts.push_back(*text);
  }
  return texts;
}

std::optional<std::vector<std::int64_t>> TableRequest::only_integers(std::string_view column) const {
  const auto values = only(column);
  if (!values) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Value& value : *values) {
    const auto* number = std::get_if<std::int64_t>(&value);
    if (number == nullptr) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<std::vector<std::string>> TableRequest::only_patterns(std::string_view column) const {
  std::vector<std::string> patterns;
  for (const auto& terms : readers_) {
    const auto term = std::find_if(terms.begin(), terms.end(), [&](const Constraint& each) {
      return each.column == column && (each.op == Constraint::Op::eq || each.op == Constraint::Op::glob) &&
             std::holds_alternative<std::string>(each.value);
    });
    if (term == terms.end()) return std::nullopt;
    const auto& text = std::get<std::string>(term->value);
    if (std::find(patterns.begin(), patterns.end(), text) == patterns.end()) patterns.push_back(text);
  }
  if (readers_.empty()) return std::nullopt;
  return patterns;
}

bool TableRequest::may_want(std::string_view column, const Value& value) const {
  if (readers_.empty()) return true;
  const Cell cell = to_cell(value);
  return std::any_of(readers_.begin(), readers_.end(), [&](const std::vector<Constraint>& terms) {
    return std::all_of(terms.begin(), terms.end(),
                       [&](const Constraint& each) { return each.column != column || satisfies(cell, each); });
  });
}

bool satisfies(const Cell& cell, const Constraint& constraint) {
  using Op = Constraint::Op;
  if (constraint.op == Op::is_null) return cell.kind == Cell::Kind::null;
  if (constraint.op == Op::not_null) return cell.kind != Cell::Kind::null;
  const Cell wanted = to_cell(constraint.value);
  if (cell.kind == Cell::Kind::null || wanted.kind == Cell::Kind::null) return false;
  if (constraint.op == Op::glob || constraint.op == Op::like) {
    if (cell.kind != Cell::Kind::text || wanted.kind != Cell::Kind::text) return true;  // left to SQLite
    if (constraint.op == Op::like) return like_match(wanted.text, cell.text);
    // SQLite's GLOB also knows [...]; those patterns are left to it.
    return wanted.text.find('[') != std::string_view::npos || glob_match(wanted.text, cell.text);
  }
  const int order = compare(cell, wanted);
  switch (constraint.op) {
    case Op::eq:
      return order == 0;
    case Op::ne:
      return order != 0;
    case Op::lt:
      return order < 0;
    case Op::le:
      return order <= 0;
    case Op::gt:
      return order > 0;
    case Op::ge:
      return order >= 0;
    default:
      return true;
  }
}

Request request_everything() {
  Request request;
  for (const TableInfo* info : catalogue()) {
    const std::vector<std::string> names = info->column_names();
    request[info->name].add_reader({names.begin(), names.end()}, {});
  }
  return request;
}

}  // namespace hostcheck::facts
