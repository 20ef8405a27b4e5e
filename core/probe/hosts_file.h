// Names in the hosts file (hosts(5)).
#pragma once

#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/kernel/netns.h"

namespace hostcheck::probe {

// Addresses of the name in the text of such a file, each once, in its order.
[[nodiscard]] std::vector<IpAddress> addresses_in_hosts(std::string_view text, std::string_view name);
// The same in the file that the namespace's processes see; none where it cannot be read.
[[nodiscard]] std::vector<IpAddress> addresses_in_hosts_file(const kernel::NetnsInfo& netns, std::string_view name);

}  // namespace hostcheck::probe
