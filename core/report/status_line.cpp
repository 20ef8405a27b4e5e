#include "core/report/status_line.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "core/report/layout.h"
#include "core/report/tally.h"

namespace hostcheck::report {

using checks::Finding;
using checks::Outcome;
using checks::Severity;
using checks::Status;

std::string shortened(std::string text, std::size_t size) {
  constexpr std::string_view kCut = "...";
  if (text.size() <= size) return text;
  std::size_t end = size - kCut.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end).append(kCut);
}

std::string status_line(const conclude::Report& report, std::size_t size) {
  if (report.verdict == conclude::Verdict::unknown) return shortened(printable(report.unjudged), size);
  const auto counts = [](const Finding& each) {
    return each.status != Status::refuted && each.severity != Severity::info;
  };
  const auto first = std::find_if(report.findings.begin(), report.findings.end(), counts);
  if (first == report.findings.end()) {
    const std::size_t notes = count(report, Severity::info);
    return count_of(count(report, Outcome::clear), "check") + " clear" +
           (notes == 0 ? ", nothing found" : ", " + count_of(notes, "note"));
  }
  const auto more = std::count_if(std::next(first), report.findings.end(), counts);
  return shortened(printable(first->summary), size) +
         (more == 0 ? "" : fmt::format(" (and {})", count_of(static_cast<std::size_t>(more), "other finding")));
}

}  // namespace hostcheck::report
