// One neighbour as the kernel's table has it (RTM_GETNEIGH of one address, neigh_get in net/core/neighbour.c), and the
// host's next hops.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/facts/neighbour.h"
#include "core/kernel/netns.h"

namespace hostcheck::kernel {

// nullopt: the kernel has no entry. netns and ifname of the row are not filled. Error code unsupported: a kernel before
// 5.0, which cannot be asked for one.
[[nodiscard]] Result<std::optional<facts::Neighbour>> find_neighbour(const NetnsInfo& netns, std::uint32_t ifindex,
                                                                     const IpAddress& address);

struct NextHop {
  IpAddress gateway;
  std::uint32_t ifindex = 0;
  friend auto operator<=>(const NextHop&, const NextHop&) = default;
};
// The gateways of all unicast routes of all tables, each once, in order; routes by nexthop objects included.
[[nodiscard]] Result<std::vector<NextHop>> next_hops(const NetnsInfo& netns);

}  // namespace hostcheck::kernel
