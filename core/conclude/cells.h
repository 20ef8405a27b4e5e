// Single cells of tables, for conclusions that need no query.
#pragma once

#include <string>
#include <string_view>

#include "core/facts/facts.h"

namespace hostcheck::conclude {

// NULL where the table has no such column.
[[nodiscard]] inline facts::Value value_at(const facts::TableData& table, std::size_t row, std::string_view column) {
  const auto at = table.info().column(column);
  if (!at) return {};
  std::string scratch;
  return facts::to_value(table.cell(row, *at, scratch));
}
// "" for NULL and for what is no text.
[[nodiscard]] inline std::string text_at(const facts::TableData& table, std::size_t row, std::string_view column) {
  const facts::Value value = value_at(table, row, column);
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string{} : *text;
}
// The fallback for NULL and for what is no integer.
[[nodiscard]] inline std::int64_t integer_at(const facts::TableData& table, std::size_t row, std::string_view column,
                                             std::int64_t fallback = 0) {
  const facts::Value value = value_at(table, row, column);
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? fallback : *integer;
}

}  // namespace hostcheck::conclude
