#include "core/fleet/store.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/fleet/schema.h"

namespace hostcheck::fleet {
namespace {

constexpr std::int64_t kOldestServer = 130000;  // has anycompatible, and indexes that keep equal keys once

std::string text_in(const facts::Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string{} : *text;
}

// How wide a type is: a column may become wider. nullopt for types that are not of tables of facts.
std::optional<std::size_t> width_of(std::string_view type) {
  constexpr std::array kWidening = {ColumnType::boolean, ColumnType::integer, ColumnType::real, ColumnType::text};
  const auto found =
      std::find_if(kWidening.begin(), kWidening.end(), [&](ColumnType each) { return sql_name(each) == type; });
  if (found == kWidening.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kWidening.begin());
}

// Rows are written in such a way that what fits the narrower type is text of the wider one too: 0 and 1 for booleans.
std::string widen(const std::string& table, const std::string& column, std::string_view from, std::string_view to) {
  const std::string name = quoted_name(column);
  const std::string value = from == sql_name(ColumnType::boolean) ? name + "::integer" : name;
  return fmt::format("ALTER TABLE {0} ALTER COLUMN {1} TYPE {2} USING {3}::{2};\n", quoted_name(table), name, to,
                     value);
}

}  // namespace

Result<Store> Store::open(Postgres database, const std::string& schema, const std::function<void()>& wait) {
  Store store(std::move(database));
  if (auto fine = store.require_server(); !fine) return unexpected(fine.error());
  if (auto locked = store.lock(schema, wait); !locked) return unexpected(locked.error());
  if (auto read = store.read_columns(schema); !read) return unexpected(read.error());
  if (auto made = store.make(schema); !made) return unexpected(made.error());
  if (auto read = store.read_loaded(); !read) return unexpected(read.error());
  return store;
}

Result<void> Store::require_server() {
  const auto answer = database_.ask(
      "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'), "
      "current_setting('server_version')");
  if (!answer) return unexpected(answer.error());
  const auto& row = answer->rows.at(0);
  const auto* version = std::get_if<std::int64_t>(&row.at(0));
  if (version == nullptr || *version < kOldestServer) {
    return unexpected(make_error(ErrorCode::unsupported, "collect", "PostgreSQL",
                                 "13 or later is needed, and this is " + text_in(row.at(2))));
  }
  if (text_in(row.at(1)) != "UTF8") {
    return unexpected(make_error(ErrorCode::unsupported, "collect", "PostgreSQL",
                                 "the database is in " + text_in(row.at(1)) + "; one in UTF8 is needed"));
  }
  return {};
}

Result<void> Store::lock(const std::string& schema, const std::function<void()>& wait) {
  const std::string key = fmt::format("(hashtext({}))", quoted_text("hostcheck collect " + schema));
  const auto tried = database_.ask("SELECT pg_try_advisory_lock" + key);
  if (!tried) return unexpected(tried.error());
  if (text_in(tried->rows.at(0).at(0)) == "true") return {};
  wait();
  return database_.run("SELECT pg_advisory_lock" + key);
}

Result<void> Store::read_columns(const std::string& schema) {
  const auto answer = database_.ask(fmt::format(
      "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_namespace n "
      "JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
      "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE n.nspname = {}",
      quoted_text(schema)));
  if (!answer) return unexpected(answer.error());
  for (const auto& row : answer->rows) columns_[text_in(row[0])][text_in(row[1])] = text_in(row[2]);
  return {};
}

Result<void> Store::make(const std::string& schema) {
  if (columns_.empty()) {
    if (auto made = database_.run("BEGIN;\n" + create_schema(schema) + "COMMIT;"); !made) {
      static_cast<void>(database_.run("ROLLBACK"));
      return made;
    }
    return read_columns(schema);
  }
  const auto described = database_.ask(
      fmt::format("SELECT obj_description(to_regclass({}), 'pg_class')", quoted_text(quoted_name(schema) + ".runs")));
  if (!described) return unexpected(described.error());
  const std::string mark = text_in(described->rows.at(0).at(0));
  if (!mark.starts_with(kMark)) {
    const bool ours = mark.starts_with(kMark.substr(0, kMark.find(',')));
    return unexpected(make_error(ErrorCode::invalid, "--schema", schema,
                                 ours ? "was made by a newer hostcheck" : "has other tables in it; give another name"));
  }
  columns_.erase("unknowns");
  if (auto set = database_.run("SET search_path = " + quoted_name(schema)); !set) return set;
  return complete();
}

// Tables and columns that this version has and the one that made the schema had not.
Result<void> Store::complete() {
  std::string statements;
  for (const Table& table : tables()) statements += admit(table);
  if (statements.empty()) return {};
  return database_.run("BEGIN;\n" + statements + create_helpers() + "COMMIT;");
}

Result<void> Store::read_loaded() {
  const auto answer = database_.ask(
      "SELECT host, to_char(started AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), kind, machine_id, file "
      "FROM runs");
  if (!answer) return unexpected(answer.error());
  for (const auto& row : answer->rows) {
    loaded_[text_in(row[0])] = {text_in(row[1]), text_in(row[2]) == "snapshot", text_in(row[3]), text_in(row[4])};
  }
  return {};
}

std::string Store::admit(const Table& table) {
  const auto known = columns_.find(table.name);
  if (known == columns_.end()) {
    Table whole = table;
    const bool host = !whole.columns.empty() && whole.columns.front().name == "host";
    if (!host) whole.columns.insert(whole.columns.begin(), {"host", ColumnType::text, "Name of the host, as in runs"});
    for (const Column& column : whole.columns) columns_[table.name][column.name] = sql_name(column.type);
    return create_table(whole);
  }
  std::string statements;
  for (const Column& column : table.columns) {
    std::string& type = known->second[column.name];
    const std::string_view wanted = sql_name(column.type);
    if (type.empty()) {
      statements += fmt::format("ALTER TABLE {0} ADD COLUMN {1} {2};\nCOMMENT ON COLUMN {0}.{1} IS {3};\n",
                                quoted_name(table.name), quoted_name(column.name), wanted, quoted_text(column.comment));
    } else if (width_of(type) < width_of(wanted)) {
      statements += widen(table.name, column.name, type, wanted);
    } else {
      continue;
    }
    type = wanted;
  }
  return statements;
}

std::string Store::delete_hosts(const std::vector<std::string>& hosts) const {
  std::string list;
  for (const std::string& host : hosts) list += (list.empty() ? "" : ", ") + quoted_text(host);
  std::string statements;
  for (const auto& [table, columns] : columns_) {
    if (!columns.contains("host")) continue;
    statements += fmt::format("DELETE FROM {} WHERE host = ANY (ARRAY[{}]);\n", quoted_name(table), list);
  }
  return statements;
}

Result<void> Store::put_within(const Batch& batch) {
  std::string statements;
  for (const Table& table : batch.foreign) statements += admit(table);
  if (!batch.replaced.empty()) statements += delete_hosts(batch.replaced);
  if (!statements.empty()) {
    if (auto done = database_.run(statements); !done) return done;
  }
  for (const auto& [statement, rows] : batch.rows) {
    if (auto copied = database_.copy(statement, rows.text()); !copied) return copied;
  }
  return {};
}

Result<void> Store::put(const Batch& batch) {
  if (auto begun = database_.run("BEGIN"); !begun) return begun;
  auto put = put_within(batch);
  if (!put) {
    static_cast<void>(database_.run("ROLLBACK"));
    return put;
  }
  return database_.run("COMMIT");
}

Result<std::size_t> Store::forget(const std::string& host) {
  if (loaded_.erase(host) == 0) return 0;
  if (auto done = database_.run("BEGIN;\n" + delete_hosts({host}) + "COMMIT;"); !done) return unexpected(done.error());
  return 1;
}

Result<void> Store::analyze() {
  std::string statements;
  for (const auto& [table, columns] : columns_) {
    if (columns.contains("host")) statements += fmt::format("ANALYZE {};\n", quoted_name(table));
  }
  return database_.run(statements);
}

}  // namespace hostcheck::fleet
