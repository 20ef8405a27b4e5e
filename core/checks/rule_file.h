// The parts of reading a rule that its loader and its tests share.
#pragma once

#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "core/base/result.h"
#include "core/checks/rule.h"
#include "core/checks/toml_reader.h"

namespace hostcheck::checks {

[[nodiscard]] Result<std::string> read_rule_text(const std::string& path);

// The id that a path stands for: "tcp.x" for ".../tcp/x.toml" and for ".../tcp.x.toml"; "" for other paths.
[[nodiscard]] std::string id_of_path(std::string_view path);

// A rule out of its parsed file; [[test]] is left alone.
[[nodiscard]] Result<Rule> read_rule(const toml::table& root, const std::string& path);

// One [[check]] of a plugin's plugin.toml: a rule without query, summary and evidence, which are the plugin's own. Its
// key inputs is left alone.
[[nodiscard]] Rule read_plugin_check(const toml::table& table, Complaints& complaints);

}  // namespace hostcheck::checks
