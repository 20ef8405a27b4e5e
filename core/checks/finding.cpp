#include "core/checks/finding.h"

#include <span>

namespace hostcheck::checks {
namespace {

template <typename Enum>
std::optional<Enum> parse(std::string_view text, std::span<const Enum> values) {
  for (const Enum each : values) {
    if (name_of(each) == text) return each;
  }
  return std::nullopt;
}

constexpr Severity kSeverities[] = {Severity::info, Severity::warning, Severity::critical};
constexpr Status kStatuses[] = {Status::confirmed, Status::suspected, Status::inconclusive, Status::refuted};
constexpr Outcome kOutcomes[] = {Outcome::finding, Outcome::clear, Outcome::unknown, Outcome::error, Outcome::skipped};

}  // namespace

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::critical:
      return "critical";
  }
  return "";
}

std::string_view name_of(Status status) {
  switch (status) {
    case Status::confirmed:
      return "confirmed";
    case Status::suspected:
      return "suspected";
    case Status::inconclusive:
      return "inconclusive";
    case Status::refuted:
      return "refuted";
  }
  return "";
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::finding:
      return "finding";
    case Outcome::clear:
      return "clear";
    case Outcome::unknown:
      return "unknown";
    case Outcome::error:
      return "error";
    case Outcome::skipped:
      return "skipped";
  }
  return "";
}

std::optional<Severity> parse_severity(std::string_view text) {
  return parse<Severity>(text, kSeverities);
}
std::optional<Status> parse_status(std::string_view text) {
  return parse<Status>(text, kStatuses);
}
std::optional<Outcome> parse_outcome(std::string_view text) {
  return parse<Outcome>(text, kOutcomes);
}

}  // namespace hostcheck::checks
