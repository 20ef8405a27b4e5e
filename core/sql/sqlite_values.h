// SQLite's handles with owners, and its values as ours.
#pragma once

#include <memory>

#include <sqlite3.h>

#include "core/facts/cell.h"

namespace hostcheck::sql {

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// Column of the row that the statement stands on; a blob is text.
[[nodiscard]] facts::Value value_of(sqlite3_stmt* statement, int column);
// SQLite's result code. at: from 1. Text is copied.
[[nodiscard]] int bind_value(sqlite3_stmt* statement, int at, const facts::Cell& cell);
[[nodiscard]] int bind_value(sqlite3_stmt* statement, int at, const facts::Value& value);

}  // namespace hostcheck::sql
