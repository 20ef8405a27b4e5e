// The subcommands. Each prints what it has to say and returns the exit status.
#pragma once

#include "core/cli/options.h"

namespace hostcheck::cli {

[[nodiscard]] int query(const QueryOptions& options);
[[nodiscard]] int tables(const TablesOptions& options);

// Parses the command line and does what it asks.
[[nodiscard]] int main(int argc, const char* const* argv);

}  // namespace hostcheck::cli
