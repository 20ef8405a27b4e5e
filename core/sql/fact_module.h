// The fact tables as SQLite virtual tables: one eponymous module a table.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "core/facts/facts.h"
#include "core/sql/row_index.h"
#include "core/sql/scan.h"

namespace hostcheck::sql {

struct Tables;

// What one module is made with.
struct FactTable {
  Tables* tables = nullptr;
  const facts::TableInfo* info = nullptr;
  const facts::TableData* data = nullptr;  // nullptr: not gathered, reads as empty
  // Built when first used, by their columns; gone when the data change.
  std::map<std::vector<std::size_t>, std::unique_ptr<RowIndex>> indexes;
  // Rows that satisfy a scan's terms, by the number of the scan; made when it is repeated.
  std::map<int, std::vector<std::uint32_t>> matches;
};

// All modules of a connection.
struct Tables {
  std::vector<std::unique_ptr<FactTable>> tables;
  std::vector<Scan> scans;  // by idxNum; only ever grows
  // Which scans were offered while the present statement was compiled.
  std::vector<int> offered;
  // Terms of the statement under way that may be offered by mistake, see outer_join.h.
  bool distrust_auxiliary = false;
  bool declaring = false;  // while SQLite takes in a table's columns

  [[nodiscard]] FactTable* find(std::string_view name);
};

// Registers every table of the catalogue and `absences`. tables must outlive the connection.
// Returns an SQLite result code.
[[nodiscard]] int register_fact_tables(sqlite3* connection, Tables& tables);

}  // namespace hostcheck::sql
