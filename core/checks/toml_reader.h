// Reads typed values out of a TOML table and remembers what was wrong first: unknown keys with the nearest known one,
// missing keys, wrong types, each with its file and line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "core/base/result.h"
#include "core/facts/cell.h"

namespace hostcheck::checks {

// What goes wrong while one file is read; only the first is kept.
class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}
  // line 0: of the file as a whole.
  void add(std::size_t line, std::string_view detail);
  void add(const toml::node& node, std::string_view detail) { add(line_of(node), detail); }
  [[nodiscard]] const std::optional<Error>& first() const { return first_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] static std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

 private:
  std::string file_;
  std::optional<Error> first_;
};

// One table of the file; where names it in complaints, e.g. "doc" ("" for the top).
class TomlReader {
 public:
  TomlReader(const toml::table& table, std::string_view where, Complaints& complaints)
      : table_(table), where_(where), complaints_(complaints) {}

  // Complains of every key that is not among these.
  void only(std::span<const std::string_view> keys);

  // "" when it is not there; required complains then.
  [[nodiscard]] std::string text(std::string_view key, bool required = false);
  [[nodiscard]] std::vector<std::string> texts(std::string_view key, bool required = false);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key);
  // nullptr when it is not there.
  [[nodiscard]] const toml::table* table(std::string_view key);
  // The tables of an array of tables.
  [[nodiscard]] std::vector<const toml::table*> tables(std::string_view key);
  [[nodiscard]] const toml::node* node(std::string_view key) const { return table_.get(key); }
  // Of the key's own line; 0 when it is not there.
  [[nodiscard]] std::size_t line_of_key(std::string_view key) const;
  [[nodiscard]] std::size_t line() const { return Complaints::line_of(table_); }

 private:
  [[nodiscard]] std::string name_of_key(std::string_view key) const;
  void missing(std::string_view key);
  void wrong(std::string_view key, const toml::node& node, std::string_view expected);
  const toml::table& table_;
  std::string where_;
  Complaints& complaints_;
};

// A number, text or boolean (as 0 or 1); nullopt for anything else.
[[nodiscard]] std::optional<facts::Value> value_of(const toml::node& node);

// The whole text parsed; the error names file:line.
[[nodiscard]] Result<toml::table> parse_toml(std::string_view text, const std::string& file);

}  // namespace hostcheck::checks
