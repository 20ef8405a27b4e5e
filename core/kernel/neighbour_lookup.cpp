#include "core/kernel/neighbour_lookup.h"

#include <algorithm>
#include <cerrno>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "core/kernel/netlink.h"
#include "core/kernel/route_lookup.h"
#include "core/kernel/rtnl.h"
#include "core/kernel/rtnl_neighbours.h"

namespace hostcheck::kernel {
namespace {

constexpr std::string_view kLookup = "RTM_GETNEIGH of one address";
constexpr std::string_view kRouteDump = "RTM_GETROUTE dump";

Result<NetlinkSocket> open_in(const NetnsInfo& netns) {
  const auto scope = NetnsScope::enter(netns);
  if (!scope) return unexpected(scope.error());
  return NetlinkSocket::open(NETLINK_ROUTE);
}

}  // namespace

Result<std::optional<facts::Neighbour>> find_neighbour(const NetnsInfo& netns, std::uint32_t ifindex,
                                                       const IpAddress& address) {
  auto socket = open_in(netns);
  if (!socket) return unexpected(socket.error());
  NetlinkRequest request(RTM_GETNEIGH, 0);
  auto& header = request.header<ndmsg>();
  header.ndm_family = address_family_of(address.family());
  header.ndm_ifindex = static_cast<int>(ifindex);
  request.add(NDA_DST, address.bytes());
  std::optional<facts::Neighbour> found;
  const auto told = socket->talk(request, kLookup, [&](const nlmsghdr& message) -> Result<void> {
    facts::Neighbour row;
    if (message.nlmsg_type != RTM_NEWNEIGH) return {};
    if (parse_neighbour(message, row) != Parsed::row) return unexpected(malformed(kLookup));
    found = row;
    return {};
  });
  if (told) return found;
  if (told.error().sys_errno == ENOENT) return std::nullopt;
  if (told.error().sys_errno != EOPNOTSUPP) return unexpected(told.error());
  return unexpected(make_error(ErrorCode::unsupported, kLookup, {}, "this kernel tells only the whole table"));
}

Result<std::vector<NextHop>> next_hops(const NetnsInfo& netns) {
  auto socket = open_in(netns);
  if (!socket) return unexpected(socket.error());
  std::vector<NextHop> hops;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    NetlinkRequest request(RTM_GETROUTE, 0);
    request.header<rtmsg>().rtm_family = address_family_of(family);
    const std::size_t before = hops.size();
    const auto take = [&](const nlmsghdr& message) -> Result<void> {
      if (message.nlmsg_type != RTM_NEWROUTE) return {};
      const auto route = parse_looked_up_route(message);
      if (!route) return unexpected(route.error());
      if (route->type != RTN_UNICAST || (route->flags & RTM_F_CLONED) != 0) return {};
      for (const LookedUpHop& each : route->hops) {
        const NextHop hop{each.gateway, each.ifindex};
        // Most routes of a long table share few next hops: looking through these beats sorting all at the end.
        if (!hop.gateway.empty() && std::find(hops.begin(), hops.end(), hop) == hops.end()) hops.push_back(hop);
      }
      return {};
    };
    const auto dumped = socket->dump(request, kRouteDump, take, [&] { hops.resize(before); });
    if (!dumped) return unexpected(dumped.error());
  }
  std::sort(hops.begin(), hops.end());
  return hops;
}

}  // namespace hostcheck::kernel
