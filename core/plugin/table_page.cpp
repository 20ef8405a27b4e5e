#include "core/plugin/table_page.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/sql/database.h"

namespace hostcheck::plugin {
namespace {

using checks::Complaints;
using checks::TomlReader;
using facts::Column;
using facts::TableInfo;
using facts::Type;
using Keys = std::string_view;

constexpr std::size_t kMostColumns = 100;

std::optional<Type> type_named(std::string_view name) {
  for (const Type each : {Type::boolean, Type::integer, Type::real, Type::text}) {
    if (facts::name_of(each) == name) return each;
  }
  return std::nullopt;
}

bool flag(TomlReader& reader, std::string_view key, bool otherwise, Complaints& complaints) {
  const toml::node* node = reader.node(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<bool>();
  if (!value) complaints.add(*node, fmt::format("'{}' has to be true or false", key));
  return value.value_or(otherwise);
}

Column read_column(const toml::table& table, const std::string& plugin, Complaints& complaints) {
  TomlReader reader(table, "table.column", complaints);
  constexpr std::array<Keys, 6> kKeys = {"name", "type", "unit", "source", "meaning", "key"};
  reader.only(kKeys);
  Column made;
  made.name = reader.text("name", true);
  if (reader.node("name") != nullptr && !sql::is_free_name(made.name)) {
    complaints.add(*reader.node("name"), fmt::format("'{}' can be no column's name: lower case letters, digits and _, "
                                                     "and no word of SQL",
                                                     made.name));
  }
  if (made.name.ends_with("_delta") || made.name.ends_with("_per_second")) {
    complaints.add(table,
                   fmt::format("'{}': _delta and _per_second are hostcheck's own, between its two samples", made.name));
  }
  const std::string type = reader.text("type", true);
  if (const auto known = type_named(type)) {
    made.type = *known;
  } else if (reader.node("type") != nullptr) {
    complaints.add(*reader.node("type"), fmt::format("type '{}' is none of boolean, integer, real, text", type));
  }
  made.unit = reader.text("unit");
  made.source = reader.node("source") == nullptr ? "plugin " + plugin : reader.text("source");
  made.meaning = reader.text("meaning", true);
  made.key = flag(reader, "key", false, complaints);
  return made;
}

void check_name(const TableInfo& info, const toml::node& node, Complaints& complaints) {
  const TableInfo* there = facts::find_table(info.name);
  if ((there != nullptr && there->brought_by.empty()) || info.name == sql::absences_table().name) {
    complaints.add(node, fmt::format("table '{}' of plugin {} has the name of one of hostcheck's own tables", info.name,
                                     info.brought_by));
  } else if (!sql::is_free_name(info.name)) {
    complaints.add(node, fmt::format("'{}' can be no table's name: lower case letters, digits and _, no word of SQL, "
                                     "and not probe_*",
                                     info.name));
  }
}

void check_columns(const TableInfo& info, const toml::table& table, Complaints& complaints) {
  if (info.columns.empty()) complaints.add(table, fmt::format("table '{}' has no [[table.column]]", info.name));
  if (info.columns.size() > kMostColumns) {
    complaints.add(table, fmt::format("table '{}' has more than {} columns", info.name, kMostColumns));
  }
  for (auto each = info.columns.begin(); each != info.columns.end(); ++each) {
    if (std::any_of(info.columns.begin(), each, [&](const Column& other) { return other.name == each->name; })) {
      complaints.add(table, fmt::format("table '{}' has two columns '{}'", info.name, each->name));
    }
  }
  if (std::none_of(info.columns.begin(), info.columns.end(), [](const Column& each) { return each.key; })) {
    complaints.add(table,
                   fmt::format("table '{}' has no column with key = true: what tells its rows apart?", info.name));
  }
}

}  // namespace

std::vector<Table> read_tables(TomlReader& top, const std::string& plugin, const std::vector<std::string>& inputs,
                               Complaints& complaints) {
  std::vector<Table> all;
  for (const toml::table* table : top.tables("table")) {
    TomlReader reader(*table, "table", complaints);
    constexpr std::array<Keys, 5> kKeys = {"name", "meaning", "inputs", "column", "compare"};
    reader.only(kKeys);
    Table& made = all.emplace_back();
    made.info.name = reader.text("name", true);
    made.info.meaning = reader.text("meaning", true);
    made.info.brought_by = plugin;
    made.info.compared = flag(reader, "compare", true, complaints);
    for (const toml::table* each : reader.tables("column")) {
      made.info.columns.push_back(read_column(*each, plugin, complaints));
    }
    if (const toml::node* name = reader.node("name")) check_name(made.info, *name, complaints);
    check_columns(made.info, *table, complaints);
    made.inputs = reader.node("inputs") == nullptr ? inputs : reader.texts("inputs");
    for (const std::string& each : made.inputs) {
      if (std::find(inputs.begin(), inputs.end(), each) != inputs.end()) continue;
      complaints.add(*table, fmt::format("no input '{}'{}", each, did_you_mean(each, inputs)));
    }
    const auto same = [&](const Table& each) { return each.info.name == made.info.name; };
    if (std::count_if(all.begin(), all.end(), same) > 1) {
      complaints.add(*table, fmt::format("there are two tables '{}'", made.info.name));
    }
  }
  return all;
}

}  // namespace hostcheck::plugin
