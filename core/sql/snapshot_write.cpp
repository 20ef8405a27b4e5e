#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "core/sql/absences.h"
#include "core/sql/database.h"
#include "core/sql/snapshot.h"
#include "core/sql/sqlite_values.h"

namespace hostcheck::sql {
namespace {

constexpr const char* type_name(facts::Type type) {
  switch (type) {
    case facts::Type::boolean:
    case facts::Type::integer:
      return "INTEGER";
    case facts::Type::real:
      return "REAL";
    case facts::Type::text:
      return "TEXT";
  }
  return "";
}

// Columns whose text is a name of the host's own and no address: "table.column", "*.column" for every table.
const std::set<std::string, std::less<>>& name_columns() {
  static const std::set<std::string, std::less<>> all = {
      "host.name", "host.machine_id",          "host.boot_id", "host.hardware", "*.netns", "*.command", "*.cgroup",
      "*.search",  "namespaces.first_command", "links.alias",
  };
  return all;
}

using Change = std::function<facts::Value(const facts::Value&)>;

class Writer {
 public:
  Writer(const std::string& path, const facts::Anonymiser* anonymiser) : path_(path), anonymiser_(anonymiser) {
    sqlite3* connection = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    connection_.reset(connection);
    if (code != SQLITE_OK) fail();
    // Nobody reads the file before it is whole, so a journal would be for nothing.
    run("PRAGMA journal_mode = OFF");
    run("PRAGMA synchronous = OFF");
    run("BEGIN");
    run("CREATE TABLE \"columns\"(\"table\" TEXT, \"column\" TEXT, type TEXT, unit TEXT, source TEXT, meaning TEXT, "
        "\"key\" INTEGER)");
    run("CREATE TABLE brought(\"table\" TEXT PRIMARY KEY, plugin TEXT, meaning TEXT, compared INTEGER)");
    run("CREATE TABLE snapshot(key TEXT PRIMARY KEY, value)");
  }

  void add_table(const facts::TableData& data) {
    const facts::TableInfo& info = data.info();
    std::string columns;
    std::string places;
    for (const facts::Column& column : info.columns) {
      columns += fmt::format("{}\"{}\" {}", columns.empty() ? "" : ", ", column.name, type_name(column.type));
      places += places.empty() ? "?" : ", ?";
      describe(info, column);
    }
    run(fmt::format("CREATE TABLE \"{}\"({})", info.name, columns));
    if (!info.brought_by.empty()) describe_brought(info);
    const Statement insert = prepare(fmt::format("INSERT INTO \"{}\" VALUES({})", info.name, places));
    const auto changes = changes_of(info);
    std::string scratch;
    for (std::size_t row = 0; row < data.size() && !error_; ++row) {
      for (std::size_t at = 0; at < info.columns.size(); ++at) {
        const facts::Cell cell = data.cell(row, at, scratch);
        const int place = static_cast<int>(at + 1);
        const bool hide = !changes.empty() && cell.kind == facts::Cell::Kind::text;
        check(hide ? bind_value(insert.get(), place, changes[at](facts::to_value(cell)))
                   : bind_value(insert.get(), place, cell));
      }
      step(insert.get());
    }
  }

  void add_fact(const char* key, const facts::Value& value) {
    const Statement insert = prepare("INSERT INTO snapshot VALUES(?, ?)");
    if (error_) return;
    check(bind_value(insert.get(), 1, facts::Value(std::string(key))));
    check(bind_value(insert.get(), 2, value));
    step(insert.get());
  }

  [[nodiscard]] Result<void> finish() {
    run("COMMIT");
    connection_.reset();
    if (error_) return unexpected(*error_);
    return {};
  }
  // The same, with the bytes of the file; for a database in memory.
  [[nodiscard]] Result<std::string> finish_in_memory() {
    run("COMMIT");
    if (error_) return unexpected(*error_);
    sqlite3_int64 size = 0;
    const std::unique_ptr<unsigned char, void (*)(void*)> bytes(sqlite3_serialize(connection_.get(), "main", &size, 0),
                                                                sqlite3_free);
    if (!bytes) return unexpected(errno_error(ENOMEM, "write snapshot", path_));
    return std::string(static_cast<const char*>(static_cast<const void*>(bytes.get())), static_cast<std::size_t>(size));
  }
  [[nodiscard]] bool failed() const { return error_.has_value(); }

