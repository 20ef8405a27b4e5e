#include <algorithm>
#include <map>
#include <set>

#include "core/facts/probe.h"
#include "core/facts/table.h"
#include "core/fleet/run_rows.h"
#include "core/sql/database.h"
#include "core/sql/snapshot_stream.h"

namespace hostcheck::fleet {
namespace {

// Names that PostgreSQL keeps for itself in every table, and ours.
const std::set<std::string, std::less<>>& taken_columns() {
  static const std::set<std::string, std::less<>> all = {"host", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};
  return all;
}

Error error_of(const std::string& file, std::string_view why) {
  return make_error(ErrorCode::invalid, "read snapshot", file, why);
}

// The part of a table that this version does not know; without columns where it knows all.
Table foreign_part(const sql::RecordedTable& recorded) {
  const Table* known = find_table(recorded.name);
  Table foreign{recorded.name,
                known == nullptr ? "Facts that a plugin or another version of hostcheck brought" : known->comment,
                {},
                {}};
  for (const sql::RecordedColumn& column : recorded.columns) {
    const bool there = known != nullptr && std::any_of(known->columns.begin(), known->columns.end(),
                                                       [&](const Column& each) { return each.name == column.name; });
    if (there) continue;
    foreign.columns.push_back(
        {column.name, column_type(column.type), comment_of(column.meaning, column.unit, column.source)});
  }
  return foreign;
}

Result<void> check_names(const std::string& file, const sql::RecordedTable& table) {
  if (is_own_table(table.name)) {
    return unexpected(error_of(file, "has a table " + table.name + ", which is collect's own"));
  }
  for (const sql::RecordedColumn& column : table.columns) {
    if (!taken_columns().contains(column.name)) continue;
    return unexpected(error_of(file, table.name + " has a column " + column.name + ", which cannot be one in a fleet"));
  }
  return {};
}

Result<void> add_table(const sql::SnapshotStream& stream, const sql::RecordedTable& table, RunRows& run) {
  if (auto fine = check_names(run.head.file, table); !fine) return fine;
  if (Table foreign = foreign_part(table); !foreign.columns.empty()) run.foreign.push_back(std::move(foreign));
  std::vector<std::string> columns;
  for (const sql::RecordedColumn& column : table.columns) columns.push_back(column.name);
  Rows rows;
  const auto count = stream.each_row(table, [&](std::span<const facts::Cell> cells) {
    rows.begin(run.head.host);
    for (const facts::Cell& cell : cells) rows.add(cell);
    rows.end();
  });
  if (!count) return unexpected(count.error());
  if (*count != 0) run.rows[copy_statement(table.name, columns)].append(rows);
  if (table.name == sql::absences_table().name) return {};
  Rows& gathered = run.rows[copy_statement("gathered", std::vector<std::string>{"table_name", "rows"})];
  gathered.begin(run.head.host);
  gathered.add(std::string_view(table.name));
  gathered.add(static_cast<std::int64_t>(*count));
  gathered.end();
  return {};
}

// What this version gathers and the file does not have, as run --from tells it.
void add_missing(const sql::SnapshotStream& stream, RunRows& run) {
  std::map<std::string, std::set<std::string>, std::less<>> there;
  for (const sql::RecordedTable& table : stream.tables()) {
    auto& columns = there[table.name];
    for (const sql::RecordedColumn& column : table.columns) columns.insert(column.name);
  }
  Rows& rows = run.rows[copy_statement(
      "absences", std::vector<std::string>{"table_name", "column_name", "code", "reason", "remedy"})];
  const auto add = [&](const std::string& table, const std::string& column) {
    rows.begin(run.head.host);
    rows.add(std::string_view(table));
    rows.add_text(column);
    rows.add(std::string_view("unsupported"));
    rows.add(std::string_view("is not in the snapshot"));
    rows.add(std::string_view("a snapshot taken by this version"));
    rows.end();
  };
  for (const facts::TableInfo* info : facts::catalogue()) {
    const auto found = there.find(info->name);
    if (found == there.end()) {
      if (!facts::is_asked_table(info->name)) add(info->name, "");
      continue;
    }
    for (const facts::Column& column : info->columns) {
      if (!found->second.contains(column.name)) add(info->name, column.name);
    }
  }
}

void add_run_without_report(const sql::SnapshotStream& stream, RunRows& run) {
  static const std::vector<std::string> columns = {"started",    "kind",        "hostcheck", "kernel",
                                                   "machine_id", "observed_ms", "anonymous", "file"};
  Rows& rows = run.rows[copy_statement("runs", columns)];
  rows.begin(run.head.host);
  rows.add(std::string_view(run.head.started));
  rows.add(std::string_view("snapshot"));
  rows.add_text(stream.info().hostcheck);
  rows.add_text(stream.info().kernel);
  rows.add_text(run.head.machine_id);
  rows.add(stream.observed_ms());
  rows.add(facts::integer_cell(stream.info().anonymous ? 1 : 0));
  rows.add(std::string_view(run.head.file));
  rows.end();
}

Result<void> read_all(const sql::SnapshotStream& stream, RunRows& run) {
  for (const sql::RecordedTable& table : stream.tables()) {
    if (auto added = add_table(stream, table, run); !added) return added;
  }
  add_missing(stream, run);
  if (!stream.info().report.empty()) return add_report(stream.info().report, run.head, run.rows);
  add_run_without_report(stream, run);
  return {};
}

}  // namespace

void read_snapshot_file(const std::string& file, const Wanted& wanted, const TakeRun& take, const TakeError& complain) {
  auto stream = sql::SnapshotStream::open(file);
  if (!stream) return complain(stream.error());
  RunRows run;
  run.head = {stream->info().host, stream->info().taken, stream->machine_id(), true, file};
  if (!is_host_name(run.head.host)) return complain(error_of(file, "does not say of which host it is"));
  if (!is_time(run.head.started)) return complain(error_of(file, "does not say when it was taken"));
  if (!wanted(run.head)) return;
  if (auto read = read_all(*stream, run); !read) return complain(read.error());
  take(std::move(run));
}

}  // namespace hostcheck::fleet
