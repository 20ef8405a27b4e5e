// What a probe is pointed at, as people write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace hostcheck::probe {

struct Target {
  std::string host;                   // a name or an address
  std::optional<std::uint16_t> port;  // 1 to 65535
};
// "name", "name:443", "192.0.2.1:443", "[2001:db8::1]:443", "2001:db8::1". Error (code invalid): what is wrong with it.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

}  // namespace hostcheck::probe
