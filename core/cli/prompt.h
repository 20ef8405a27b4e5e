// The prompt of `hostcheck query`: lines with editing, history and completion.
#pragma once

#include <functional>
#include <string>

#include "core/cli/options.h"

namespace hostcheck::cli {

// Reads statements from the terminal until its end or .quit, and has each answered with the options as they stand.
// Returns the exit status. History is kept in the file that HOSTCHECK_HISTORY names; without it, for this session only:
// nothing on the host changes unasked.
[[nodiscard]] int prompt(QueryOptions options, const std::function<void(const QueryOptions&)>& answer);

}  // namespace hostcheck::cli
