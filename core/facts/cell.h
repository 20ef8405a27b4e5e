// One value of one column of one row, as every reader of a table sees it.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/base/address.h"
#include "core/base/text_pool.h"

namespace hostcheck::facts {

enum class Type : std::uint8_t { boolean, integer, real, text };
// "boolean", "integer", "real", "text"
[[nodiscard]] std::string_view name_of(Type type);

// A cell while it is read. text is valid until the next read with the same scratch string, or as long as the row.
struct Cell {
  enum class Kind : std::uint8_t { null, integer, real, text };
  Kind kind = Kind::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text;
};

// A cell that is kept: null, integer (booleans are 0 and 1), real or text.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
[[nodiscard]] Value to_value(const Cell& cell);
// View of a kept value, valid as long as it.
[[nodiscard]] Cell to_cell(const Value& value);

inline Cell integer_cell(std::int64_t value) {
  return {Cell::Kind::integer, value, 0, {}};
}
inline Cell real_cell(double value) {
  return {Cell::Kind::real, 0, value, {}};
}
inline Cell text_cell(std::string_view value) {
  return {Cell::Kind::text, 0, 0, value};
}

// An enumeration whose values have names: name_of(e) is found by argument-dependent look-up. "" reads as NULL.
template <typename T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) {
  { name_of(value) } -> std::convertible_to<std::string_view>;
};

// How each member type of a row struct is shown as a cell. Empty text, addresses and optionals are NULL.
// Unsigned 64-bit values above the largest signed one are shown as the largest signed one.
template <typename T>
Cell member_cell(const T& value, std::string& scratch) {
  if constexpr (std::is_same_v<T, bool>) {
    return integer_cell(value ? 1 : 0);
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return integer_cell(static_cast<std::int64_t>(value > kLargest ? kLargest : value));
  } else if constexpr (std::is_integral_v<T>) {
    return integer_cell(static_cast<std::int64_t>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    return real_cell(static_cast<double>(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value.empty() ? Cell{} : text_cell(value);
  } else if constexpr (std::is_same_v<T, Symbol>) {
    return value.empty() ? Cell{} : text_cell(value.view());
  } else if constexpr (std::is_same_v<T, IpAddress> || std::is_same_v<T, LinkAddress>) {
    if (value.empty()) return {};
    scratch.clear();
    value.append_to(scratch);
    return text_cell(scratch);
  } else if constexpr (std::is_same_v<T, Value>) {
    return to_cell(value);
  } else if constexpr (std::is_same_v<T, Family> || NamedEnum<T>) {
    const std::string_view name = name_of(value);
    return name.empty() ? Cell{} : text_cell(name);
  } else {
    return value ? member_cell(*value, scratch) : Cell{};  // std::optional<...>
  }
}

template <typename T>
constexpr Type member_type() {
  if constexpr (std::is_same_v<T, bool>) {
    return Type::boolean;
  } else if constexpr (std::is_integral_v<T>) {
    return Type::integer;
  } else if constexpr (std::is_floating_point_v<T>) {
    return Type::real;
  } else if constexpr (requires { typename T::value_type; } && !std::is_same_v<T, std::string>) {
    return member_type<typename T::value_type>();
  } else {
    return Type::text;
  }
}

}  // namespace hostcheck::facts
