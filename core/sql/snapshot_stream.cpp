#include "core/sql/snapshot_stream.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/facts/table.h"
#include "core/sql/database.h"
#include "core/sql/snapshot_open.h"
#include "core/sql/sqlite_values.h"

namespace hostcheck::sql {
namespace {

// More than any version or plugin has; a file with more is made to do harm.
constexpr std::size_t kMostTables = 500;
constexpr std::size_t kMostColumns = 500;
constexpr std::size_t kLongestName = 63;  // bytes, as databases of a fleet take them

// Thrown and caught in this file.
struct Wrong {
  Error error;
};

bool is_name(std::string_view text) {
  const auto fine = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text.size() <= kLongestName && (text[0] < '0' || text[0] > '9') &&
         std::all_of(text.begin(), text.end(), fine);
}

facts::Cell cell_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return facts::integer_cell(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return facts::real_cell(sqlite3_column_double(statement, column));
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return facts::text_cell(bytes == nullptr ? std::string_view{} : std::string_view(bytes, size));
    }
    default:
      return {};
  }
}

std::string text_at(sqlite3_stmt* statement, int column) {
  const facts::Cell cell = cell_of(statement, column);
  return cell.kind == facts::Cell::Kind::text ? std::string(cell.text) : std::string{};
}

std::optional<facts::Type> type_named(std::string_view name) {
  for (const facts::Type type : {facts::Type::boolean, facts::Type::integer, facts::Type::real, facts::Type::text}) {
    if (facts::name_of(type) == name) return type;
  }
  return std::nullopt;
}

// Of a column that the file does not describe.
facts::Type type_declared(std::string_view declared) {
  if (declared == "INTEGER") return facts::Type::integer;
  if (declared == "REAL") return facts::Type::real;
  return facts::Type::text;
}

}  // namespace

struct SnapshotStream::State {
  std::string path;
  Connection connection;
  SnapshotInfo info;
  std::int64_t observed_ms = 0;
  std::string machine_id;
  std::vector<RecordedTable> tables;

  [[noreturn]] void fail(std::string_view why) const {
    throw Wrong{make_error(ErrorCode::invalid, "read snapshot", path, why)};
  }

  template <typename Take>
  void each(const std::string& sql, Take take) const {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(connection.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) {
      fail(sqlite3_errmsg(connection.get()));
    }
    const Statement statement(raw);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) take(raw);
    if (code != SQLITE_DONE) fail(sqlite3_errmsg(connection.get()));
  }

  void read_settings() {
    std::map<std::string, facts::Value> all;
    each("SELECT key, value FROM snapshot", [&](sqlite3_stmt* row) { all[text_at(row, 0)] = value_of(row, 1); });
    const auto text = [&](const char* key) {
      const auto* found = std::get_if<std::string>(&all[key]);
      return found == nullptr ? std::string{} : *found;
    };
    const auto number = [&](const char* key) {
      const auto* found = std::get_if<std::int64_t>(&all[key]);
      if (found == nullptr) fail(fmt::format("snapshot.{} is missing or no number", key));
      return *found;
    };
    info.hostcheck = text("hostcheck");
    if (const auto format = number("format"); format != kSnapshotFormat) {
      fail(fmt::format("has format {}, written by hostcheck {}; this version reads format {}", format,
                       info.hostcheck.empty() ? "of unknown version" : info.hostcheck, kSnapshotFormat));
    }
    info.host = text("host");
    info.kernel = text("kernel");
    info.taken = text("taken");
    info.report = text("report");
    info.anonymous = number("anonymous") != 0;
    observed_ms = number("observed_ms");
  }

  void read_tables() {
    std::set<std::string> names;
    each("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
         [&](sqlite3_stmt* row) { names.insert(text_at(row, 0)); });
    if (names.erase("snapshot") == 0) fail("is no snapshot of hostcheck: it has no table snapshot");
    if (!names.contains("absences")) fail("has no table absences: what could not be read is unknown");
    if (names.size() > kMostTables) fail(fmt::format("has {} tables", names.size()));
    const bool described = names.erase("columns") != 0;
    names.erase("brought");
    for (const std::string& name : names) {
      if (!is_name(name)) fail(fmt::format("has a table '{}', which is no name of a table of facts", name));
      tables.push_back({name, columns_of(name)});
    }
    if (described) describe();
    for (RecordedTable& table : tables) take_known_types(table);
  }

  // What this version knows better than the file.
  static void take_known_types(RecordedTable& table) {
    const facts::TableInfo* known =
        table.name == absences_table().name ? &absences_table() : facts::find_table(table.name);
    for (RecordedColumn& column : table.columns) {
      const auto place = known == nullptr ? std::nullopt : known->column(column.name);
      if (place) column.type = known->columns[*place].type;
    }
  }

  [[nodiscard]] std::vector<RecordedColumn> columns_of(const std::string& table) const {
    std::vector<RecordedColumn> columns;
    each(fmt::format("SELECT name, type FROM pragma_table_info('{}')", table), [&](sqlite3_stmt* row) {
      columns.push_back({text_at(row, 0), type_declared(text_at(row, 1)), "", "", ""});
      if (!is_name(columns.back().name)) {
        fail(fmt::format("{} has a column '{}', which is no name of a column of facts", table, columns.back().name));
      }
    });
    if (columns.empty() || columns.size() > kMostColumns) {
      fail(fmt::format("{} has {} columns", table, columns.size()));
    }
    return columns;
  }

  void describe() {
    std::map<std::pair<std::string, std::string>, RecordedColumn*> places;
    for (RecordedTable& table : tables) {
      for (RecordedColumn& column : table.columns) places[{table.name, column.name}] = &column;
    }
    each(R"(SELECT "table", "column", type, unit, source, meaning FROM "columns")", [&](sqlite3_stmt* row) {
      const auto place = places.find({text_at(row, 0), text_at(row, 1)});
      if (place == places.end()) return;
      RecordedColumn& column = *place->second;
      if (const auto type = type_named(text_at(row, 2))) column.type = *type;
      column.unit = text_at(row, 3);
      column.source = text_at(row, 4);
      column.meaning = text_at(row, 5);
    });
  }

  void read_machine_id() {
    const auto host = std::find_if(tables.begin(), tables.end(), [](const auto& each) { return each.name == "host"; });
    if (host == tables.end()) return;
    const bool known = std::any_of(host->columns.begin(), host->columns.end(),
                                   [](const RecordedColumn& each) { return each.name == "machine_id"; });
    if (known) each("SELECT machine_id FROM host LIMIT 1", [&](sqlite3_stmt* row) { machine_id = text_at(row, 0); });
  }
};

