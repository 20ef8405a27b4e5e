#include "core/fleet/report_json.h"

#include <chrono>
#include <limits>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/facts/table.h"

namespace hostcheck::fleet {
namespace {

constexpr int kDeepest = 32;  // a report nests eight levels

const Json& list_of(const Json& object, const char* key) {
  static const Json none = Json::array();
  const auto found = object.find(key);
  if (found == object.end()) return none;
  if (!found->is_array()) throw NoReport{fmt::format("'{}' is no list", key)};
  for (const Json& each : *found) {
    if (!each.is_object()) throw NoReport{fmt::format("'{}' has something that is no object", key)};
  }
  return *found;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string()) throw NoReport{fmt::format("'{}' is no text", key)};
  return found->get<std::string>();
}

std::string required_text(const Json& object, const char* key) {
  std::string text = text_of(object, key);
  if (text.empty()) throw NoReport{fmt::format("it has no '{}'", key)};
  return text;
}

bool is_signed_64(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() ||
          value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

facts::Cell number_cell(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  if (!is_signed_64(*found)) throw NoReport{fmt::format("'{}' is no number of 64 bits", key)};
  return facts::integer_cell(found->get<std::int64_t>());
}

// PostgreSQL's jsonb takes no NUL in a text: \u0000 becomes the replacement character.
std::string without_nul(const std::string& json) {
  if (json.find("\\u0000") == std::string::npos) return json;
  std::string out;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] != '\\') {
      out += json[at];
    } else if (json.compare(at, 6, "\\u0000") == 0) {
      out += "\\ufffd";
      at += 5;
    } else {
      out.append(json, at, 2);
      ++at;
    }
  }
  return out;
}

void add_json(Rows& rows, const Json& object, const char* key, Json::value_t type) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return rows.add_null();
  if (found->type() != type) throw NoReport{fmt::format("'{}' is {}", key, found->type_name())};
  rows.add(std::string_view(without_nul(found->dump(-1, ' ', false, Json::error_handler_t::replace))));
}

Rows& rows_of(RowSet& rows, std::string_view table, const std::vector<std::string>& columns) {
  return rows[copy_statement(table, columns)];
}

void add_finding(const Json& finding, std::int64_t rank, const std::string& host, bool suppressed, RowSet& set) {
  static const std::vector<std::string> columns = {"rank",     "id",           "severity", "status",  "title",
                                                   "summary",  "why",          "because",  "subject", "evidence",
                                                   "excluded", "not_excluded", "fix",      "causes",  "effects"};
  static const std::vector<std::string> more = [] {
    std::vector<std::string> all = columns;
    for (const char* each : {"suppressed_by", "suppressed_reason", "suppressed_until"}) all.emplace_back(each);
    return all;
  }();
  Rows& rows = suppressed ? rows_of(set, "suppressed_findings", more) : rows_of(set, "findings", columns);
  rows.begin(host);
  rows.add(rank);
  rows.add(std::string_view(required_text(finding, "id")));
  for (const char* key : {"severity", "status", "title", "summary", "why", "because"}) {
    rows.add_text(text_of(finding, key));
  }
  add_json(rows, finding, "subject", Json::value_t::object);
  for (const char* key : {"evidence", "excluded", "not_excluded", "fix", "causes", "effects"}) {
    add_json(rows, finding, key, Json::value_t::array);
  }
  if (suppressed) {
    const auto by = finding.find("suppressed");
    if (by == finding.end() || !by->is_object()) throw NoReport{"a suppressed finding does not say by what"};
    for (const char* key : {"by", "reason", "until"}) rows.add_text(text_of(*by, key));
  }
  rows.end();
}

// A probe's rows as the tables of facts have them; what this version does not know is left out.
void add_probe_rows(const Json& probe, const std::string& host, RowSet& set) {
  const auto result = probe.find("result");
  if (result == probe.end() || !result->is_object()) return;
  const auto tables = result->find("rows");
  if (tables == result->end() || !tables->is_object()) return;
  for (const auto& [name, list] : tables->items()) {
    const facts::TableInfo* info = facts::find_table(name);
    if (info == nullptr || !list.is_array()) continue;
    for (const Json& row : list) {
      if (!row.is_object()) throw NoReport{"a row of " + name + " is no object"};
      Rows& rows = rows_of(set, name, info->column_names());
      rows.begin(host);
      for (const facts::Column& column : info->columns) {
        const Json value = row.value(column.name, Json());
        const bool whole = is_signed_64(value);
        if (value.is_boolean() && column.type == facts::Type::boolean) {
          rows.add(facts::integer_cell(value.get<bool>() ? 1 : 0));
        } else if (whole && column.type == facts::Type::integer) {
          rows.add(value.get<std::int64_t>());
        } else if (value.is_number() && column.type == facts::Type::real) {
          rows.add(facts::real_cell(value.get<double>()));
        } else if (value.is_string() && column.type == facts::Type::text) {
          rows.add(std::string_view(value.get_ref<const std::string&>()));
        } else if (value.is_null()) {
          rows.add_null();
        } else {
          throw NoReport{
              fmt::format("{}.{} is {} and has another value", name, column.name, facts::name_of(column.type))};
        }
      }
      rows.end();
    }
  }
}

