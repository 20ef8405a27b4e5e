#include "core/cli/probe_answer.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/cli/answer.h"
#include "core/report/json_text.h"
#include "core/report/layout.h"

namespace hostcheck::cli {
namespace {

constexpr std::size_t kWidth = 96;

// Columns that are the same in every row of one probe's answer.
bool tells_nothing(const std::string& column) {
  return column == "probe" || column == "netns";
}

sql::Answer telling(const sql::Answer& whole) {
  sql::Answer out;
  std::vector<std::size_t> kept;
  for (std::size_t at = 0; at < whole.columns.size(); ++at) {
    if (tells_nothing(whole.columns[at].name)) continue;
    kept.push_back(at);
    out.columns.push_back(whole.columns[at]);
  }
  for (const auto& row : whole.rows) {
    auto& line = out.rows.emplace_back();
    for (const std::size_t at : kept) line.push_back(row[at]);
  }
  return out;
}

// As a table where that is narrow enough to be read, else each row as lines of what it has.
std::string rows_text(const sql::Answer& answer) {
  constexpr std::size_t kWidest = 130;
  std::string table = answer_as_table(answer);
  const std::vector<std::string_view> lines = split_lines(table);
  const bool narrow =
      std::all_of(lines.begin(), lines.end(), [](std::string_view line) { return report::width_of(line) <= kWidest; });
  if (narrow) return table;
  std::size_t name_width = 0;
  for (const sql::AnswerColumn& each : answer.columns) name_width = std::max(name_width, each.name.size());
  std::string out;
  for (const auto& row : answer.rows) {
    if (!out.empty()) out += "\n";
    for (std::size_t at = 0; at < row.size(); ++at) {
      if (std::holds_alternative<std::monostate>(row[at])) continue;
      sql::Answer cell{{answer.columns[at]}, {{row[at]}}};
      const std::string text = answer_as_table(cell);
      const auto cell_lines = split_lines(text);
      out += "  " + report::pad_right(answer.columns[at].name, name_width + 2);
      out += std::string(trim(cell_lines.back())) + "\n";
    }
  }
  return out;
}

void append_paragraph(std::string& out, std::string_view text) {
  for (const std::string& line : report::wrap(report::printable(text), kWidth)) out += line + "\n";
}

void append_member(std::string& out, std::string_view key, const facts::Value& value, bool boolean = false) {
  out += out.size() == 1 ? "\n  " : ",\n  ";
  report::append_json_string(out, key);
  out += ": ";
  report::append_json_value(out, value, boolean);
}

facts::Value number(std::uint32_t value) {
  return static_cast<std::int64_t>(value);
}

}  // namespace

Result<ProbeAnswer> answer_of(const facts::ProbeResult& result, std::vector<std::string> tables,
                              sql::Database& database) {
  ProbeAnswer answer{result, {}};
  for (std::string& table : tables) {
    auto rows = database.run(fmt::format("SELECT * FROM {} WHERE probe = :probe", table),
                             {{"probe", static_cast<std::int64_t>(result.id)}});
    if (!rows) return unexpected(rows.error());
    answer.tables.emplace_back(std::move(table), *std::move(rows));
  }
  return answer;
}

std::string answer_as_text(const ProbeAnswer& answer) {
  const facts::ProbeResult& result = answer.result;
  std::string out;
  append_paragraph(out, fmt::format("{}{}{}", result.outcome.view(), result.words.empty() ? "" : ": ", result.words));
  if (!result.fallback.empty()) append_paragraph(out, "not by the better method: " + result.fallback);
  if (!result.complete)
    append_paragraph(out, "ended before it was done: --budget or the number of packets was used up");
  for (const auto& [name, rows] : answer.tables) {
    if (!rows.rows.empty()) out += "\n" + name + "\n" + rows_text(telling(rows));
  }
  out +=
      fmt::format("\n{} packet{} in {:.1f} s from namespace {}{}{}\n", result.packets, result.packets == 1 ? "" : "s",
                  static_cast<double>(result.duration_ms) / 1000, report::printable(result.netns.view()),
                  result.method.view().empty() ? "" : " by ", result.method.view());
  return out;
}

std::string answer_as_json(const ProbeAnswer& answer) {
  const facts::ProbeResult& result = answer.result;
  std::string out = "{";
  append_member(out, "kind", std::string(result.kind.view()));
  append_member(out, "target", result.target);
  append_member(out, "netns", std::string(result.netns.view()));
  append_member(out, "outcome", std::string(result.outcome.view()));
  append_member(out, "words", result.words);
  append_member(out, "method", std::string(result.method.view()));
  append_member(out, "fallback", result.fallback);
  append_member(out, "complete", static_cast<std::int64_t>(result.complete), true);
  append_member(out, "error", result.error);
  append_member(out, "packets", number(result.packets));
  append_member(out, "duration_ms", number(result.duration_ms));
  out += ",\n  \"tables\": {";
  bool first = true;
  for (const auto& [name, rows] : answer.tables) {
    out += first ? "\n" : ",\n";
    first = false;
    report::append_json_string(out, name);
    std::string text = answer_as_json(rows);
    text.pop_back();  // its newline
    out += ": " + text;
  }
  return out + (first ? "}\n}\n" : "\n}\n}\n");
}

}  // namespace hostcheck::cli
