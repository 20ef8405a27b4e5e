#include "core/report/render.h"
#include "core/report/status_line.h"

namespace hostcheck::report {
namespace {

// Of the summary: " (and 12 other findings)" follows.
constexpr std::size_t kSummaryBytes = kNpdBytes - 30;

}  // namespace

std::string as_npd(const conclude::Report& report) {
  return status_line(report, kSummaryBytes) + "\n";
}

}  // namespace hostcheck::report
