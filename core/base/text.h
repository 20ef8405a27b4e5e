// Small helpers on text: numbers, splitting, the nearest name for an error message.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace hostcheck {

// The whole of text as a number in the given base; nullopt when anything else is in it.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The fields between runs of blanks and tabs.
[[nodiscard]] std::vector<std::string_view> split_fields(std::string_view text);
// The lines without their ends; a last line without newline counts.
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);

// The candidate with the smallest edit distance to name, if it is near enough to be meant; else the first one that name
// is a part of; else "".
[[nodiscard]] std::string_view nearest_name(std::string_view name, std::span<const std::string> candidates);
// " (did you mean 'x'?)" or "".
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

// Whether it is UTF-8 without control characters other than newline and tab.
[[nodiscard]] bool is_clean_text(std::string_view text);

// Shell pattern with * and ?: whether text matches all of it.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

// "500ms", "2s", "1.5s", "3m", "0": a duration. Error code invalid otherwise.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace hostcheck
