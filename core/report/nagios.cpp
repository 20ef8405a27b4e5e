#include <algorithm>

#include <fmt/format.h>

#include "core/report/layout.h"
#include "core/report/render.h"
#include "core/report/status_line.h"
#include "core/report/tally.h"

namespace hostcheck::report {
namespace {

using checks::Finding;
using checks::Outcome;
using checks::Severity;
using checks::Status;

constexpr std::size_t kStatusBytes = 500;

// A bar would begin performance data.
std::string plain(std::string_view text) {
  std::string out = printable(text);
  std::replace(out.begin(), out.end(), '|', '/');
  return out;
}

std::string_view word_of(conclude::Verdict verdict) {
  switch (verdict) {
    case conclude::Verdict::ok:
      return "OK";
    case conclude::Verdict::warning:
      return "WARNING";
    case conclude::Verdict::critical:
      return "CRITICAL";
    case conclude::Verdict::unknown:
      return "UNKNOWN";
  }
  return "UNKNOWN";
}

// 'label'=value[unit];warn;crit;min;max: a state is entered when a value is outside 0 to its threshold.
std::string performance(const conclude::Report& report) {
  const std::size_t run = report.checks.size() - count(report, Outcome::skipped);
  return fmt::format(
      "critical={};;0;0; warning={};0;;0; info={};;;0; clear={};;;0;{} unknown={};;;0;{} failed={};;;0;{} "
      "suppressed={};;;0; duration={:.3f}s;;;0;",
      count(report, Severity::critical), count(report, Severity::warning), count(report, Severity::info),
      count(report, Outcome::clear), run, count(report, Outcome::unknown), run, count(report, Outcome::error), run,
      report.suppressed.size(), std::chrono::duration<double>(report.duration).count());
}

std::vector<std::string> long_lines(const conclude::Report& report) {
  std::vector<std::string> lines;
  for (const Finding& each : report.findings) {
    if (each.status == Status::refuted) continue;
    lines.push_back(fmt::format("{} {} ({}): {}", report::word_of(each.severity), each.id, name_of(each.status),
                                plain(each.summary)));
    for (const checks::Fix& fix : each.fix) {
      lines.push_back("  do: " + plain(fix.text) + (fix.command.empty() ? "" : ": " + plain(fix.command)));
    }
  }
  for (const checks::CheckResult& each : report.checks) {
    if (each.outcome == Outcome::error) lines.push_back("failed " + each.id + ": " + plain(each.reason));
  }
  for (const checks::CheckResult& each : report.checks) {
    if (each.outcome == Outcome::unknown) lines.push_back("unknown " + each.id + ": " + plain(each.reason));
  }
  return lines;
}

}  // namespace

std::string as_nagios(const conclude::Report& report) {
  constexpr std::size_t kLineBytes = 400;
  constexpr std::size_t kForRest = 40;  // "and 123 more lines"
  std::string out = fmt::format("HOSTCHECK {}: {} | {}\n", word_of(report.verdict),
                                plain(status_line(report, kStatusBytes)), performance(report));
  const std::vector<std::string> lines = long_lines(report);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const std::string line = shortened(lines[at], kLineBytes) + "\n";
    if (out.size() + line.size() + kForRest > kNagiosBytes) {
      out += "and " + count_of(lines.size() - at, "more line") + "\n";
      break;
    }
    out += line;
  }
  return out;
}

std::string nagios_failure(std::string_view why) {
  return "HOSTCHECK UNKNOWN: " + shortened(plain(why), kNagiosBytes / 2) + "\n";
}

}  // namespace hostcheck::report
