#include "core/sql/sandbox.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/base/units.h"
#include "core/sql/functions.h"

namespace hostcheck::sql {
namespace {

// Virtual machine steps between two looks at the clock: some tens of microseconds.
constexpr int kStepsPerTick = 2000;

bool is_allowed_function(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto all = allowed_functions();
  return std::binary_search(all.begin(), all.end(), lower);
}

std::string denied_action(int action, std::string_view object) {
  switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return "ATTACH and DETACH are not allowed in a query";
    case SQLITE_PRAGMA:
      return "PRAGMA is not allowed in a query";
    case SQLITE_FUNCTION:
      return fmt::format("function {} is not allowed in a query", object);
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return "transactions are not allowed in a query";
    default:
      return "a query can only read: one SELECT";
  }
}

std::vector<std::string> table_names(const Tables& tables) {
  std::vector<std::string> names;
  for (const auto& each : tables.tables) names.push_back(each->info->name);
  return names;
}

bool is_identifier(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Columns of every table that the query names.
std::vector<std::string> columns_in_reach(const Tables& tables, std::string_view query) {
  std::vector<std::string> columns;
  for (const auto& table : tables.tables) {
    const std::string& name = table->info->name;
    for (std::size_t at = query.find(name); at != std::string_view::npos; at = query.find(name, at + 1)) {
      const bool starts = at == 0 || !is_identifier(query[at - 1]);
      const bool ends = at + name.size() == query.size() || !is_identifier(query[at + name.size()]);
      if (!starts || !ends) continue;
      const auto more = table->info->column_names();
      columns.insert(columns.end(), more.begin(), more.end());
      break;
    }
  }
  return columns;
}

// " (did you mean ...?)" for the name at the end of SQLite's message.
std::string advice(std::string_view message, const Tables& tables, std::string_view query) {
  const auto name_after = [&](std::string_view start) -> std::optional<std::string_view> {
    if (!message.starts_with(start)) return std::nullopt;
    std::string_view name = message.substr(start.size());
    if (const std::size_t dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
    return name;
  };
  if (const auto name = name_after("no such table: ")) return did_you_mean(*name, table_names(tables));
  if (const auto name = name_after("no such column: ")) return did_you_mean(*name, columns_in_reach(tables, query));
  if (const auto name = name_after("no such function: ")) return did_you_mean(*name, allowed_functions());
  return {};
}

}  // namespace

int Authorizer::allow_read(std::string_view table, std::string_view column) {
  if (table == "json_each" || table == "json_tree") return SQLITE_OK;
  const auto& all = tables->tables;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each->info->name == table; });
  if (found != all.end()) {
    auto& columns = reads[std::string(table)];
    if (!column.empty() && column != "ROWID") columns.emplace(column);
    return SQLITE_OK;
  }
  // A WITH table of which no column is read.
  if (column.empty() && !table.starts_with("sqlite_")) return SQLITE_OK;
  denied = fmt::format("no such table: {}{}", table, did_you_mean(table, table_names(*tables)));
  return SQLITE_DENY;
}

int Authorizer::callback(void* self, int action, const char* third, const char* fourth, const char*, const char*) {
  auto& authorizer = *static_cast<Authorizer*>(self);
  // SQLite asks about its own bookkeeping too while a table is declared.
  if (authorizer.tables->declaring) return SQLITE_OK;
  const std::string_view first = third == nullptr ? "" : third;
  const std::string_view second = fourth == nullptr ? "" : fourth;
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      if (is_allowed_function(second)) return SQLITE_OK;
      authorizer.denied = denied_action(action, second) + did_you_mean(second, allowed_functions());
      return SQLITE_DENY;
    case SQLITE_READ:
      return authorizer.allow_read(first, second);
    case SQLITE_UPDATE:
      // SQLite declares a table of its own (pragma_..., dbstat, ...), or somebody writes: both end here.
      if (first == "sqlite_master") return SQLITE_DENY;
      authorizer.denied = denied_action(action, first);
      return SQLITE_DENY;
    default:
      authorizer.denied = denied_action(action, first);
      return SQLITE_DENY;
  }
}

int lock_down(sqlite3* connection, Authorizer& authorizer) {
  // Sorters and recursion queues in memory: no file is written, and the memory bound counts them.
  if (const int code = sqlite3_exec(connection, "PRAGMA temp_store=MEMORY", nullptr, nullptr, nullptr);
      code != SQLITE_OK) {
    return code;
  }
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  // "name" in double quotes is a column, never silently a text.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  // A plan does not depend on the values of parameters: else a query with "x GLOB :name" is compiled again at each run.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_QPSG, 1, nullptr);
  sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, 16 << 20);
  sqlite3_limit(connection, SQLITE_LIMIT_SQL_LENGTH, 256 << 10);
  sqlite3_limit(connection, SQLITE_LIMIT_EXPR_DEPTH, 200);
  sqlite3_limit(connection, SQLITE_LIMIT_COMPOUND_SELECT, 100);
  sqlite3_limit(connection, SQLITE_LIMIT_VDBE_OP, 250'000);
  sqlite3_limit(connection, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
  sqlite3_limit(connection, SQLITE_LIMIT_WORKER_THREADS, 0);
  return sqlite3_set_authorizer(connection, Authorizer::callback, &authorizer);
}

Bounds::Bounds(sqlite3* connection, const Limits& limits)
    : connection_(connection), end_(std::chrono::steady_clock::now() + limits.time) {
  former_heap_limit_ =
      sqlite3_hard_heap_limit64(sqlite3_memory_used() + static_cast<sqlite3_int64>(limits.memory_bytes));
  sqlite3_progress_handler(connection_, kStepsPerTick, tick, this);
}

Bounds::~Bounds() {
  sqlite3_progress_handler(connection_, 0, nullptr, nullptr);
  sqlite3_hard_heap_limit64(former_heap_limit_);
}

int Bounds::tick(void* self) {
  return std::chrono::steady_clock::now() > static_cast<Bounds*>(self)->end_ ? 1 : 0;
}

Error query_error(sqlite3* connection, int code, const Authorizer& authorizer, std::string_view query,
                  const Limits& limits) {
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      return make_error(ErrorCode::limit, "query", "", fmt::format("stopped after {} ms", limits.time.count()));
    case SQLITE_NOMEM:
      return make_error(ErrorCode::limit, "query", "",
                        fmt::format("needs more than {}", human_bytes(static_cast<double>(limits.memory_bytes))));
    case SQLITE_TOOBIG:
      return make_error(ErrorCode::limit, "query", "", "a text or the query itself is too long");
    default:
      break;
  }
  if (!authorizer.denied.empty()) return make_error(ErrorCode::invalid, "query", "", authorizer.denied);
  std::string message = sqlite3_errmsg(connection);
  constexpr std::string_view kHidden = "vtable constructor failed: ";
  if (message.starts_with(kHidden)) message.replace(0, kHidden.size(), "no such table: ");
  if ((code & 0xff) == SQLITE_AUTH || message == "not authorized") {
    return make_error(ErrorCode::invalid, "query", "",
                      "a query can only read, and only the tables of `hostcheck tables`");
  }
  message += advice(message, *authorizer.tables, query);
  if (const int at = sqlite3_error_offset(connection); at >= 0 && static_cast<std::size_t>(at) <= query.size()) {
    const std::string_view before = query.substr(0, static_cast<std::size_t>(at));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    if (query.find('\n') != std::string_view::npos) message += fmt::format(" (line {} of the query)", line);
  }
  return make_error(ErrorCode::invalid, "query", "", message);
}

}  // namespace hostcheck::sql
