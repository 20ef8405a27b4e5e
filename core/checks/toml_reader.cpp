#include "core/checks/toml_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"

namespace hostcheck::checks {

void Complaints::add(std::size_t line, std::string_view detail) {
  if (first_) return;
  first_ = make_error(ErrorCode::invalid, "", line == 0 ? file_ : fmt::format("{}:{}", file_, line), detail);
}

std::string TomlReader::name_of_key(std::string_view key) const {
  return where_.empty() ? std::string(key) : fmt::format("{}.{}", where_, key);
}

void TomlReader::only(std::span<const std::string_view> keys) {
  for (const auto& [key, node] : table_) {
    if (std::find(keys.begin(), keys.end(), key.str()) != keys.end()) continue;
    const std::vector<std::string> known(keys.begin(), keys.end());
    complaints_.add(key.source().begin.line,
                    fmt::format("unknown key '{}'{}", name_of_key(key.str()), did_you_mean(key.str(), known)));
  }
}

void TomlReader::missing(std::string_view key) {
  complaints_.add(line() <= 1 ? 0 : line(), fmt::format("key '{}' is missing", name_of_key(key)));
}

void TomlReader::wrong(std::string_view key, const toml::node& node, std::string_view expected) {
  complaints_.add(node, fmt::format("'{}' has to be {}", name_of_key(key), expected));
}

std::size_t TomlReader::line_of_key(std::string_view key) const {
  const auto found = table_.find(key);
  return found == table_.end() ? 0 : found->first.source().begin.line;
}

std::string TomlReader::text(std::string_view key, bool required) {
  const toml::node* found = node(key);
  if (found == nullptr) {
    if (required) missing(key);
    return {};
  }
  if (const auto* value = found->as_string()) {
    if (required && trim(value->get()).empty()) wrong(key, *found, "a text that says something");
    return value->get();
  }
  wrong(key, *found, "a text");
  return {};
}

std::vector<std::string> TomlReader::texts(std::string_view key, bool required) {
  const toml::node* found = node(key);
  if (found == nullptr) {
    if (required) missing(key);
    return {};
  }
  const auto* array = found->as_array();
  std::vector<std::string> all;
  if (array != nullptr) {
    for (const toml::node& each : *array) {
      if (const auto* value = each.as_string()) all.push_back(value->get());
    }
  }
  if (array == nullptr || all.size() != array->size()) wrong(key, *found, "a list of texts");
  return all;
}

std::optional<std::int64_t> TomlReader::integer(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (const auto* value = found->as_integer()) return value->get();
  wrong(key, *found, "a whole number");
  return std::nullopt;
}

const toml::table* TomlReader::table(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return nullptr;
  if (found->as_table() == nullptr) wrong(key, *found, "a table");
  return found->as_table();
}

std::vector<const toml::table*> TomlReader::tables(std::string_view key) {
  const toml::node* found = node(key);
  std::vector<const toml::table*> all;
  if (found == nullptr) return all;
  const auto* array = found->as_array();
  if (array != nullptr) {
    for (const toml::node& each : *array) {
      if (const auto* table = each.as_table()) all.push_back(table);
    }
  }
  if (array == nullptr || all.size() != array->size()) wrong(key, *found, "a list of tables");
  return all;
}

std::optional<facts::Value> value_of(const toml::node& node) {
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_boolean()) return std::int64_t{value->get() ? 1 : 0};
  return std::nullopt;
}

Result<toml::table> parse_toml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, std::string_view(file));
  } catch (const toml::parse_error& error) {
    return unexpected(
        make_error(ErrorCode::invalid, "", fmt::format("{}:{}", file, error.source().begin.line), error.description()));
  }
}

}  // namespace hostcheck::checks
