// Finds the roles of each namespace from other facts.
#pragma once

#include <span>
#include <string>

#include "core/facts/facts.h"
#include "core/facts/request.h"

namespace hostcheck::conclude {

// What finding the roles reads.
[[nodiscard]] const facts::Request& roles_request();

// Fills the table roles: with these roles in every namespace of facts where any are given, else with what the facts
// say. Where something that it reads is absent, so are the roles, with that reason.
void fill_roles(facts::Facts& facts, std::span<const std::string> given);

}  // namespace hostcheck::conclude
