// Whether a file or folder may decide what hostcheck does.
#pragma once

#include <set>
#include <string>

#include "core/base/result.h"

namespace hostcheck::cli {

// Nothing that others can write to is trusted: the path itself, all that it holds when it is a folder, and every folder
// above it (others may rename nothing in a sticky one). It has to belong to root, to the user who runs hostcheck, or to
// the owner of the running program, who decides more than any rule. When root runs it, the user's own is root's. Error
// (code denied) names the path and the reason; code vanished: it does not exist.
// above: folders that were found to be trusted with all above them; they are not looked at again, and others are added.
[[nodiscard]] Result<void> require_trusted(const std::string& path, std::set<std::string>& above);
[[nodiscard]] Result<void> require_trusted(const std::string& path);

}  // namespace hostcheck::cli
