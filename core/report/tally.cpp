#include "core/report/tally.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/units.h"

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

std::string amount(const facts::Value& value, std::string_view unit) {
  constexpr double kReadable = 10'000;  // milliseconds
  const auto* integer = std::get_if<std::int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  const double number = integer != nullptr ? static_cast<double>(*integer) : real != nullptr ? *real : 0;
  if (unit == "ms" && number >= kReadable) return human_duration(number);
  const auto* text = std::get_if<std::string>(&value);
  std::string words = integer != nullptr ? std::to_string(*integer)
                      : real != nullptr  ? fmt::format("{:.4g}", *real)
                      : text != nullptr  ? *text
                                         : "unknown";
  if (!unit.empty()) words.append(" ").append(unit);
  return words;
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
