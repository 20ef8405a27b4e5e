// The release that this is.
#pragma once

#include <string_view>

namespace hostcheck {

// "0.1.0"
[[nodiscard]] std::string_view version();

}  // namespace hostcheck
