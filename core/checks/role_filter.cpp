#include "core/checks/role_filter.h"

#include <algorithm>

#include "core/base/join.h"
#include "core/facts/role.h"

namespace hostcheck::checks {
namespace {

const std::vector<std::string> kEveryRole(facts::kRoleNames.begin(), facts::kRoleNames.end());

std::string_view netns_of(const Finding& finding) {
  for (const auto& [name, value] : finding.subject) {
    if (name != "netns") continue;
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
  }
  return {};
}

// The roles that there are, each once.
std::vector<std::string> present(const facts::TableData& roles) {
  std::set<std::string> all;
  std::string scratch;
  const auto role = roles.info().column("role");
  for (std::size_t row = 0; role && row < roles.size(); ++row) all.emplace(roles.cell(row, *role, scratch).text);
  return {all.begin(), all.end()};
}

}  // namespace

bool has_role(const facts::Facts& facts, std::string_view netns, const std::vector<std::string>& roles) {
  if (roles.empty()) return true;
  const facts::TableData* table = facts.find("roles");
  if (table == nullptr) return false;
  const auto place = table->info().column("netns");
  const auto role = table->info().column("role");
  std::string scratch;
  for (std::size_t row = 0; row < table->size(); ++row) {
    if (!netns.empty() && table->cell(row, *place, scratch).text != netns) continue;
    if (std::find(roles.begin(), roles.end(), table->cell(row, *role, scratch).text) != roles.end()) return true;
  }
  return false;
}

void keep_to_roles(const Rule& rule, const facts::Facts& facts, CheckResult& result) {
  for (Finding& finding : result.findings) {
    // Of a namespace that has no role, or whose roles are unknown, every cure may be the right one.
    const std::string_view netns = netns_of(finding);
    if (!has_role(facts, netns, kEveryRole)) continue;
    std::erase_if(finding.fix, [&](const Fix& fix) { return !has_role(facts, netns, fix.roles); });
  }
  if (rule.roles.empty() || result.outcome == Outcome::error || result.outcome == Outcome::skipped) return;
  const auto gap = std::find_if(facts.absences().begin(), facts.absences().end(),
                                [](const facts::Absence& each) { return each.table == "roles"; });
  if (gap != facts.absences().end() && !has_role(facts, {}, rule.roles)) {
    result.outcome = Outcome::unknown;
    result.reason = "the host's roles could not be found out: " + gap->reason;
    result.remedy = gap->remedy;
    result.findings.clear();
    return;
  }
  if (!has_role(facts, {}, rule.roles)) {
    const facts::TableData* table = facts.find("roles");
    const auto here = table == nullptr ? std::vector<std::string>{} : present(*table);
    result.outcome = Outcome::skipped;
    result.reason = "holds for the role " + joined(rule.roles, ", ") +
                    "; this host's: " + (here.empty() ? "none" : joined(here, ", "));
    result.remedy.clear();
    result.findings.clear();
    return;
  }
  std::erase_if(result.findings, [&](const Finding& each) { return !has_role(facts, netns_of(each), rule.roles); });
  if (result.findings.empty() && result.outcome == Outcome::finding) result.outcome = Outcome::clear;
}

}  // namespace hostcheck::checks
