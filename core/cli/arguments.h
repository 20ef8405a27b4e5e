// Command line to options.
#pragma once

#include <string>
#include <variant>

#include "core/cli/options.h"

namespace hostcheck::cli {

// Instead of a command: something to print and the status to end with (--help, --version, a usage error).
struct Answered {
  std::string text;
  bool to_stderr = false;
  int exit_status = 0;
};

[[nodiscard]] std::variant<Command, Answered> parse_arguments(int argc, const char* const* argv);

}  // namespace hostcheck::cli
