// The addresses of the present network namespace, for deciding what is local.
#pragma once

#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"

namespace hostcheck::kernel {

// Every address of every interface, by getifaddrs(3); loopback's whole 127.0.0.0/8 is local too and not listed.
[[nodiscard]] Result<std::vector<IpAddress>> local_addresses();

}  // namespace hostcheck::kernel
