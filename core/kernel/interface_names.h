// Names of interfaces by their index, in the present namespace.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hostcheck::kernel {

// A function that asks the kernel (SIOCGIFNAME) and remembers; "" for an index that no interface has.
[[nodiscard]] std::function<std::string(std::uint32_t ifindex)> interface_names();

}  // namespace hostcheck::kernel