void add_run(const Json& report, const Json& host, const RunHead& head, RowSet& set) {
  static const std::vector<std::string> columns = {"started",     "kind",       "hostcheck", "kernel",   "netns",
                                                   "boot_id",     "machine_id", "verdict",   "unjudged", "duration_ms",
                                                   "observed_ms", "anonymous",  "file"};
  const std::string verdict = required_text(report, "verdict");
  if (verdict != "ok" && verdict != "warning" && verdict != "critical" && verdict != "unknown") {
    throw NoReport{"its verdict is '" + verdict + "'"};
  }
  Rows& rows = rows_of(set, "runs", columns);
  rows.begin(head.host);
  rows.add(std::string_view(head.started));
  rows.add(std::string_view(head.snapshot ? "snapshot" : "report"));
  rows.add_text(text_of(report, "hostcheck"));
  for (const char* key : {"kernel", "netns", "boot_id"}) rows.add_text(text_of(host, key));
  // As it is compared with the next run's.
  rows.add_text(head.machine_id);
  rows.add(std::string_view(verdict));
  rows.add_text(text_of(report, "unjudged"));
  rows.add(number_cell(report, "duration_ms"));
  rows.add(number_cell(report, "observed_ms"));
  rows.add(std::int64_t{0});
  rows.add(std::string_view(head.file));
  rows.end();
}

}  // namespace

bool is_time(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
  if (text.size() != kForm.size()) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool digit = text[at] >= '0' && text[at] <= '9';
    if (kForm[at] == '0' ? !digit : text[at] != kForm[at]) return false;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    return parse_number<int>(text.substr(at, size)).value_or(-1);
  };
  const std::chrono::year_month_day day(std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(8, 2))));
  return number(0, 4) > 0 && day.ok() && number(11, 2) < 24 && number(14, 2) < 60 && number(17, 2) <= 60;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 255;
}

std::optional<Json> parse_json(std::string_view text) {
  bool deep = false;
  const Json::parser_callback_t bound = [&](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > kDeepest;
    return !deep;
  };
  Json parsed = Json::parse(text, bound, false);
  if (deep || parsed.is_discarded()) return std::nullopt;
  return parsed;
}

RunHead head_of(const Json& report) {
  const std::string schema = text_of(report, "schema");
  if (schema != "hostcheck.report/1") {
    throw NoReport{schema.empty() ? "it is no report of hostcheck: it has no schema"
                                  : "its schema is '" + schema + "'; this version reads hostcheck.report/1"};
  }
  const auto host = report.find("host");
  if (host == report.end() || !host->is_object()) throw NoReport{"it does not say of which host it is"};
  RunHead head;
  head.host = text_of(*host, "name");
  if (!is_host_name(head.host)) throw NoReport{"it does not say of which host it is"};
  head.started = text_of(report, "started");
  if (!is_time(head.started)) throw NoReport{"it does not say when it was made: started is '" + head.started + "'"};
  head.machine_id = text_of(*host, "machine_id");
  return head;
}

void add_report_rows(const Json& report, const RunHead& head, RowSet& rows) {
  add_run(report, report.at("host"), head, rows);
  if (report.find("findings") == report.end()) throw NoReport{"it has no 'findings'"};
  for (const bool suppressed : {false, true}) {
    std::int64_t rank = 0;
    for (const Json& each : list_of(report, suppressed ? "suppressed" : "findings")) {
      add_finding(each, ++rank, head.host, suppressed, rows);
    }
  }
  static const std::vector<std::string> check_columns = {"id", "outcome", "reason", "remedy", "duration_us"};
  for (const Json& each : list_of(report, "checks")) {
    Rows& checks = rows_of(rows, "checks", check_columns);
    checks.begin(head.host);
    checks.add(std::string_view(required_text(each, "id")));
    checks.add(std::string_view(required_text(each, "outcome")));
    checks.add_text(text_of(each, "reason"));
    checks.add_text(text_of(each, "remedy"));
    checks.add(number_cell(each, "duration_us"));
    checks.end();
  }
  static const std::vector<std::string> capability_columns = {"name", "available", "detail", "lost"};
  for (const Json& each : list_of(report, "capabilities")) {
    Rows& capabilities = rows_of(rows, "capabilities", capability_columns);
    capabilities.begin(head.host);
    capabilities.add(std::string_view(required_text(each, "name")));
    const auto available = each.find("available");
    if (available == each.end() || !available->is_boolean()) throw NoReport{"a capability is neither there nor not"};
    capabilities.add(facts::integer_cell(available->get<bool>() ? 1 : 0));
    capabilities.add_text(text_of(each, "detail"));
    capabilities.add_text(text_of(each, "lost"));
    capabilities.end();
  }
  if (head.snapshot) return;  // its tables have them
  for (const Json& each : list_of(report, "probes")) add_probe_rows(each, head.host, rows);
}

}  // namespace hostcheck::fleet
