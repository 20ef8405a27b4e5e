#include "core/sql/sqlite_values.h"

namespace hostcheck::sql {

facts::Value value_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
      return std::string(bytes == nullptr ? "" : bytes,
                         static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
    default:
      return {};
  }
}

int bind_value(sqlite3_stmt* statement, int at, const facts::Cell& cell) {
  switch (cell.kind) {
    case facts::Cell::Kind::null:
      return sqlite3_bind_null(statement, at);
    case facts::Cell::Kind::integer:
      return sqlite3_bind_int64(statement, at, cell.integer);
    case facts::Cell::Kind::real:
      return sqlite3_bind_double(statement, at, cell.real);
    case facts::Cell::Kind::text:
      return sqlite3_bind_text64(statement, at, cell.text.data(), cell.text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  return SQLITE_OK;
}

int bind_value(sqlite3_stmt* statement, int at, const facts::Value& value) {
  return bind_value(statement, at, facts::to_cell(value));
}

}  // namespace hostcheck::sql
