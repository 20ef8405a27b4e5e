// The interfaces of the present network namespace with their link-layer and IP addresses, by getifaddrs(3).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"

namespace hostcheck::kernel {

struct OwnLink {
  std::uint32_t ifindex = 0;
  std::string ifname;
  LinkAddress mac;        // empty where the device has none
  bool ethernet = false;  // ARPHRD_ETHER: a MAC address of 6 bytes
  bool resolves = false;  // asks for neighbours' addresses: up, and none of IFF_NOARP, IFF_LOOPBACK, IFF_POINTOPOINT
  std::vector<IpAddress> addresses;
};

// In the order of their numbers.
[[nodiscard]] Result<std::vector<OwnLink>> own_links();
// nullptr where there is none.
[[nodiscard]] const OwnLink* find_link(const std::vector<OwnLink>& links, std::string_view ifname);
[[nodiscard]] const OwnLink* find_link(const std::vector<OwnLink>& links, std::uint32_t ifindex);

}  // namespace hostcheck::kernel
