// A plugin's tests on recorded facts: FOLDER/tests.toml, in the format of a rule's [[test]].
#pragma once

#include <string>

#include "core/checks/rule.h"
#include "core/plugin/plugin.h"

namespace hostcheck::plugin {

// Runs the tests of the plugin in the folder, each in a confined child as a run does, without privileges. The folder
// fails too when no test makes a check fire, be clear or be unknown, or when a part of a check's page is missing.
[[nodiscard]] checks::TestReport test_plugin(const std::string& folder);

// All checks of the plugin as one rule without query: the parameters and subjects that a [[test]] may name.
[[nodiscard]] checks::Rule joined(const Plugin& plugin);

}  // namespace hostcheck::plugin