 private:
  void describe(const facts::TableInfo& info, const facts::Column& column) {
    const Statement insert = prepare("INSERT INTO \"columns\" VALUES(?, ?, ?, ?, ?, ?, ?)");
    if (error_) return;
    int at = 0;
    for (const std::string_view text :
         {std::string_view(info.name), std::string_view(column.name), facts::name_of(column.type),
          std::string_view(column.unit), std::string_view(column.source), std::string_view(column.meaning)}) {
      check(bind_value(insert.get(), ++at, facts::text_cell(text)));
    }
    check(bind_value(insert.get(), ++at, facts::integer_cell(column.key ? 1 : 0)));
    step(insert.get());
  }
  void describe_brought(const facts::TableInfo& info) {
    const Statement insert = prepare("INSERT INTO brought VALUES(?, ?, ?, ?)");
    if (error_) return;
    int at = 0;
    for (const std::string_view text :
         {std::string_view(info.name), std::string_view(info.brought_by), std::string_view(info.meaning)}) {
      check(bind_value(insert.get(), ++at, facts::text_cell(text)));
    }
    check(bind_value(insert.get(), ++at, facts::integer_cell(info.compared ? 1 : 0)));
    step(insert.get());
  }
  // One for each column; empty where nothing is to be hidden.
  [[nodiscard]] std::vector<Change> changes_of(const facts::TableInfo& info) const {
    std::vector<Change> changes;
    if (anonymiser_ == nullptr) return changes;
    for (const facts::Column& column : info.columns) {
      const bool name =
          name_columns().contains(info.name + "." + column.name) || name_columns().contains("*." + column.name);
      const bool netns = column.name == "netns";
      changes.emplace_back([this, name, netns](const facts::Value& value) -> facts::Value {
        const auto* text = std::get_if<std::string>(&value);
        // What hostcheck itself calls the first namespace tells nothing.
        if (!name || text == nullptr || (netns && *text == "init")) return anonymiser_->value(value);
        return anonymiser_->name(*text);
      });
    }
    return changes;
  }
  Statement prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (!error_) check(sqlite3_prepare_v2(connection_.get(), sql.c_str(), -1, &statement, nullptr));
    return Statement(statement);
  }
  void run(const std::string& sql) {
    if (!error_) check(sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr));
  }
  void step(sqlite3_stmt* statement) {
    if (error_) return;
    if (sqlite3_step(statement) != SQLITE_DONE) fail();
    sqlite3_reset(statement);
  }
  void check(int code) {
    if (code != SQLITE_OK) fail();
  }
  void fail() {
    if (error_) return;
    const int number = connection_ ? sqlite3_system_errno(connection_.get()) : ENOMEM;
    const char* words = connection_ ? sqlite3_errmsg(connection_.get()) : "out of memory";
    error_ = number != 0 ? errno_error(number, "write snapshot", path_)
                         : make_error(ErrorCode::failed, "write snapshot", path_, words);
  }

  std::string path_;
  const facts::Anonymiser* anonymiser_;
  Connection connection_;
  std::optional<Error> error_;
};

void write_all(Writer& writer, const facts::Facts& facts, const SnapshotInfo& info,
               const facts::Anonymiser* anonymiser) {
  for (const facts::TableInfo* table : facts::catalogue()) {
    if (writer.failed()) break;
    if (const facts::TableData* data = facts.find(table->name)) writer.add_table(*data);
  }
  if (!writer.failed()) writer.add_table(AbsenceRows(facts.absences()));
  const auto host = anonymiser == nullptr ? info.host : anonymiser->name(info.host);
  writer.add_fact("format", kSnapshotFormat);
  writer.add_fact("hostcheck", info.hostcheck);
  writer.add_fact("host", host);
  writer.add_fact("kernel", info.kernel);
  writer.add_fact("taken", info.taken);
  writer.add_fact("observed_ms", static_cast<std::int64_t>(facts.observed.count()));
  writer.add_fact("anonymous", static_cast<std::int64_t>(info.anonymous ? 1 : 0));
  writer.add_fact("report", info.report.empty() ? facts::Value{} : facts::Value(info.report));
}

Result<void> write_file(const std::string& path, const facts::Facts& facts, const SnapshotInfo& info,
                        const facts::Anonymiser* anonymiser) {
  Writer writer(path, anonymiser);
  write_all(writer, facts, info, anonymiser);
  return writer.finish();
}

}  // namespace

Result<void> write_snapshot(const std::string& path, const facts::Facts& facts, SnapshotInfo info,
                            const facts::Anonymiser* anonymiser) {
  info.anonymous = anonymiser != nullptr;
  const std::string beside = fmt::format("{}.{}.part", path, ::getpid());
  // Facts of a host are for its owner's eyes; the mode has to be right from the first byte on.
  UniqueFd made(::open(beside.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!made.valid()) return unexpected(errno_error(errno, "write snapshot", path));
  auto written = write_file(beside, facts, info, anonymiser);
  if (written && ::fsync(made.get()) != 0) written = unexpected(errno_error(errno, "write snapshot", path));
  if (written && ::rename(beside.c_str(), path.c_str()) != 0) {
    written = unexpected(errno_error(errno, "write snapshot", path));
  }
  if (!written) ::unlink(beside.c_str());
  return written;
}

Result<std::string> snapshot_bytes(const facts::Facts& facts, SnapshotInfo info, const facts::Anonymiser* anonymiser) {
  info.anonymous = anonymiser != nullptr;
  Writer writer(":memory:", anonymiser);
  write_all(writer, facts, info, anonymiser);
  return writer.finish_in_memory();
}

}  // namespace hostcheck::sql
