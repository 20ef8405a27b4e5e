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
// "CRITICAL", "WARNING", "INFO"
[[nodiscard]] std::string_view word_of(checks::Severity severity);

}  // namespace hostcheck::report
