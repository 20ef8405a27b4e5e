#include "core/cli/prompt_words.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/base/text.h"
#include "core/facts/table.h"
#include "core/sql/database.h"

namespace hostcheck::cli {
namespace {

constexpr std::string_view kSqlWords[] = {
    "SELECT",      "FROM", "WHERE",   "AND",      "OR",    "NOT",       "NULL",     "IS",          "IN",
    "LIKE",        "GLOB", "BETWEEN", "GROUP",    "ORDER", "BY",        "LIMIT",    "DESC",        "ASC",
    "JOIN",        "LEFT", "USING",   "ON",       "AS",    "WITH",      "DISTINCT", "CASE",        "WHEN",
    "THEN",        "ELSE", "END",     "HAVING",   "UNION", "EXISTS",    "count",    "sum",         "min",
    "max",         "avg",  "round",   "coalesce", "ip_in", "ip_family", "has_flag", "human_bytes", "human_duration",
    "group_concat"};

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

const facts::TableInfo* table_named(std::string_view name) {
  if (const facts::TableInfo* table = facts::find_table(name)) return table;
  return name == sql::absences_table().name ? &sql::absences_table() : nullptr;
}

std::vector<const facts::TableInfo*> every_table() {
  std::vector<const facts::TableInfo*> all(facts::catalogue().begin(), facts::catalogue().end());
  all.push_back(&sql::absences_table());
  return all;
}

std::vector<const facts::TableInfo*> tables_named_in(std::string_view text) {
  std::vector<const facts::TableInfo*> found;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && is_name_character(text[end])) ++end;
    if (const auto* table = table_named(text.substr(at, end - at))) found.push_back(table);
    at = std::max(end, at + 1);
  }
  return found;
}

// The word with the case of what was begun: a lower-case beginning gets a lower-case word.
std::string in_case_of(std::string_view begun, std::string_view word) {
  std::string out(word);
  const bool lower =
      std::all_of(begun.begin(), begun.end(), [](char c) { return std::isupper(static_cast<unsigned char>(c)) == 0; });
  if (lower) {
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  }
  return out;
}

bool begins_without_case(std::string_view word, std::string_view begun) {
  return word.size() >= begun.size() && std::equal(begun.begin(), begun.end(), word.begin(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
         });
}

// Whether a table's name has to follow.
bool wants_table(std::string_view before) {
  before = trim(before);
  const std::string_view word = before.substr(word_start(before));
  return word.size() == 4 && (begins_without_case(word, "from") || begins_without_case(word, "join"));
}

std::vector<std::string> command_words(std::string_view text, std::string_view begun) {
  std::set<std::string> found;
  if (text.find(' ') == std::string_view::npos) {
    for (const PromptCommand& command : prompt_commands()) {
      if (command.name.substr(1).starts_with(begun)) found.emplace(command.name.substr(1));
    }
  } else if (text.starts_with(".columns")) {
    for (const auto* table : every_table()) {
      if (table->name.starts_with(begun)) found.insert(table->name);
    }
  } else if (text.starts_with(".format")) {
    for (const std::string_view each : {"csv", "json", "table"}) {
      if (each.starts_with(begun)) found.emplace(each);
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace

std::size_t word_start(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && is_name_character(text[at - 1])) --at;
  return at;
}

std::vector<std::string> words_for(std::string_view text) {
  const std::size_t start = word_start(text);
  const std::string_view begun = text.substr(start);
  if (text.starts_with('.')) return command_words(text, begun);
  std::set<std::string> found;
  const auto add_columns = [&](const facts::TableInfo& table) {
    for (const facts::Column& column : table.columns) {
      if (column.name.starts_with(begun)) found.insert(column.name);
    }
  };
  if (start > 0 && text[start - 1] == '.') {
    const std::string_view before = text.substr(0, start - 1);
    if (const auto* table = table_named(before.substr(word_start(before)))) add_columns(*table);
    return {found.begin(), found.end()};
  }
  if (wants_table(text.substr(0, start))) {
    for (const auto* table : every_table()) {
      if (table->name.starts_with(begun)) found.insert(table->name);
    }
    return {found.begin(), found.end()};
  }
  const auto named = tables_named_in(text.substr(0, start));
  for (const auto* table : named) add_columns(*table);
  for (const auto* table : every_table()) {
    if (table->name.starts_with(begun)) found.insert(table->name);
    if (named.empty() && begun.size() > 1) add_columns(*table);
  }
  for (const std::string_view word : kSqlWords) {
    if (!begun.empty() && begins_without_case(word, begun)) found.insert(in_case_of(begun, word));
  }
  return {found.begin(), found.end()};
}

std::string common_beginning(const std::vector<std::string>& words) {
  if (words.empty()) return {};
  std::string common = words.front();
  for (const std::string& word : words) {
    const auto [end, unused] = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
    common.erase(end, common.end());
  }
  return common;
}

const std::vector<PromptCommand>& prompt_commands() {
  static const std::vector<PromptCommand> all = {
      {".columns", "TABLE", "what a table's columns are"},
      {".format", "NAME", "table, json or csv"},
      {".help", "", "this"},
      {".netns", "NAME", "look at this network namespace, or at all; without a name at the present one"},
      {".observe", "DURATION", "time between two samples; 0 for one sample, auto for 2s where a query needs it"},
      {".quit", "", "leave; so does Ctrl-D"},
      {".tables", "", "what can be asked"},
  };
  return all;
}

bool is_whole_statement(std::string_view text) {
  char quote = 0;
  bool ended = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '-' && text.substr(at, 2) == "--") {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == ';') {
      ended = true;
    } else if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      ended = false;
    }
  }
  return ended && quote == 0;
}

}  // namespace hostcheck::cli
