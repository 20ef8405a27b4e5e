#include "core/cli/brought.h"

#include <algorithm>

#include "core/facts/probe.h"
#include "core/plugin/session.h"

namespace hostcheck::cli {

facts::Request request_for_brought(const Bringers& bringers, const facts::Request& reads, sql::Database& database,
                                   bool observed) {
  facts::Request all;
  for (const plugin::Plugin& each : bringers.plugins) {
    if (!plugin::brings_any_of(each, reads)) continue;
    const auto request = plugin::plan(each, database, observed);
    if (!request) continue;  // bring_tables tells why
    for (const auto& [name, table] : *request) {
      if (!facts::is_asked_table(name)) all[name].merge(table);
    }
  }
  return all;
}

void bring_tables(const Bringers& bringers, const facts::Request& reads, facts::Facts& facts, sql::Database& database) {
  std::vector<plugin::Plugin> needed;
  for (const plugin::Plugin& each : bringers.plugins) {
    const bool missing = std::any_of(each.tables.begin(), each.tables.end(), [&](const plugin::Table& table) {
      const std::string& name = table.info.name;
      return reads.contains(name) && facts.find(name) == nullptr &&
             std::none_of(facts.absences().begin(), facts.absences().end(),
                          [&](const facts::Absence& absence) { return absence.table == name; });
    });
    if (!missing) continue;
    if (const auto planned = plugin::plan(each, database, facts.observed.count() > 0)) {
      needed.push_back(each);
    } else {
      plugin::put_absent(each, planned.error().code, planned.error().message(), facts);
    }
  }
  database.use(facts);
  plugin::Session session(needed, facts, database, plugin::Clock::now() + 2 * plugin::kLargestTime);
  static_cast<void>(session.finish(facts));
  database.use(facts);
}

}  // namespace hostcheck::cli
