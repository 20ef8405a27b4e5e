// Findings that somebody has decided not to be told of: set aside, never lost.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "core/checks/finding.h"
#include "core/conclude/report.h"

namespace hostcheck::conclude {

// Whether it holds for the finding: the id matches, and the subject glob, where there is one, matches the whole subject
// written as "netns=init ifname=eth0" or the value of any one part of it ("eth0").
[[nodiscard]] bool matches(const Suppression& suppression, const checks::Finding& finding);
// Whether its last day is over. today: in UTC.
[[nodiscard]] bool is_over(const Suppression& suppression, std::chrono::sys_days today);

// Moves every finding that a suppression in force holds for from report.findings to report.suppressed. To be called
// before judge(): what is suppressed does not count for the verdict.
void suppress(Report& report, std::span<const Suppression> suppressions, std::chrono::sys_days today);

}  // namespace hostcheck::conclude
