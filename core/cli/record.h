// `hostcheck test --record`.
#pragma once

#include "core/cli/options.h"

namespace hostcheck::cli {

// Prints the present facts of this host as a test of the one rule or plugin that options.paths names. Returns the exit
// status.
[[nodiscard]] int record(const TestOptions& options);

}  // namespace hostcheck::cli
