// The commands' part of hostcheck(1), in man(7) macros, from the same data as parsing and help.
#pragma once

#include <span>
#include <string>

#include "core/cli/command_spec.h"

namespace hostcheck::cli {

// A .SS section a command: its synopsis, what it does, its options, its notes.
[[nodiscard]] std::string manual_of(std::span<const CommandSpec> commands);

}  // namespace hostcheck::cli
