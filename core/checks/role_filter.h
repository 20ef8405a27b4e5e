// Rules and cures that hold for some roles only.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/checks/finding.h"
#include "core/checks/rule.h"
#include "core/facts/facts.h"

namespace hostcheck::checks {

// Whether the namespace has one of the roles; true where none are asked for. netns "": whether any namespace has.
[[nodiscard]] bool has_role(const facts::Facts& facts, std::string_view netns, const std::vector<std::string>& roles);

// Takes away the cures that are for other roles, and the findings in namespaces that have none of the rule's roles.
// Where no namespace has one, the check is skipped and says for which roles it holds; where the roles could not be
// found out, it is unknown.
void keep_to_roles(const Rule& rule, const facts::Facts& facts, CheckResult& result);

}  // namespace hostcheck::checks
