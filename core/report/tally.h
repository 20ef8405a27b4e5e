// How many of what a report holds; shared by the renderers that give numbers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/conclude/report.h"

namespace hostcheck::report {

// Checks of this outcome.
[[nodiscard]] std::size_t count(const conclude::Report& report, checks::Outcome outcome);
// Findings of this severity that count: refuted ones do not.
[[nodiscard]] std::size_t count(const conclude::Report& report, checks::Severity severity);
// "1 check", "2 checks"
[[nodiscard]] std::string count_of(std::size_t number, std::string_view what);
// A value with its unit, as people read it: "57 SYNs", "900 ms", and of more than 10,000 ms "12 min 48 s"; "unknown"
// for NULL. Its text is not made printable.
[[nodiscard]] std::string amount(const facts::Value& value, std::string_view unit);
// "CRITICAL", "WARNING", "INFO"
[[nodiscard]] std::string_view word_of(checks::Severity severity);

}  // namespace hostcheck::report
