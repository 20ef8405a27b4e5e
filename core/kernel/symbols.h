// Names of kernel functions by address.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "core/base/result.h"

namespace hostcheck::kernel {

// For each address the name of the function that it lies in, by /proc/kallsyms, read once. Addresses without a function
// are left out. Error code denied where the kernel hides addresses (kptr_restrict): all of them read as zero.
[[nodiscard]] Result<std::map<std::uint64_t, std::string>> functions_at(std::span<const std::uint64_t> addresses);

}  // namespace hostcheck::kernel
