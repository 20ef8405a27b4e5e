// Routes, their next hops, and the policy rules that choose among routing tables.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/nonzero.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// What few routes say besides their way. Routes that say the same share one.
struct RouteExtras {
  // RTA_METRICS; 0 where it says nothing
  NonZero<std::uint32_t> mtu, advmss, window, initcwnd, initrwnd, rto_min_ms, hoplimit, quickack;
  std::uint32_t locked = 0;  // bits 1 << RTAX_*: the metric is not learned anew
  Symbol congctl;
  IpAddress src;  // empty for any
  std::uint8_t src_length = 0;
};

// Extras that live in a TextPool as the bytes that they are made of: eight bytes in each of very many rows.
class SharedExtras {
 public:
  SharedExtras() = default;
  SharedExtras(const RouteExtras& extras, const std::function<Symbol(std::string_view)>& intern);
  [[nodiscard]] RouteExtras get() const;
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  Symbol bytes_;
};

// A route of any table. There may be very many: no member allocates.
struct Route {
  Symbol netns;
  Symbol table_name;
  Symbol ifname;
  SharedExtras extras;
  std::uint32_t table_id = 0;
  std::uint32_t ifindex = 0;  // 0 for none
  std::uint32_t priority = 0;
  std::uint32_t flags = 0;  // RTNH_F_*, RTM_F_*
  NonZero<std::uint32_t> nexthop_id;
  NonZero<std::uint32_t> expires_s;
  std::uint16_t nexthops = 0;
  Family family = Family::none;
  IpAddress dst, gateway, prefsrc;  // dst: 0.0.0.0 or :: for the default route
  std::uint8_t dst_length = 0;
  std::uint8_t tos = 0;
  std::uint8_t type = 0;      // RTN_*
  std::uint8_t protocol = 0;  // RTPROT_*
  std::uint8_t scope = 0;     // RT_SCOPE_*
  std::uint8_t pref = 0xff;   // ICMPV6_ROUTER_PREF_*, 0xff where the route has none
  static const TableInfo& table();
};

// One hop of a route that has several.
struct RouteNexthop {
  Symbol netns;
  Symbol ifname;
  std::uint32_t table_id = 0;
  Symbol table_name;
  std::uint32_t priority = 0;
  std::uint32_t ifindex = 0;
  std::uint32_t flags = 0;  // RTNH_F_*
  std::uint16_t hop = 0;
  std::uint16_t weight = 1;
  Family family = Family::none;
  IpAddress dst, gateway;
  std::uint8_t dst_length = 0;
  static const TableInfo& table();
};

// A next hop object, `ip nexthop`. Linux 5.3.
struct Nexthop {
  Symbol netns;
  std::uint32_t id = 0;
  Family family = Family::none;
  IpAddress gateway;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  bool blackhole = false;
  bool fdb = false;
  std::string group;
  std::uint8_t scope = 0;
  std::uint8_t protocol = 0;
  std::uint32_t flags = 0;
  static const TableInfo& table();
};

// How many routes of a kind there are.
struct RouteSummary {
  Symbol netns;
  Family family = Family::none;
  std::uint32_t table_id = 0;
  Symbol table_name;
  std::uint8_t type = 0;
  std::uint8_t protocol = 0;
  std::uint64_t routes = 0;
  static const TableInfo& table();
};

struct PortRange {
  std::uint16_t first = 0, last = 0;
};

// A policy rule, `ip rule`.
struct PolicyRule {
  Symbol netns;
  Family family = Family::none;
  std::uint32_t priority = 0;
  IpAddress src, dst;  // empty for any
  std::uint8_t src_length = 0, dst_length = 0;
  Symbol iif, oif;
  std::optional<std::uint32_t> fwmark, fwmask;
  std::uint8_t tos = 0;
  NonZero<std::uint8_t> ip_proto;
  std::optional<PortRange> sport, dport;
  std::optional<std::uint32_t> uid_first, uid_last;
  std::uint8_t action = 0;  // FR_ACT_*
  NonZero<std::uint32_t> table_id;
  Symbol table_name;
  NonZero<std::uint32_t> goto_priority;
  std::optional<std::int32_t> suppress_prefixlength, suppress_ifgroup;
  bool l3mdev = false;
  bool invert = false;
  bool detached = false;  // its iif or oif does not exist now
  std::uint8_t protocol = 0;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
