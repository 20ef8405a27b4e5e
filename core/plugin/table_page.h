// [[table]] of plugin.toml.
#pragma once

#include <string>
#include <vector>

#include "core/checks/toml_reader.h"
#include "core/plugin/plugin.h"

namespace hostcheck::plugin {

// The tables that the plugin of this name brings. inputs: the names of its [[input]]s.
[[nodiscard]] std::vector<Table> read_tables(checks::TomlReader& top, const std::string& plugin,
                                             const std::vector<std::string>& inputs, checks::Complaints& complaints);

}  // namespace hostcheck::plugin
