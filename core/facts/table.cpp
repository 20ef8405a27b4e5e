#include "core/facts/table.h"

#include <algorithm>

namespace hostcheck::facts {

std::optional<std::size_t> TableInfo::column(std::string_view column_name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const Column& column) { return column.name == column_name; });
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

std::vector<std::string> TableInfo::column_names() const {
  std::vector<std::string> names;
  for (const Column& each : columns) names.push_back(each.name);
  return names;
}

const TableInfo* find_table(std::string_view name) {
  const auto all = catalogue();
  const auto found = std::find_if(all.begin(), all.end(), [&](const TableInfo* info) { return info->name == name; });
  return found == all.end() ? nullptr : *found;
}

std::vector<std::string> table_names() {
  std::vector<std::string> names;
  for (const TableInfo* info : catalogue()) names.push_back(info->name);
  return names;
}

}  // namespace hostcheck::facts
