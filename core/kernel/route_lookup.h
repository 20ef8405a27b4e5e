// The kernel's own answer to where a packet would go: RTM_GETROUTE of one destination (inet_rtm_getroute in
// net/ipv4/route.c, inet6_rtm_getroute in net/ipv6/route.c).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/facts/route.h"
#include "core/kernel/netlink.h"
#include "core/kernel/netns.h"

namespace hostcheck::kernel {

// The packet that is asked about. What is 0 or empty is left to the kernel.
struct RouteQuery {
  IpAddress dst;
  IpAddress src;
  std::uint32_t oif = 0;   // as a socket that is bound to this interface sends
  std::uint32_t iif = 0;   // as if it came in there to be forwarded
  std::uint32_t mark = 0;  // SO_MARK
  std::uint8_t tos = 0;
  std::uint8_t ip_proto = 0;  // 6, 17, 1, 58; the kernel takes no other
  std::uint16_t sport = 0;    // host order
  std::uint16_t dport = 0;
  std::optional<std::uint32_t> uid;  // of the socket's owner; the caller's own where it is not given
};

// One next hop of a route.
struct LookedUpHop {
  IpAddress gateway;  // empty: on-link
  std::uint32_t ifindex = 0;
  std::uint32_t flags = 0;  // RTNH_F_*
  std::uint16_t weight = 1;
};

struct LookedUpRoute {
  std::uint32_t table_id = 0;
  IpAddress dst;  // of a FIB entry its prefix, else the destination itself
  std::uint8_t dst_length = 0;
  std::uint8_t type = 0;      // RTN_*
  std::uint8_t protocol = 0;  // RTPROT_*
  std::uint8_t scope = 0;     // RT_SCOPE_*
  std::uint32_t priority = 0;
  std::uint32_t flags = 0;  // RTM_F_*, RTNH_F_*
  std::uint32_t nexthop_id = 0;
  IpAddress prefsrc;      // the source that is taken where the packet has none
  std::uint32_t mtu = 0;  // RTAX_MTU, 0 where the route has none
  bool mtu_locked = false;
  std::uint32_t advmss = 0;
  std::uint32_t expires_s = 0;    // of a cached exception or a route of a router advertisement; 0: never
  std::vector<LookedUpHop> hops;  // of a FIB entry all, else the one that is taken
};

struct RouteLookup {
  // What the kernel answers instead of a route, a positive errno value: ENETUNREACH (no route), EHOSTUNREACH
  // (unreachable route), EACCES (prohibit), EINVAL (blackhole; or a source that is not an address of this host),
  // ENODEV. 0: there is a route.
  int error = 0;
  LookedUpRoute route;                 // the way of this packet, cached path MTU included
  std::optional<LookedUpRoute> entry;  // the entry of the FIB that it comes from (RTM_F_FIB_MATCH, Linux 4.13)
};

// Over a socket of NETLINK_ROUTE in the namespace asked about. Error: the kernel could not be asked.
[[nodiscard]] Result<RouteLookup> look_up_route(NetlinkSocket& socket, const RouteQuery& query);
// The same with a socket of its own.
[[nodiscard]] Result<RouteLookup> look_up_route(const NetnsInfo& netns, const RouteQuery& query);

// Whether it leads to this host itself.
[[nodiscard]] bool is_local(const LookedUpRoute& route);

// One RTM_NEWROUTE of an answer.
[[nodiscard]] Result<LookedUpRoute> parse_looked_up_route(const nlmsghdr& message);

}  // namespace hostcheck::kernel
