#include "core/sql/printf.h"

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/text.h"

namespace hostcheck::sql {
namespace {

// One conversion: "%-8.3f".
struct Conversion {
  std::string flags;
  bool thousands = false;
  unsigned width = 0;
  std::optional<unsigned> precision;
  char kind = 0;
};

// The digits at the front of text, taken off it; nullopt when they are more than max.
std::optional<unsigned> take_number(std::string_view& text, unsigned max) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = end == 0 ? std::optional(0U) : parse_number<unsigned>(text.substr(0, end));
  text.remove_prefix(end);
  return number && *number <= max ? number : std::nullopt;
}

// text starts after the %; what was read is taken off it.
std::optional<Conversion> take_conversion(std::string_view& text) {
  Conversion conversion;
  while (!text.empty() && std::string_view("-+ 0#,").find(text.front()) != std::string_view::npos) {
    if (text.front() == ',')
      conversion.thousands = true;
    else if (conversion.flags.find(text.front()) == std::string::npos)
      conversion.flags += text.front();
    text.remove_prefix(1);
  }
  const auto width = take_number(text, 999);
  if (!width) return std::nullopt;
  conversion.width = *width;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    conversion.precision = take_number(text, 99);
    if (!conversion.precision) return std::nullopt;
  }
  while (text.starts_with('l')) text.remove_prefix(1);
  if (text.empty() || std::string_view("diuxXofeEgGsc%").find(text.front()) == std::string_view::npos)
    return std::nullopt;
  conversion.kind = text.front();
  text.remove_prefix(1);
  return conversion;
}

template <typename Number>
std::string number_text(const Conversion& conversion, std::string_view length, Number number) {
  std::string format = "%" + conversion.flags;
  if (conversion.width > 0) format += std::to_string(conversion.width);
  if (conversion.precision) format += "." + std::to_string(*conversion.precision);
  format += length;
  format += conversion.kind;
  std::array<char, 1500> buffer{};  // a double has up to 309 digits before the point
  const int size = std::snprintf(buffer.data(), buffer.size(), format.c_str(), number);
  return {buffer.data(), static_cast<std::size_t>(std::max(size, 0))};
}

// 1234567 as 1,234,567.
std::string with_thousands(std::string text) {
  const std::size_t first = std::min(text.find_first_of("0123456789"), text.size());
  const std::size_t end = std::min(text.find_first_not_of("0123456789", first), text.size());
  for (std::size_t at = end; at > first + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string padded(const Conversion& conversion, std::string text) {
  if (text.size() >= conversion.width) return text;
  const std::size_t missing = conversion.width - text.size();
  return conversion.flags.find('-') != std::string::npos ? text + std::string(missing, ' ')
                                                         : std::string(missing, ' ') + text;
}

std::string convert(const Conversion& conversion, sqlite3_value* value) {
  switch (conversion.kind) {
    case 's':
    case 'c': {
      const auto* bytes = value == nullptr ? nullptr : reinterpret_cast<const char*>(sqlite3_value_text(value));
      std::string text = bytes == nullptr ? "" : bytes;
      const std::size_t most =
          conversion.kind == 'c' ? 1 : conversion.precision.value_or(static_cast<unsigned>(text.size()));
      return padded(conversion, text.substr(0, most));
    }
    case 'f':
    case 'e':
    case 'E':
    case 'g':
    case 'G': {
      const std::string text = number_text(conversion, "", value == nullptr ? 0.0 : sqlite3_value_double(value));
      return conversion.thousands ? with_thousands(text) : text;
    }
    default: {
      const long long number = value == nullptr ? 0 : sqlite3_value_int64(value);
      const std::string text = number_text(conversion, "ll", number);
      return conversion.thousands ? with_thousands(text) : text;
    }
  }
}

}  // namespace

void sql_printf(sqlite3_context* context, int count, sqlite3_value** values) {
  if (count == 0 || sqlite3_value_type(values[0]) == SQLITE_NULL) return;
  std::string_view format(reinterpret_cast<const char*>(sqlite3_value_text(values[0])),
                          static_cast<std::size_t>(sqlite3_value_bytes(values[0])));
  std::string out;
  int argument = 0;
  while (!format.empty()) {
    const std::size_t percent = std::min(format.find('%'), format.size());
    out += format.substr(0, percent);
    format.remove_prefix(percent);
    if (format.empty()) break;
    format.remove_prefix(1);
    const auto conversion = take_conversion(format);
    if (!conversion) return sqlite3_result_error(context, "printf: a conversion that is not known, or too wide", -1);
    if (conversion->kind == '%') {
      out += '%';
      continue;
    }
    ++argument;
    out += convert(*conversion, argument < count ? values[argument] : nullptr);
  }
  sqlite3_result_text64(context, out.data(), out.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace hostcheck::sql
