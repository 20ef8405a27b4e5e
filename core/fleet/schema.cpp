#include "core/fleet/schema.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/sql/database.h"

namespace hostcheck::fleet {
namespace {

using enum ColumnType;

const Column kHost = {"host", text, "Name of the host, as in runs"};

// Of findings and suppressed_findings.
std::vector<Column> finding_columns() {
  return {
      kHost,
      {"rank", integer, "Place in the report, from 1: causes before their effects; the first is the best explanation"},
      {"id", text, "Check that found it; hostcheck explain ID shows its page"},
      {"severity", text, "critical, warning or info"},
      {"status", text, "confirmed, suspected, inconclusive or refuted; what is refuted counts for nothing"},
      {"title", text, "What the check finds"},
      {"summary", text, "One line with the numbers in it"},
      {"why", text, "What it does to users"},
      {"because", text, "Why it is not confirmed"},
      {"subject", json, "What it is about: namespace, address, port, process, interface"},
      {"evidence", json, "Each with what, value, unit, source, when"},
      {"excluded", json, "Other explanations that were ruled out, each with its numbers"},
      {"not_excluded", json, "Other explanations that could not be judged"},
      {"fix", json, "What mends it: text, command, persist"},
      {"causes", json, "Ids of findings of this host that explain it"},
      {"effects", json, "Ids of findings of this host that it explains"}};
}

Table runs_table() {
  return {
      "runs",
      std::string(kMark) + "what is loaded of each host, one row each",
      {kHost,
       {"started", time, "When the run began; a newer one takes its place"},
       {"kind", text, "report: what was judged. snapshot: every fact besides"},
       {"hostcheck", text, "Version that wrote it"},
       {"kernel", text, "uname(2) release"},
       {"netns", text, "The network namespaces looked at"},
       {"boot_id", text, "Of the running kernel"},
       {"machine_id", text, "/etc/machine-id"},
       {"verdict", text, "ok, warning, critical or unknown; NULL where no report is in the file (anonymous snapshots)"},
       {"unjudged", text, "Why the verdict is unknown"},
       {"duration_ms", integer, "How long the run took (ms)"},
       {"observed_ms", integer, "Time between the two samples; 0 when there was one (ms)"},
       {"anonymous", boolean, "Names and addresses are pseudonyms"},
       {"file", text, "Where it was loaded from"},
       {"loaded", time, "When it was loaded"}},
      {}};
}

std::vector<Table> own_tables() {
  std::vector<Column> suppressed = finding_columns();
  suppressed.push_back({"suppressed_by", text, "FILE:LINE of the configuration"});
  suppressed.push_back({"suppressed_reason", text, "Why, as it is written there"});
  suppressed.push_back({"suppressed_until", text, "Last day, UTC"});
  return {runs_table(),
          {"findings", "What the runs found", finding_columns(), {"id"}},
          {"suppressed_findings",
           "Findings that the hosts' configuration sets aside; they count for nothing",
           std::move(suppressed),
           {}},
          {"checks",
           "What came of each check on each host",
           {kHost,
            {"id", text, "The check"},
            {"outcome", text, "finding, clear, unknown, error or skipped"},
            {"reason", text, "Why it could not judge, or was not run"},
            {"remedy", text, "What would let it judge"},
            {"duration_us", integer, "How long it took (us)"}},
           {"id"}},
          {"capabilities",
           "What the hosts let hostcheck see",
           {kHost,
            {"name", text, "The capability"},
            {"available", boolean, "Whether it is to be had"},
            {"detail", text, "How it was found out"},
            {"lost", text, "What is not seen without it"}},
           {}},
          {"gathered",
           "Which tables of facts were read on which host: no row, and the table is absent there, not empty",
           {kHost, {"table_name", text, "The table"}, {"rows", integer, "How many rows it has"}},
           {}}};
}

Table facts_table(const facts::TableInfo& info) {
  Table table{info.name, info.meaning, {kHost}, {}};
  for (const facts::Column& column : info.columns) {
    table.columns.push_back(
        {column.name, column_type(column.type), comment_of(column.meaning, column.unit, column.source)});
  }
  // Tables of names and values are asked for one name on all hosts.
  const bool named = info.name == "sysctls" || info.name == "counters" || info.name == "nic_statistics";
  if (named) table.indexed = {"name"};
  return table;
}

}  // namespace

std::string_view sql_name(ColumnType type) {
  switch (type) {
    case boolean:
      return "boolean";
    case integer:
      return "bigint";
    case real:
      return "double precision";
    case text:
      return "text";
    case json:
      return "jsonb";
    case time:
      return "timestamp with time zone";
  }
  return "";
}

ColumnType column_type(facts::Type type) {
  switch (type) {
    case facts::Type::boolean:
      return boolean;
    case facts::Type::integer:
      return integer;
    case facts::Type::real:
      return real;
    case facts::Type::text:
      return text;
  }
  return text;
}

std::span<const Table> tables() {
  static const std::vector<Table> all = [] {
    std::vector<Table> made = own_tables();
    made.push_back(facts_table(sql::absences_table()));
    for (const facts::TableInfo* info : facts::catalogue()) made.push_back(facts_table(*info));
    return made;
  }();
  return all;
}

const Table* find_table(std::string_view name) {
  const auto all = tables();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Table& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

bool is_own_table(std::string_view name) {
  static const std::vector<Table> own = own_tables();
  return name == "unknowns" ||
         std::any_of(own.begin(), own.end(), [&](const Table& each) { return each.name == name; });
}

std::string comment_of(std::string_view meaning, std::string_view unit, std::string_view source) {
  std::string comment(meaning);
  if (!unit.empty()) comment += fmt::format(" ({})", unit);
  if (!source.empty()) comment += fmt::format("; source: {}", source);
  return comment;
}

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string quoted_text(std::string_view text) {
  // A backslash means itself only where standard_conforming_strings is on; E'' means the same everywhere.
  std::string out = text.find('\\') == std::string_view::npos ? "'" : "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + '\'';
}

std::string create_table(const Table& table) {
  const bool runs = table.name == "runs";
  std::string columns;
  std::string comments =
      fmt::format("COMMENT ON TABLE {} IS {};\n", quoted_name(table.name), quoted_text(table.comment));
  for (const Column& column : table.columns) {
    const bool host = column.name == "host";
    columns += fmt::format("{}  {} {}{}", columns.empty() ? "" : ",\n", quoted_name(column.name), sql_name(column.type),
                           !host  ? (column.name == "loaded" && runs ? " DEFAULT now()" : "")
                           : runs ? " PRIMARY KEY"
                                  : " NOT NULL");
    comments += fmt::format("COMMENT ON COLUMN {}.{} IS {};\n", quoted_name(table.name), quoted_name(column.name),
                            quoted_text(column.comment));
  }
  std::string out =
      fmt::format("CREATE TABLE IF NOT EXISTS {} (\n{}\n);\n{}", quoted_name(table.name), columns, comments);
  std::vector<std::string> indexed = table.indexed;
  if (!runs) indexed.insert(indexed.begin(), "host");
  for (const std::string& column : indexed) {
    out += fmt::format("CREATE INDEX IF NOT EXISTS {} ON {} ({});\n", quoted_name(table.name + "_by_" + column),
                       quoted_name(table.name), quoted_name(column));
  }
  return out;
}

std::string create_schema(std::string_view schema) {
  std::string out = fmt::format("CREATE SCHEMA IF NOT EXISTS {0};\nSET search_path = {0};\n", quoted_name(schema));
  for (const Table& table : tables()) out += "\n" + create_table(table);
  return out + "\n" + create_helpers();
}

}  // namespace hostcheck::fleet
