#include "core/sql/outer_join.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

namespace hostcheck::sql {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  const char close = text[at] == '[' ? ']' : text[at];
  const std::size_t end = text.find(close, at + 1);
  return end == std::string_view::npos ? text.size() : end + 1;
}

// Words in lower case, quoted texts as "'", signs as they are; comments left out.
std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at;
    } else if (text.substr(at, 2) == "--") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      const std::size_t end = text.find("*/", at + 2);
      at = end == std::string_view::npos ? text.size() : end + 2;
    } else if (c == '\'' || c == '"' || c == '`' || c == '[') {
      at = end_of_quoted(text, at);
      tokens.emplace_back("'");
    } else if (is_word(c)) {
      std::size_t end = at;
      while (end < text.size() && is_word(text[end])) ++end;
      std::string word(text.substr(at, end - at));
      std::transform(word.begin(), word.end(), word.begin(), [](unsigned char letter) { return std::tolower(letter); });
      tokens.push_back(std::move(word));
      at = end;
    } else {
      const std::string_view pair = text.substr(at, 2);
      const std::size_t size = pair == "<>" || pair == "!=" ? 2 : 1;
      tokens.emplace_back(text.substr(at, size));
      at += size;
    }
  }
  return tokens;
}

// Whether the letters are in the text, in either case.
bool has_word(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

bool is_one_of(const std::string& token, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), token) != all.end();
}

bool ends_on(const std::string& token) {
  return is_one_of(token, {"join", "left", "right", "full", "inner", "cross", "natural", "where", "group", "order",
                           "limit", "having", "window", "union", "except", "intersect", ","});
}

// Whether the ON that starts at the token has such a term on another table than alias.
bool has_foreign_term(const std::vector<std::string>& tokens, std::size_t at, const std::string& alias) {
  int depth = 0;
  for (; at < tokens.size(); ++at) {
    const std::string& token = tokens[at];
    if (token == "(") ++depth;
    if (token == ")" && --depth < 0) return false;
    if (depth == 0 && ends_on(token)) return false;
    if (!is_one_of(token, {"<>", "!=", "not", "notnull", "glob", "like", "match", "regexp"})) continue;
    // alias.column OPERATOR, alias.column IS NOT ...
    const std::size_t operand = at > 0 && tokens[at - 1] == "is" ? at - 1 : at;
    if (operand < 3 || tokens[operand - 2] != "." || tokens[operand - 3] != alias) return true;
  }
  return false;
}

}  // namespace

bool has_foreign_term_in_outer_join(std::string_view query) {
  if (!has_word(query, "left") && !has_word(query, "right") && !has_word(query, "full")) return false;
  const std::vector<std::string> tokens = tokens_of(query);
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    if (is_one_of(tokens[at], {"right", "full"}) && at + 1 < tokens.size() &&
        is_one_of(tokens[at + 1], {"join", "outer"})) {
      return true;
    }
    if (tokens[at] != "left") continue;
    std::size_t name = at + 1;
    while (name < tokens.size() && is_one_of(tokens[name], {"outer", "join"})) ++name;
    // TABLE ON, TABLE alias ON, TABLE AS alias ON; anything else is a subquery or a list: its alias stands before ON.
    std::size_t on = name;
    for (int depth = 0; on < tokens.size() && (depth > 0 || (tokens[on] != "on" && !ends_on(tokens[on]))); ++on) {
      depth += tokens[on] == "(" ? 1 : tokens[on] == ")" ? -1 : 0;
      if (depth < 0) break;
    }
    if (on >= tokens.size() || tokens[on] != "on") continue;
    if (has_foreign_term(tokens, on + 1, tokens[on - 1])) return true;
  }
  return false;
}

}  // namespace hostcheck::sql
