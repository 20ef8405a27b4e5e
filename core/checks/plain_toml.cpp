#include "core/checks/plain_toml.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/text.h"

namespace hostcheck::checks {
namespace {

constexpr unsigned kDeepest = 16;  // arrays and inline tables in each other

bool is_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// Without its sign. 18 digits are a number that fits, 15 one that a double holds.
bool is_plain_integer(std::string_view text) {
  return all_digits(text) && text.size() <= 18 && (text.size() == 1 || text.front() != '0');
}
bool is_plain_real(std::string_view text) {
  const std::size_t dot = text.find('.');
  return dot != std::string_view::npos && text.size() <= 15 && is_plain_integer(text.substr(0, dot)) &&
         all_digits(text.substr(dot + 1));
}

// Every function gives false for what it does not know; the rest is for parse_toml() then.
class PlainReader {
 public:
  explicit PlainReader(std::string_view text) : text_(text) {}

  bool read(toml::table& root) {
    toml::table* table = &root;
    while (true) {
      skip_lines();
      if (at_ == text_.size()) return true;
      if (peek() == '[') {
        table = open_table(root);
        if (table == nullptr) return false;
      } else if (!read_pair(*table, 0)) {
        return false;
      }
      skip_blanks();
      if (peek() == '#') skip_comment();
      if (at_ < text_.size() && peek() != '\n') return false;
    }
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void skip_comment() { at_ = std::min(text_.find('\n', at_), text_.size()); }
  void skip_lines() {
    while (true) {
      skip_blanks();
      if (peek() == '#') skip_comment();
      if (!take('\n')) return;
      ++line_;
    }
  }

  bool read_key(std::string_view& key) {
    const std::size_t start = at_;
    while (is_key(peek())) ++at_;
    key = text_.substr(start, at_ - start);
    return !key.empty();
  }
  [[nodiscard]] toml::key placed(std::string_view key) const {
    return toml::key(key, toml::source_region{{line_, 1}, {line_, 1}, nullptr});
  }

  // The table that a name before the last one of a header stands for; made where it is not there.
  toml::table* descend(toml::table& table, std::string_view key) const {
    toml::node* found = table.get(key);
    if (found == nullptr) return table.insert(placed(key), toml::table()).first->second.as_table();
    if (toml::array* array = found->as_array()) found = array->empty() ? nullptr : &array->back();
    toml::table* inner = found == nullptr ? nullptr : found->as_table();
    return inner == nullptr || inner->is_inline() ? nullptr : inner;
  }

  // [a.b] or [[a.b]]; nullptr for what is not known.
  toml::table* open_table(toml::table& root) {
    const bool one_of_many = text_.substr(at_).starts_with("[[");
    at_ += one_of_many ? 2 : 1;
    toml::table* table = &root;
    std::string_view key;
    if (!read_key(key)) return nullptr;
    while (take('.')) {
      table = descend(*table, key);
      if (table == nullptr || !read_key(key)) return nullptr;
    }
    if (!take(one_of_many ? "]]" : "]")) return nullptr;
    if (!one_of_many) {
      const auto [made, added] = table->insert(placed(key), toml::table());
      return added ? made->second.as_table() : nullptr;
    }
    toml::array* all = nullptr;
    if (toml::node* found = table->get(key)) {
      // One that [[]] began, not one that is written as a value.
      all = found->as_array();
      const toml::table* before = all == nullptr || all->empty() ? nullptr : all->back().as_table();
      if (before == nullptr || before->is_inline()) return nullptr;
    } else {
      all = table->insert(placed(key), toml::array()).first->second.as_array();
    }
    all->push_back(toml::table());
    return all->back().as_table();
  }

  bool read_pair(toml::table& table, unsigned depth) {
    std::string_view key;
    if (!read_key(key)) return false;
    toml::key made = placed(key);
    skip_blanks();
    if (!take('=')) return false;
    skip_blanks();
    return read_value(depth, [&](auto&& value) {
      return table.insert(std::move(made), std::forward<decltype(value)>(value)).second;
    });
  }

  // Hands the value to put(), which says whether there is a place for it.
  template <typename Put>
  bool read_value(unsigned depth, Put&& put) {
    if (depth > kDeepest) return false;
    switch (peek()) {
      case '"':
      case '\'': {
        std::string text;
        return read_text(text) && put(std::move(text));
      }
      case '[': {
        toml::array array;
        return read_array(array, depth + 1) && put(std::move(array));
      }
      case '{': {
        toml::table table;
        table.is_inline(true);
        return read_inline_table(table, depth + 1) && put(std::move(table));
      }
      case 't':
        return take("true") && put(true);
      case 'f':
        return take("false") && put(false);
      default:
        return read_number(put);
    }
  }

  template <typename Put>
  bool read_number(Put&& put) {
    const std::size_t end = std::min(text_.find_first_of(" \t\n,]}#", at_), text_.size());
    const std::string_view word = text_.substr(at_, end - at_);
    const std::string_view digits = word.substr(word.starts_with('-') ? 1 : 0);
    at_ = end;
    if (is_plain_integer(digits)) {
      const auto number = parse_number<std::int64_t>(word);
      return number && put(*number);
    }
    if (!is_plain_real(digits)) return false;
    double number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    return put(number);
  }

  bool read_array(toml::array& array, unsigned depth) {
    ++at_;
    while (true) {
      skip_lines();
      if (take(']')) return true;
      const bool read = read_value(depth, [&](auto&& value) {
        array.push_back(std::forward<decltype(value)>(value));
        return true;
      });
      if (!read) return false;
      skip_lines();
      if (!take(',') && peek() != ']') return false;
    }
  }

  bool read_inline_table(toml::table& table, unsigned depth) {
    ++at_;
    skip_blanks();
    if (take('}')) return true;
    while (true) {
      skip_blanks();
      if (!read_pair(table, depth)) return false;
      skip_blanks();
      if (take('}')) return true;
      if (!take(',')) return false;
    }
  }

  bool read_text(std::string& text) {
    if (take("\"\"\"")) return read_long_text("\"\"\"", text);
    if (take("'''")) return read_long_text("'''", text);
    return take('"') ? read_escaped_text(text) : take('\'') && read_literal_text(text);
  }

  bool read_literal_text(std::string& text) {
    const std::size_t end = text_.find_first_of("'\n", at_);
    if (end == std::string_view::npos || text_[end] == '\n') return false;
    text = text_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }

  bool read_escaped_text(std::string& text) {
    while (true) {
      const std::size_t end = text_.find_first_of("\"\\\n", at_);
      if (end == std::string_view::npos || text_[end] == '\n') return false;
      text += text_.substr(at_, end - at_);
      at_ = end + 1;
      if (text_[end] == '"') return true;
      constexpr std::string_view kEscapes = "\"\\nt";
      const std::size_t which = at_ < text_.size() ? kEscapes.find(text_[at_]) : std::string_view::npos;
      if (which == std::string_view::npos) return false;
      text += "\"\\\n\t"[which];
      ++at_;
    }
  }

  // Up to three quotes of the kind; a line end right behind the first three is not part of it.
  bool read_long_text(std::string_view quotes, std::string& text) {
    if (take('\n')) ++line_;
    const std::size_t end = text_.find(quotes, at_);
    if (end == std::string_view::npos) return false;
    text = text_.substr(at_, end - at_);
    at_ = end + quotes.size();
    line_ += static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n'));
    // A fourth quote would be the text's last; a backslash is only itself between '''.
    return peek() != quotes.front() && (quotes.front() == '\'' || text.find('\\') == std::string::npos);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace

std::optional<toml::table> parse_plain_toml(std::string_view text) {
  toml::table root;
  if (!is_clean_text(text) || !PlainReader(text).read(root)) return std::nullopt;
  return root;
}

}  // namespace hostcheck::checks
