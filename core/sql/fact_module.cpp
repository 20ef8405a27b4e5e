#include "core/sql/fact_module.h"

#include <algorithm>

#include "core/sql/database.h"

namespace hostcheck::sql {
namespace {

using facts::Cell;
using facts::Type;

// Without facts nothing is known of a table's size.
constexpr double kUnknownRows = 1000;

struct VirtualTable : sqlite3_vtab {
  FactTable* table = nullptr;
};

struct Cursor : sqlite3_vtab_cursor {
  const FactTable* table = nullptr;
  const facts::TableData* data = nullptr;
  const Scan* scan = nullptr;
  const RowIndex* index = nullptr;                   // probe
  const std::vector<std::uint32_t>* rows = nullptr;  // repeated scan
  std::size_t at = 0;                                // in rows, where there is one
  std::size_t row = 0;
  std::size_t size = 0;
  std::uint32_t times = 0;  // xFilter calls with the same scan
  std::string scratch;
};

const char* affinity_of(Type type) {
  switch (type) {
    case Type::boolean:
    case Type::integer:
      return "INTEGER";
    case Type::real:
      return "REAL";
    case Type::text:
      return "TEXT";
  }
  return "";
}

int connect(sqlite3* connection, void* context, int, const char* const*, sqlite3_vtab** out, char**) {
  auto* table = static_cast<FactTable*>(context);
  std::string declaration = "CREATE TABLE t(";
  for (const facts::Column& column : table->info->columns) {
    if (declaration.back() != '(') declaration += ',';
    declaration += '"' + column.name + "\" " + affinity_of(column.type);
  }
  declaration += ')';
  table->tables->declaring = true;
  const int code = sqlite3_declare_vtab(connection, declaration.c_str());
  table->tables->declaring = false;
  if (code != SQLITE_OK) return code;
  auto made = std::make_unique<VirtualTable>();
  static_cast<sqlite3_vtab&>(*made) = {};
  made->table = table;
  *out = made.release();
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* base) {
  delete static_cast<VirtualTable*>(base);
  return SQLITE_OK;
}

bool same_scan(const Scan& a, const Scan& b) {
  return a.info == b.info && a.probe == b.probe && a.terms == b.terms;
}

int number_of_scan(Tables& tables, Scan scan) {
  for (const int each : tables.offered) {
    if (same_scan(tables.scans[static_cast<std::size_t>(each)], scan)) return each;
  }
  tables.scans.push_back(std::move(scan));
  const int number = static_cast<int>(tables.scans.size()) - 1;
  tables.offered.push_back(number);
  return number;
}

int best_index(sqlite3_vtab* base, sqlite3_index_info* offered) {
  const FactTable& table = *static_cast<VirtualTable*>(base)->table;
  const double rows = table.data == nullptr ? kUnknownRows : std::max(1.0, static_cast<double>(table.data->size()));
  offered->idxNum =
      number_of_scan(*table.tables, plan_scan(*table.info, rows, table.tables->distrust_auxiliary, *offered));
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* base, sqlite3_vtab_cursor** out) {
  auto made = std::make_unique<Cursor>();
  made->table = static_cast<VirtualTable*>(base)->table;
  made->data = made->table->data;
  made->size = made->data == nullptr ? 0 : made->data->size();
  *out = made.release();
  return SQLITE_OK;
}

int close_cursor(sqlite3_vtab_cursor* base) {
  delete static_cast<Cursor*>(base);
  return SQLITE_OK;
}

// Moves to the first row at or after the present one that the terms accept.
void settle(Cursor& cursor) {
  while (cursor.row < cursor.size && !accepts(*cursor.data, *cursor.scan, cursor.row, cursor.scratch)) ++cursor.row;
}

// Whether the values can be looked up, and under which hash. nothing: one is NULL, which equals nothing. scan: one is
// not of the column's kind, so that SQLite would convert one of the two before it compares.
enum class Probe { look_up, nothing, scan };
Probe hash_of(const Scan& scan, sqlite3_value** values, std::uint64_t& hash) {
  hash = 0;
  for (std::size_t at = 0; at < scan.probe.size(); ++at) {
    const Type type = scan.info->columns[scan.probe[at]].type;
    switch (sqlite3_value_type(values[at])) {
      case SQLITE_INTEGER:
        if (type == Type::text) return Probe::scan;
        hash = combine_hashes(hash, hash_cell(facts::integer_cell(sqlite3_value_int64(values[at]))));
        break;
      case SQLITE_FLOAT:
        if (type == Type::text) return Probe::scan;
        hash = combine_hashes(hash, hash_cell(facts::real_cell(sqlite3_value_double(values[at]))));
        break;
      case SQLITE_TEXT: {
        if (type != Type::text) return Probe::scan;
        const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(values[at]));
        const auto size = static_cast<std::size_t>(sqlite3_value_bytes(values[at]));
        hash = combine_hashes(hash, hash_cell(facts::text_cell({text, size})));
        break;
      }
      case SQLITE_NULL:
        return Probe::nothing;
      default:
        return Probe::scan;
    }
  }
  return Probe::look_up;
}

const RowIndex& index_for(FactTable& table, const std::vector<std::size_t>& columns) {
  auto& slot = table.indexes[columns];
  if (slot == nullptr) slot = std::make_unique<RowIndex>(*table.data, columns);
  return *slot;
}

const std::vector<std::uint32_t>& matches_for(FactTable& table, const Scan& scan, int number) {
  const auto found = table.matches.find(number);
  if (found != table.matches.end()) return found->second;
  std::vector<std::uint32_t>& rows = table.matches[number];
  std::string scratch;
  for (std::size_t row = 0; row < table.data->size(); ++row) {
    if (accepts(*table.data, scan, row, scratch)) rows.push_back(static_cast<std::uint32_t>(row));
  }
  return rows;
}

int filter(sqlite3_vtab_cursor* base, int number, const char*, int, sqlite3_value** values) {
  auto& cursor = *static_cast<Cursor*>(base);
  FactTable& table = *static_cast<VirtualTable*>(cursor.pVtab)->table;
  cursor.scan = &table.tables->scans[static_cast<std::size_t>(number)];
  cursor.row = 0;
  cursor.index = nullptr;
  cursor.rows = nullptr;
  ++cursor.times;
  if (cursor.size == 0) return SQLITE_OK;
  std::uint64_t hash = 0;
  const Probe probe = cursor.scan->probe.empty() ? Probe::scan : hash_of(*cursor.scan, values, hash);
  if (probe == Probe::nothing) {
    cursor.row = cursor.size;
    return SQLITE_OK;
  }
  if (probe == Probe::look_up) {
    cursor.index = &index_for(table, cursor.scan->probe);
    const std::uint32_t row = cursor.index->first(hash);
    cursor.row = row == RowIndex::kEnd ? cursor.size : row;
    return SQLITE_OK;
  }
  if (cursor.times > 1 && !cursor.scan->terms.empty()) {
    cursor.rows = &matches_for(table, *cursor.scan, number);
    cursor.at = 0;
    cursor.row = cursor.rows->empty() ? cursor.size : cursor.rows->front();
    return SQLITE_OK;
  }
  settle(cursor);
  return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* base) {
  auto& cursor = *static_cast<Cursor*>(base);
  if (cursor.index != nullptr) {
    const std::uint32_t row = cursor.index->next(static_cast<std::uint32_t>(cursor.row));
    cursor.row = row == RowIndex::kEnd ? cursor.size : row;
  } else if (cursor.rows != nullptr) {
    cursor.row = ++cursor.at < cursor.rows->size() ? (*cursor.rows)[cursor.at] : cursor.size;
  } else {
    ++cursor.row;
    settle(cursor);
  }
  return SQLITE_OK;
}

int at_end(sqlite3_vtab_cursor* base) {
  const auto& cursor = *static_cast<Cursor*>(base);
  return cursor.row >= cursor.size ? 1 : 0;
}

int column(sqlite3_vtab_cursor* base, sqlite3_context* context, int number) {
  auto& cursor = *static_cast<Cursor*>(base);
  const Cell cell = cursor.data->cell(cursor.row, static_cast<std::size_t>(number), cursor.scratch);
  switch (cell.kind) {
    case Cell::Kind::null:
      sqlite3_result_null(context);
      break;
    case Cell::Kind::integer:
      sqlite3_result_int64(context, cell.integer);
      break;
    case Cell::Kind::real:
      sqlite3_result_double(context, cell.real);
      break;
    case Cell::Kind::text: {
      // Text that lives in the row stays; text that was made for this call is overwritten by the next.
      const bool passing = cell.text.data() >= cursor.scratch.data() &&
                           cell.text.data() <= cursor.scratch.data() + cursor.scratch.size();
      sqlite3_result_text64(context, cell.text.data(), cell.text.size(), passing ? SQLITE_TRANSIENT : SQLITE_STATIC,
                            SQLITE_UTF8);
      break;
    }
  }
  return SQLITE_OK;
}

int row_id(sqlite3_vtab_cursor* base, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(static_cast<Cursor*>(base)->row);
  return SQLITE_OK;
}

constexpr sqlite3_module kModule = [] {
  sqlite3_module module{};
  module.iVersion = 2;
  module.xConnect = connect;  // no xCreate: the table exists by its module's name alone
  module.xBestIndex = best_index;
  module.xDisconnect = disconnect;
  module.xOpen = open_cursor;
  module.xClose = close_cursor;
  module.xFilter = filter;
  module.xNext = next;
  module.xEof = at_end;
  module.xColumn = column;
  module.xRowid = row_id;
  return module;
}();

}  // namespace

FactTable* Tables::find(std::string_view name) {
  const auto found =
      std::find_if(tables.begin(), tables.end(), [&](const auto& each) { return each->info->name == name; });
  return found == tables.end() ? nullptr : found->get();
}

int register_fact_tables(sqlite3* connection, Tables& tables) {
  const auto add = [&](const facts::TableInfo& info) {
    auto& table = tables.tables.emplace_back(std::make_unique<FactTable>());
    table->tables = &tables;
    table->info = &info;
    return sqlite3_create_module_v2(connection, info.name.c_str(), &kModule, table.get(), nullptr);
  };
  for (const facts::TableInfo* info : facts::catalogue()) {
    if (const int code = add(*info); code != SQLITE_OK) return code;
  }
  return add(absences_table());
}

}  // namespace hostcheck::sql
