// Which sysctls there are, so that no page advises one that does not exist.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hostcheck::checks {

// nullopt when some kernel from 4.9 to 6.18 has the sysctl of this dotted name; interface names and {placeholders}
// stand for any. Else what is wrong, with the nearest name.
[[nodiscard]] std::optional<std::string> unknown_sysctl(std::string_view name);

}  // namespace hostcheck::checks
