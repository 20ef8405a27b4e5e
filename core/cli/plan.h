// What the checks of a catalogue need, found out once for any number of rounds.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/checks/finding.h"
#include "core/checks/rule.h"
#include "core/cli/catalogue.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/plugin/plugin.h"
#include "core/sql/database.h"

namespace hostcheck::cli {

// What the checks need, and those that cannot even be planned.
struct Plan {
  facts::Request request;
  std::vector<checks::Rule> rules;  // sorted by id
  std::vector<plugin::Plugin> plugins;
  std::set<std::string> after_plugins;           // ids of rules that read what plugins bring
  std::vector<facts::Absence> not_brought;       // tables of plugins that are not started
  std::vector<checks::CheckResult> failed;       // outcome error, or unknown, each with its reason
  std::vector<checks::Finding> plugin_failures;  // plugins that cannot even be started
};

// Adds what `from` asks of the tables that are gathered; those that only probes and plugins fill are left out.
void merge(const facts::Request& from, facts::Request& into);

// Moves the catalogue's rules and plugins into the plan; the database keeps their compiled queries. observed: whether
// there will be a second sample. all_tables: what plugins bring is kept, whether or not a rule reads it.
[[nodiscard]] Plan plan_checks(Catalogue& catalogue, sql::Database& database, bool observed, bool all_tables = false);

}  // namespace hostcheck::cli
