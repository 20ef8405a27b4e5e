// What the options of several commands are read with. Each throws Wrong where the value cannot be used.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/cli/config.h"
#include "core/cli/options.h"

namespace hostcheck::cli {

// Of the option of this name.
[[nodiscard]] std::chrono::milliseconds duration(const std::string& name, const std::string& text);
// ID.PARAM=VALUE of --set.
[[nodiscard]] Setting setting(const std::string& text);
// The configuration: the named one, else the system's where there is one.
[[nodiscard]] RawRun config_of(const std::optional<std::string>& named);
// That the value is one of the choices; else the nearest one is named.
void require_choice(const std::string& name, const std::string& value, const std::vector<std::string>& choices);

}  // namespace hostcheck::cli
