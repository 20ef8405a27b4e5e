// The last stage of a run: from what each check says to what is wrong with the host.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/checks/rule.h"
#include "core/conclude/report.h"
#include "core/facts/facts.h"

namespace hostcheck::conclude {

// What conclusions are drawn with, apart from the checks' results.
struct Witnesses {
  // The words of a clear check's own numbers in a namespace ("61 of 262144 entries"); "" where the rule has none.
  std::function<std::string(const checks::Rule& rule, std::string_view netns)> clear_words;
  // Whether the running kernel has the sysctl of this dotted name, in that namespace or for the whole machine.
  std::function<bool(std::string_view name, std::string_view netns)> has_sysctl;
};

// The findings of all results, in reading order (see order_findings), each with the rivals that are excluded, the ones
// that are not, its causes and effects, and only such cures as the running kernel knows. Moves the findings out of
// results.
[[nodiscard]] std::vector<checks::Finding> draw_findings(std::span<const checks::Rule* const> rules,
                                                         std::vector<checks::CheckResult>& results,
                                                         const Witnesses& witnesses);

// Causes before their effects; among what that leaves open confirmed before suspected before inconclusive before
// refuted, critical first, then by id. A cause stands where the worst of its effects would.
void order_findings(std::vector<checks::Finding>& findings);

// Sets verdict and unjudged from the report's findings and checks. A run could not see enough to judge when it has no
// finding at warning or above and
//  - no check could be run at all, or
//  - more than half of the checks that were run are unknown or failed, or
//  - a table of kCoreTables that was asked for could not be read in a namespace, or
//  - a rule file that was asked for could not be used (outcome error).
void judge(Report& report, const facts::Facts& facts, const facts::Request& request);
inline constexpr std::string_view kCoreTables[] = {"links", "routes", "listeners", "counters"};

// The finding's namespace, from its subject; "" where it has none.
[[nodiscard]] std::string_view netns_of(const checks::Finding& finding);
// The port that the finding is about, from its subject (port, local_port, or the end of local); -1 where it names none.
[[nodiscard]] std::int64_t port_of(const checks::Finding& finding);

}  // namespace hostcheck::conclude
