#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/facts/probe.h"
#include "core/sql/database.h"
#include "core/sql/snapshot.h"
#include "core/sql/snapshot_open.h"
#include "core/sql/sqlite_values.h"

namespace hostcheck::sql {
namespace {

// Thrown and caught in this file.
struct Wrong {
  Error error;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {
    auto opened = open_snapshot(path);
    if (!opened) throw Wrong{opened.error()};
    connection_ = std::move(*opened);
    each("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
         [&](sqlite3_stmt* row) { tables_.insert(std::get<std::string>(value_of(row, 0))); });
  }

  [[noreturn]] void fail(std::string_view why) const {
    throw Wrong{make_error(ErrorCode::invalid, "read snapshot", path_, why)};
  }
  [[nodiscard]] bool has(std::string_view table) const { return tables_.contains(table); }

  template <typename Take>
  void each(const std::string& sql, Take take) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(connection_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) told();
    const Statement statement(raw);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) take(raw);
    if (code != SQLITE_DONE) told();
  }

  [[nodiscard]] std::map<std::string, facts::Value> settings() {
    if (!has("snapshot")) fail("is no snapshot of hostcheck: it has no table snapshot");
    std::map<std::string, facts::Value> all;
    each("SELECT key, value FROM snapshot", [&](sqlite3_stmt* row) {
      if (const auto key = value_of(row, 0); std::holds_alternative<std::string>(key)) {
        all[std::get<std::string>(key)] = value_of(row, 1);
      }
    });
    return all;
  }

  void read_table(const facts::TableInfo& info, facts::Facts& facts) {
    if (!has(info.name)) {
      if (facts::is_asked_table(info.name)) return;  // nobody asked
      facts.add_absence({info.name, "", "", "", ErrorCode::unsupported, "is not in the snapshot",
                         "a snapshot taken by this version"});
      return;
    }
    facts.put(read_rows(info, [&](const facts::Column& column) {
      facts.add_absence({info.name, column.name, "", "", ErrorCode::unsupported, "is not in the snapshot",
                         "a snapshot taken by this version"});
    }));
  }

  // missing: called for each column that the file does not have.
  template <typename Missing>
  [[nodiscard]] std::unique_ptr<facts::ValueRows> read_rows(const facts::TableInfo& info, Missing missing) {
    std::set<std::string, std::less<>> there;
    each(fmt::format("SELECT name FROM pragma_table_info('{}')", info.name),
         [&](sqlite3_stmt* row) { there.insert(std::get<std::string>(value_of(row, 0))); });
    std::string columns;
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at < info.columns.size(); ++at) {
      if (!there.contains(info.columns[at].name)) {
        missing(info.columns[at]);
        continue;
      }
      columns += fmt::format("{}\"{}\"", columns.empty() ? "" : ", ", info.columns[at].name);
      places.push_back(at);
    }
    auto data = std::make_unique<facts::ValueRows>(info);
    if (places.empty()) return data;
    each(fmt::format("SELECT {} FROM \"{}\"", columns, info.name), [&](sqlite3_stmt* row) {
      auto& values = data->rows.emplace_back(info.columns.size());
      for (std::size_t at = 0; at < places.size(); ++at) {
        values[places[at]] = fitting(info, info.columns[places[at]], value_of(row, static_cast<int>(at)));
      }
    });
    return data;
  }

 private:
  [[noreturn]] void told() const { fail(sqlite3_errmsg(connection_.get())); }
  [[nodiscard]] facts::Value fitting(const facts::TableInfo& info, const facts::Column& column,
                                     facts::Value value) const {
    const auto* integer = std::get_if<std::int64_t>(&value);
    if (column.type == facts::Type::real && integer != nullptr) value = static_cast<double>(*integer);
    if (!fits(column.type, facts::to_cell(value)))
      fail(fmt::format("{}.{} is {} and has another value", info.name, column.name, facts::name_of(column.type)));
    return value;
  }

  std::string path_;
  Connection connection_;
  std::set<std::string, std::less<>> tables_;
};

std::string text_of(const std::map<std::string, facts::Value>& settings, const std::string& key) {
  const auto found = settings.find(key);
  const auto* text = found == settings.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? std::string{} : *text;
}

std::int64_t number_of(const Reader& reader, const std::map<std::string, facts::Value>& settings,
                       const std::string& key) {
  const auto found = settings.find(key);
  const auto* number = found == settings.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  if (number == nullptr) reader.fail("snapshot." + key + " is missing or no number");
  return *number;
}

ErrorCode code_named(std::string_view name) {
  for (const ErrorCode code : {ErrorCode::denied, ErrorCode::unsupported, ErrorCode::vanished, ErrorCode::limit}) {
    if (name_of(code) == name) return code;
  }
  return ErrorCode::failed;
}