SnapshotStream::SnapshotStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
SnapshotStream::SnapshotStream(SnapshotStream&&) noexcept = default;
SnapshotStream& SnapshotStream::operator=(SnapshotStream&&) noexcept = default;
SnapshotStream::~SnapshotStream() = default;

const SnapshotInfo& SnapshotStream::info() const {
  return state_->info;
}
std::int64_t SnapshotStream::observed_ms() const {
  return state_->observed_ms;
}
const std::string& SnapshotStream::machine_id() const {
  return state_->machine_id;
}
const std::vector<RecordedTable>& SnapshotStream::tables() const {
  return state_->tables;
}

Result<SnapshotStream> SnapshotStream::open(const std::string& path) {
  auto connection = open_snapshot(path);
  if (!connection) return unexpected(connection.error());
  auto state = std::make_unique<State>();
  state->path = path;
  state->connection = std::move(*connection);
  try {
    state->read_tables();
    state->read_settings();
    state->read_machine_id();
  } catch (const Wrong& wrong) {
    return unexpected(wrong.error);
  }
  return SnapshotStream(std::move(state));
}

Result<std::size_t> SnapshotStream::each_row(const RecordedTable& table, const TakeRow& take) const {
  std::string columns;
  for (const RecordedColumn& column : table.columns) {
    columns += fmt::format("{}\"{}\"", columns.empty() ? "" : ", ", column.name);
  }
  std::vector<facts::Cell> cells(table.columns.size());
  std::size_t rows = 0;
  try {
    state_->each(fmt::format("SELECT {} FROM \"{}\"", columns, table.name), [&](sqlite3_stmt* row) {
      for (std::size_t at = 0; at < cells.size(); ++at) {
        cells[at] = cell_of(row, static_cast<int>(at));
        const RecordedColumn& column = table.columns[at];
        if (fits(column.type, cells[at])) continue;
        state_->fail(
            fmt::format("{}.{} is {} and has another value", table.name, column.name, facts::name_of(column.type)));
      }
      take(cells);
      ++rows;
    });
  } catch (const Wrong& wrong) {
    return unexpected(wrong.error);
  }
  return rows;
}

}  // namespace hostcheck::sql
