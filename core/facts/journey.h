// The journey of a packet to a named target through this host, and its steps. Nothing is gathered for these tables: a
// run with targets and `hostcheck path` fill them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/nonzero.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One address of a target.
struct Journey {
  std::uint32_t id = 0;  // from 1
  Symbol netns;
  std::string target;  // as it was named
  IpAddress address;
  NonZero<std::uint16_t> port;
  Symbol protocol;  // "tcp", "udp", "icmp"
  // "onward", "local", "no_route", "unreachable", "prohibited", "blackhole", "no_source", "filtered" (a rule of this
  // host drops or rejects it), "unknown"
  Symbol outcome;
  std::string words;
  std::optional<std::uint32_t> rule_priority;  // of the policy rule that chose the table
  std::string rule;                            // as ip(8) writes it
  NonZero<std::uint32_t> table_id;
  Symbol table_name;
  std::string route;   // as ip(8) writes it
  IpAddress gateway;   // empty: on-link or none
  IpAddress next_hop;  // whose link-layer address is asked for
  IpAddress source;
  bool source_asked = false;  // the source was given, not chosen
  Symbol source_ifname;       // interface that has the source address
  Symbol ifname;              // egress
  bool egress_up = false;     // its administrator wants it up and it has a carrier
  Symbol connected_ifname;    // another interface that has the address in a prefix of its own; empty: none
  std::string connected_prefix;
  NonZero<std::uint32_t> device_mtu, route_mtu, cached_mtu, mtu;  // bytes; mtu: the one that counts
  Symbol neighbour_state;
  LinkAddress lladdr;
  Symbol firewall;            // "passes", "drops", "rejects", "unknown"
  std::string firewall_rule;  // that decides, or that cannot be decided
  Symbol qdisc;
  static const TableInfo& table();
};

// One step of it, in order.
struct PathStep {
  std::uint32_t journey = 0;
  Symbol netns;
  std::uint32_t position = 0;  // from 1
  Symbol step;     // "rule", "route", "next_hop", "source", "egress", "mtu", "neighbour", "firewall", "qdisc"
  Symbol verdict;  // "passes", "stops", "unknown"
  std::string words;
  std::string source;  // where the kernel says so
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
