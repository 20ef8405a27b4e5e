// `hostcheck new plugin`.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace hostcheck::cli {

// Writes a check plugin of this name that builds and loads, with its page's headings and a first test that fails until
// it is filled in, into `folder` (which exists), or, where that is "", into plugins/ where this is hostcheck's source,
// else into the present folder. Gives the folder that it made. Error code invalid: a name that is none, or is taken.
[[nodiscard]] Result<std::string> new_plugin(const std::string& name, const std::string& folder);

}  // namespace hostcheck::cli
