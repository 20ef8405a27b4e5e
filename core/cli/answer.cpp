#include "core/cli/answer.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "core/facts/table.h"
#include "core/report/json_text.h"
#include "core/report/layout.h"

namespace hostcheck::cli {
namespace {

bool is_boolean(const sql::AnswerColumn& column) {
  const facts::TableInfo* table = facts::find_table(column.table);
  if (table == nullptr) return false;
  const auto index = table->column(column.column);
  return index && table->columns[*index].type == facts::Type::boolean;
}

std::vector<bool> booleans_of(const sql::Answer& answer) {
  std::vector<bool> booleans;
  for (const sql::AnswerColumn& column : answer.columns) booleans.push_back(is_boolean(column));
  return booleans;
}

std::string plain_text(const facts::Value& value, bool boolean, std::string_view null) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return boolean ? (*integer != 0 ? "true" : "false") : std::to_string(*integer);
  }
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:.6g}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::string(null);
}

std::string csv_field(std::string text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string answer_as_table(const sql::Answer& answer) {
  const std::vector<bool> booleans = booleans_of(answer);
  const std::size_t count = answer.columns.size();
  std::vector<std::size_t> widths(count);
  std::vector<bool> numeric(count, true);
  for (std::size_t at = 0; at < count; ++at) widths[at] = report::width_of(answer.columns[at].name);
  std::vector<std::vector<std::string>> cells;
  cells.reserve(answer.rows.size());
  for (const auto& row : answer.rows) {
    auto& line = cells.emplace_back();
    for (std::size_t at = 0; at < count; ++at) {
      line.push_back(report::printable(plain_text(row[at], booleans[at], "-")));
      widths[at] = std::max(widths[at], report::width_of(line.back()));
      if (booleans[at] || std::holds_alternative<std::string>(row[at])) numeric[at] = false;
    }
  }
  std::string out;
  const auto add_line = [&](const auto& text_at) {
    std::string line;
    for (std::size_t at = 0; at < count; ++at) {
      if (at != 0) line += "  ";
      line += numeric[at] ? report::pad_left(text_at(at), widths[at]) : report::pad_right(text_at(at), widths[at]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add_line([&](std::size_t at) -> const std::string& { return answer.columns[at].name; });
  for (const auto& line : cells) add_line([&](std::size_t at) -> const std::string& { return line[at]; });
  return out;
}

std::string answer_as_json(const sql::Answer& answer) {
  const std::vector<bool> booleans = booleans_of(answer);
  std::vector<std::string> keys;
  std::set<std::string> taken;
  for (const sql::AnswerColumn& column : answer.columns) {
    std::string name = column.name;
    for (int number = 2; !taken.insert(name).second; ++number) name = fmt::format("{}_{}", column.name, number);
    std::string& key = keys.emplace_back();
    report::append_json_string(key, name);
    key += ": ";
  }
  std::string out = "[";
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    out += row == 0 ? "\n  {" : ",\n  {";
    for (std::size_t at = 0; at < keys.size(); ++at) {
      if (at != 0) out += ", ";
      out += keys[at];
      report::append_json_value(out, answer.rows[row][at], booleans[at]);
    }
    out += '}';
  }
  out += answer.rows.empty() ? "]\n" : "\n]\n";
  return out;
}

std::string answer_as_csv(const sql::Answer& answer) {
  const std::vector<bool> booleans = booleans_of(answer);
  std::string out;
  for (std::size_t at = 0; at < answer.columns.size(); ++at) {
    if (at != 0) out += ',';
    out += csv_field(answer.columns[at].name);
  }
  out += "\n";
  for (const auto& row : answer.rows) {
    for (std::size_t at = 0; at < row.size(); ++at) {
      if (at != 0) out += ',';
      out += csv_field(plain_text(row[at], booleans[at], {}));
    }
    out += "\n";
  }
  return out;
}

}  // namespace hostcheck::cli
