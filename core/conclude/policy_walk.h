// Which policy rule (ip rule) led a packet to its table, or refused it: the kernel's lookup names the table only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/address.h"
#include "core/facts/facts.h"

namespace hostcheck::conclude {

struct RoutedPacket {
  IpAddress src;  // empty: not chosen yet; rules with `from` do not match then, as in the kernel
  IpAddress dst;
  std::string protocol;  // "tcp", "udp", "icmp", "ipv6-icmp"
  std::uint16_t dport = 0;
  std::uint32_t mark = 0;
  std::uint32_t uid = 0;
  std::string oif;  // of a socket that is bound to an interface
};

struct PolicyChoice {
  std::optional<std::uint32_t> priority;  // nullopt: no rule was found
  std::string rule;                       // "32766: from all lookup main"
  // For a refusal: "blackhole", "unreachable", "prohibit" of the rule itself or of the route, "throw" never; "" where
  // no table has a route.
  std::string refusal;
  std::string route;  // the route that refuses, "blackhole 192.0.2.0/24"; "" where the rule does or none has a route
  std::optional<std::uint32_t> table;
};

// The rule that matches the packet, looks into this table and does not pass over a route of this prefix length; by
// table policy_rules.
[[nodiscard]] PolicyChoice rule_to_table(const facts::Facts& facts, std::string_view netns, const RoutedPacket& packet,
                                         std::uint32_t table, unsigned prefix_length);

// What refuses a packet for which the kernel has no way: by tables policy_rules and routes.
[[nodiscard]] PolicyChoice refusing_rule(const facts::Facts& facts, std::string_view netns, const RoutedPacket& packet);

}  // namespace hostcheck::conclude