std::optional<facts::Type> type_named(std::string_view name) {
  for (const facts::Type each : {facts::Type::boolean, facts::Type::integer, facts::Type::real, facts::Type::text}) {
    if (facts::name_of(each) == name) return each;
  }
  return std::nullopt;
}

std::string text_at(sqlite3_stmt* row, int column) {
  const facts::Value value = value_of(row, column);
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string{} : *text;
}

// Makes the tables known that plugins brought on the host of the file.
void know_brought_tables(Reader& reader) {
  constexpr std::size_t kMostTables = 200;
  constexpr std::size_t kMostColumns = 200;
  if (!reader.has("brought") || !reader.has("columns")) return;
  std::map<std::string, facts::TableInfo> tables;
  reader.each("SELECT \"table\", plugin, meaning, compared FROM brought", [&](sqlite3_stmt* row) {
    facts::TableInfo& made = tables[text_at(row, 0)];
    made.name = text_at(row, 0);
    made.brought_by = text_at(row, 1);
    made.meaning = text_at(row, 2);
    made.compared = value_of(row, 3) != facts::Value(std::int64_t{0});
    if (!is_free_name(made.name) || made.brought_by.empty())
      reader.fail("brought has a table that no plugin can bring");
    if (tables.size() > kMostTables) reader.fail(fmt::format("has more than {} tables of plugins", kMostTables));
  });
  reader.each("SELECT \"table\", \"column\", type, unit, source, meaning, \"key\" FROM \"columns\"",
              [&](sqlite3_stmt* row) {
                const auto table = tables.find(text_at(row, 0));
                if (table == tables.end()) return;
                facts::Column& made = table->second.columns.emplace_back();
                made.name = text_at(row, 1);
                const auto type = type_named(text_at(row, 2));
                if (!type || !is_free_name(made.name) || table->second.columns.size() > kMostColumns) {
                  reader.fail(fmt::format("its table {} has a column that no plugin can bring", table->first));
                }
                made.type = *type;
                made.unit = text_at(row, 3);
                made.source = text_at(row, 4);
                made.meaning = text_at(row, 5);
                made.key = value_of(row, 6) == facts::Value(std::int64_t{1});
              });
  for (auto& [name, info] : tables) {
    if (!info.columns.empty()) facts::add_table(std::move(info));
  }
}

void read_absences(Reader& reader, facts::Facts& facts) {
  const facts::TableInfo& info = absences_table();
  if (!reader.has(info.name)) reader.fail("has no table absences: what could not be read is unknown");
  const auto data = reader.read_rows(
      info, [&](const facts::Column& column) { reader.fail("absences has no column " + column.name); });
  const auto text = [&](const std::vector<facts::Value>& row, std::string_view column) {
    const auto* value = std::get_if<std::string>(&row[info.column(column).value()]);
    return value == nullptr ? std::string{} : *value;
  };
  for (const auto& row : data->rows) {
    facts.add_absence({text(row, "table_name"), text(row, "column_name"), text(row, "netns"), text(row, "subject"),
                       code_named(text(row, "code")), text(row, "reason"), text(row, "remedy")});
  }
}

Snapshot read(const std::string& path) {
  Reader reader(path);
  const auto settings = reader.settings();
  const std::int64_t format = number_of(reader, settings, "format");
  Snapshot snapshot;
  snapshot.info.hostcheck = text_of(settings, "hostcheck");
  if (format != kSnapshotFormat) {
    reader.fail(fmt::format("has format {}, written by hostcheck {}; this version reads format {}", format,
                            snapshot.info.hostcheck.empty() ? "of unknown version" : snapshot.info.hostcheck,
                            kSnapshotFormat));
  }
  snapshot.info.host = text_of(settings, "host");
  snapshot.info.kernel = text_of(settings, "kernel");
  snapshot.info.taken = text_of(settings, "taken");
  snapshot.info.report = text_of(settings, "report");
  snapshot.info.anonymous = number_of(reader, settings, "anonymous") != 0;
  const std::int64_t observed = number_of(reader, settings, "observed_ms");
  if (observed < 0 || observed > 86'400'000) reader.fail("snapshot.observed_ms is out of range");
  snapshot.facts.observed = std::chrono::milliseconds(observed);
  know_brought_tables(reader);
  for (const facts::TableInfo* table : facts::catalogue()) reader.read_table(*table, snapshot.facts);
  read_absences(reader, snapshot.facts);
  return snapshot;
}

}  // namespace

Result<Snapshot> read_snapshot(const std::string& path) {
  try {
    return read(path);
  } catch (const Wrong& wrong) {
    return unexpected(wrong.error);
  }
}

}  // namespace hostcheck::sql
