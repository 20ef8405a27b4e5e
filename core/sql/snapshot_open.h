// A snapshot of whatever origin as an SQLite connection that trusts nothing in it.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/facts/cell.h"
#include "core/sql/sqlite_values.h"

namespace hostcheck::sql {

// Opened for reading only; nothing that the file's schema says (views, triggers, functions in it) is run. Error code
// invalid: it is no file, empty, cut off or no SQLite database.
[[nodiscard]] Result<Connection> open_snapshot(const std::string& path);

// Whether a cell may stand in a column of this type: null may everywhere, a boolean is 0 or 1, an integer also real.
[[nodiscard]] bool fits(facts::Type type, const facts::Cell& cell);

}  // namespace hostcheck::sql
