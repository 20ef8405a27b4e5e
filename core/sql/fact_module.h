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
#include "core/facts/request.h"
#include "core/sql/row_index.h"

namespace hostcheck::sql {

// A term with a literal on its right, which the rows of a scan have to satisfy.
struct Term {
  std::size_t column = 0;
  facts::Constraint constraint;
  friend bool operator==(const Term& a, const Term& b) {
    return a.column == b.column && a.constraint.op == b.constraint.op && a.constraint.value == b.constraint.value;
  }
};

// One way of reading a table that was offered to SQLite's planner.
struct Scan {
  const facts::TableInfo* info = nullptr;
  std::vector<Term> terms;
  // Columns whose wanted values come from elsewhere, and with them those of `=` terms; empty when nothing comes from
  // elsewhere. They are looked up in a RowIndex. Argument i of xFilter is that of probe[i]; those of the other terms
  // follow.
  std::vector<std::size_t> probe;
};

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
