#include "core/report/tally.h"

#include <algorithm>

#include <fmt/format.h>

namespace hostcheck::report {

std::size_t count(const conclude::Report& report, checks::Outcome outcome) {
  return static_cast<std::size_t>(
      std::count_if(report.checks.begin(), report.checks.end(),
                    [&](const checks::CheckResult& each) { return each.outcome == outcome; }));
}

std::size_t count(const conclude::Report& report, checks::Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(report.findings.begin(), report.findings.end(), [&](const checks::Finding& each) {
        return each.severity == severity && each.status != checks::Status::refuted;
      }));
}

std::string count_of(std::size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string_view word_of(checks::Severity severity) {
  switch (severity) {
    case checks::Severity::critical:
      return "CRITICAL";
    case checks::Severity::warning:
      return "WARNING";
    case checks::Severity::info:
      return "INFO";
  }
  return "INFO";
}

}  // namespace hostcheck::report
