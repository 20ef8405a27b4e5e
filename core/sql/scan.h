// Ways of reading a fact table, as SQLite's planner asks for them.
#pragma once

#include <cstddef>
#include <vector>

#include <sqlite3.h>

#include "core/facts/facts.h"
#include "core/facts/request.h"

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

// Answers an offer of xBestIndex: says which constraints are used, and what reading the table costs when it has so many
// rows. distrust_auxiliary: whether terms may be offered by mistake, see outer_join.h.
[[nodiscard]] Scan plan_scan(const facts::TableInfo& info, double rows, bool distrust_auxiliary,
                             sqlite3_index_info& offered);

// Whether the row satisfies every term.
[[nodiscard]] bool accepts(const facts::TableData& data, const Scan& scan, std::size_t row, std::string& scratch);

}  // namespace hostcheck::sql
