#include "core/plugin/bring.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"

namespace hostcheck::plugin {
namespace {

using facts::Type;
using facts::Value;

// The value as the column has it; nullopt where it is of another type. Integers are numbers, too.
std::optional<Value> fitting(Type type, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return value;
  const auto* integer = std::get_if<std::int64_t>(&value);
  switch (type) {
    case Type::boolean:
      return integer != nullptr && (*integer == 0 || *integer == 1) ? std::optional(value) : std::nullopt;
    case Type::integer:
      return integer != nullptr ? std::optional(value) : std::nullopt;
    case Type::real:
      if (integer != nullptr) return Value(static_cast<double>(*integer));
      return std::holds_alternative<double>(value) ? std::optional(value) : std::nullopt;
    case Type::text:
      return std::holds_alternative<std::string>(value) ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

Result<std::size_t> place_of(const Plugin& plugin, const std::string& name) {
  std::vector<std::string> known;
  for (std::size_t at = 0; at < plugin.tables.size(); ++at) {
    if (plugin.tables[at].info.name == name) return at;
    known.push_back(plugin.tables[at].info.name);
  }
  return unexpected(
      make_error(ErrorCode::invalid, "", "",
                 fmt::format("a table '{}', which plugin.toml does not declare{}", name, did_you_mean(name, known))));
}

Result<std::vector<Value>> row_of(const facts::TableInfo& info, const Fields& cells) {
  const auto refuse = [&](std::string_view why) {
    return unexpected(make_error(ErrorCode::invalid, "", "", fmt::format("a row of table '{}' {}", info.name, why)));
  };
  std::vector<Value> row(info.columns.size());
  for (const auto& [name, value] : cells) {
    const auto at = info.column(name);
    if (!at) {
      return refuse(
          fmt::format("with a column '{}' that it does not have{}", name, did_you_mean(name, info.column_names())));
    }
    auto fits = fitting(info.columns[*at].type, value);
    if (!fits) return refuse(fmt::format("whose {} is not {}", name, facts::name_of(info.columns[*at].type)));
    row[*at] = *std::move(fits);
  }
  return row;
}

}  // namespace

Result<void> take_rows(const Plugin& plugin, const Said& said, std::vector<Brought>& tables) {
  std::vector<Brought> taken = tables;
  for (const SaidRow& each : said.rows) {
    const auto place = place_of(plugin, each.table);
    if (!place) return unexpected(place.error());
    auto row = row_of(plugin.tables[*place].info, each.cells);
    if (!row) return unexpected(row.error());
    taken[*place].rows.push_back(*std::move(row));
  }
  for (const SaidAbsence& each : said.absences) {
    const auto place = place_of(plugin, each.table);
    if (!place) return unexpected(place.error());
    taken[*place].gaps.push_back({each.reason.empty() ? "the plugin does not say why" : each.reason, {}});
  }
  tables = std::move(taken);
  return {};
}

void put_tables(const Plugin& plugin, std::vector<Brought> tables, const std::string& failed, facts::Facts& facts) {
  if (!failed.empty()) {
    return put_absent(plugin, ErrorCode::failed, fmt::format("plugin {} failed: {}", plugin.name, failed), facts);
  }
  for (Brought& each : tables) {
    // As the process knows it: the plugin may have gone by the time that the facts are read.
    const facts::TableInfo& info = facts::add_table(each.table->info);
    facts.forget(info.name);
    auto data = std::make_unique<facts::ValueRows>(info);
    data->rows = std::move(each.rows);
    facts.put(std::move(data));
    for (Gap& gap : each.gaps) {
      facts.add_absence({info.name, "", "", "", ErrorCode::failed, std::move(gap.reason), std::move(gap.remedy)});
    }
  }
}

void put_absent(const Plugin& plugin, ErrorCode code, const std::string& reason, facts::Facts& facts) {
  for (const Table& each : plugin.tables) {
    facts.forget(each.info.name);
    facts.add_absence({each.info.name, "", "", "", code, reason, ""});
  }
}

}  // namespace hostcheck::plugin
