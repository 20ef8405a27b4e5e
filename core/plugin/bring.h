// From what a plugin said to the rows of its own tables.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/plugin/plugin.h"
#include "core/plugin/wire.h"

namespace hostcheck::plugin {

// What is missing in a table, and what would let it be seen.
struct Gap {
  std::string reason;  // "" for nothing
  std::string remedy;
};

// One of the plugin's tables in a run.
struct Brought {
  const Table* table = nullptr;
  std::vector<std::vector<facts::Value>> rows;  // each with one value per column
  std::vector<Gap> gaps;
};

// Puts the rows that the plugin said into its tables (one for each of plugin.tables, in its order). Error detail: it
// said what it may not; then the rows are as they were.
[[nodiscard]] Result<void> take_rows(const Plugin& plugin, const Said& said, std::vector<Brought>& tables);

// The tables as facts, in place of what was there of them. Where failed is not "" they have no rows, for this reason.
void put_tables(const Plugin& plugin, std::vector<Brought> tables, const std::string& failed, facts::Facts& facts);

// Tables of a plugin that is not run, for this reason.
void put_absent(const Plugin& plugin, ErrorCode code, const std::string& reason, facts::Facts& facts);

}  // namespace hostcheck::plugin
