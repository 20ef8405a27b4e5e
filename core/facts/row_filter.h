// Which rows somebody wants, decided on a row that was just made, before it is kept.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/facts/request.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// The terms of a table's readers, ready to be asked row by row. Terms that only SQL can judge (on columns that need two
// samples, or with a value of another type than the column) count as satisfied: a row too many costs nothing but room.
class RowFilter {
 public:
  // request nullptr: everything is wanted. unknown: columns that rows do not have yet when they are asked about; terms
  // on them count as satisfied.
  RowFilter(const TableInfo& info, const TableRequest* request, std::span<const std::string_view> unknown = {});
  // Whether every row is wanted, so that asking is needless.
  [[nodiscard]] bool wants_all() const { return readers_.empty(); }
  // row: a row struct of the table.
  [[nodiscard]] bool wants(const void* row);

 private:
  struct Term {
    const Column* column;
    Constraint constraint;
  };
  std::vector<std::vector<Term>> readers_;
  std::string scratch_;
};

}  // namespace hostcheck::facts
