#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/facts/table.h"
#include "core/report/json_text.h"
#include "core/report/layout.h"
#include "core/sql/database.h"

namespace hostcheck::cli {
namespace {

std::vector<const facts::TableInfo*> all_tables() {
  std::vector<const facts::TableInfo*> all(facts::catalogue().begin(), facts::catalogue().end());
  all.push_back(&sql::absences_table());
  return all;
}

constexpr std::size_t kWidth = 99;

std::string list_of_tables() {
  std::size_t widest = 0;
  for (const facts::TableInfo* table : all_tables()) widest = std::max(widest, table->name.size());
  std::string out;
  for (const facts::TableInfo* table : all_tables()) {
    std::string_view name = table->name;
    for (const std::string& line : report::wrap(table->meaning, kWidth - widest - 2)) {
      out += report::pad_right(name, widest + 2) + line + '\n';
      name = {};
    }
  }
  return out + "\nhostcheck tables NAME shows the columns of one.\n";
}

std::string page_of(const facts::TableInfo& table) {
  std::string out = table.name + ": " + table.meaning + "\n\n";
  if (!table.brought_by.empty()) out += "Brought by the plugin " + table.brought_by + ".\n\n";
  std::size_t widest = 0;
  for (const facts::Column& column : table.columns) widest = std::max(widest, column.name.size());
  for (const facts::Column& column : table.columns) {
    std::string about(facts::name_of(column.type));
    if (!column.unit.empty()) about += ", " + column.unit;
    if (column.key) about += ", key";
    if (column.observed) about += ", with --observe";
    about += ". " + column.meaning;
    if (!column.source.empty() && !column.observed) about += " [" + column.source + "]";
    std::string_view name = column.name;
    const std::size_t indent = std::min<std::size_t>(widest, 26) + 4;
    for (const std::string& line : report::wrap(about, kWidth - indent)) {
      if (name.size() + 4 > indent) {
        out += "  " + std::string(name) + '\n';
        name = {};
      }
      out += report::pad_right(name.empty() ? std::string{} : "  " + std::string(name), indent) + line + '\n';
      name = {};
    }
  }
  return out;
}

void append_table_json(std::string& out, const facts::TableInfo& table) {
  const auto field = [&](std::string_view name, std::string_view text) {
    report::append_json_string(out, name);
    out += ": ";
    report::append_json_string(out, text);
    out += ", ";
  };
  out += "{";
  field("name", table.name);
  field("meaning", table.meaning);
  field("plugin", table.brought_by);
  out += "\"columns\": [";
  bool first = true;
  for (const facts::Column& column : table.columns) {
    out += first ? "\n    {" : ",\n    {";
    first = false;
    field("name", column.name);
    field("type", facts::name_of(column.type));
    field("unit", column.unit);
    field("source", column.source);
    field("meaning", column.meaning);
    out += fmt::format("\"key\": {}, \"observed\": {}}}", column.key, column.observed);
  }
  out += "]}";
}

}  // namespace

int tables(const TablesOptions& options) {
  const auto bringers = load_bringers(options.rules);
  if (!bringers) return fail(bringers.error());
  for (const Error& each : bringers->refused) complain("a plugin is not used: " + each.message());
  std::vector<const facts::TableInfo*> chosen = all_tables();
  if (!options.name.empty()) {
    std::vector<std::string> names;
    for (const facts::TableInfo* table : chosen) names.push_back(table->name);
    std::erase_if(chosen, [&](const facts::TableInfo* table) { return table->name != options.name; });
    if (chosen.empty()) {
      complain("no table '" + options.name + "'" + did_you_mean(options.name, names));
      return kExitUsage;
    }
  }
  std::string out;
  if (options.format == "json") {
    out = "[";
    for (std::size_t at = 0; at < chosen.size(); ++at) {
      out += at == 0 ? "\n  " : ",\n  ";
      append_table_json(out, *chosen[at]);
    }
    out += "\n]\n";
  } else {
    out = options.name.empty() ? list_of_tables() : page_of(*chosen.front());
  }
  return print(out) ? kExitOk : kExitUnknown;
}

}  // namespace hostcheck::cli
