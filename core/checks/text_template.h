// Texts with placeholders for the values of a row: "{netns}: {waiting} of {limit} used ({share|percent})".
//
//   {name}              the value: integers plain, reals with at most two decimals, "unknown" for NULL
//   {name|bytes}        1572864 as "1.5 MiB"
//   {name|duration_ms}  1500 as "1.5 s"
//   {name|duration_s}   7320 as "2 h 2 min"
//   {name|percent}      a share, 0.125 as "12.5 %"
//   {name|peer|peers}   1 as "1 peer", any other number as "2 peers"
//   {{ and }}           a brace
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/facts/cell.h"

namespace hostcheck::checks {

// A value as people read it; "unknown" for NULL.
[[nodiscard]] std::string to_text(const facts::Value& value);

// nullptr where there is no such name.
using Lookup = std::function<const facts::Value*(std::string_view name)>;

// The text with its placeholders filled. A placeholder without value or with an unknown filter stays as it is written.
[[nodiscard]] std::string fill(std::string_view text, const Lookup& lookup);

// What is wrong with the placeholders, given the names that there are: an unclosed brace, an unknown name or filter.
[[nodiscard]] std::optional<std::string> check_template(std::string_view text, const std::vector<std::string>& names);

}  // namespace hostcheck::checks
