#include "core/facts/journey.h"

namespace hostcheck::facts {

const TableInfo& Journey::table() {
  using J = Journey;
  static const TableInfo info =
      TableBuilder<J>("journeys", "The way of packets to named targets through this host, one row an address")
          .key<&J::id>("journey", "", "hostcheck", "Number of the journey in this run, from 1")
          .column<&J::netns>("netns", "", "namespace that it starts in", "Name of the network namespace")
          .column<&J::target>("target", "", "--target", "The target as it was named")
          .column<&J::address>("address", "", "--target, its name's addresses", "Address that packets go to")
          .column<&J::port>("port", "", "--target", "Port; NULL where none was named")
          .column<&J::protocol>("protocol", "", "hostcheck path --protocol", "tcp, udp or icmp")
          .column<&J::outcome>("outcome", "", "RTM_GETROUTE, netfilter rules",
                               "onward: it leaves; local: to this host itself; no_route, unreachable, prohibited, "
                               "blackhole: routing stops it; no_source: there is no source address for it; filtered: a "
                               "packet filter rule of this host stops it; unknown")
          .column<&J::words>("words", "", "hostcheck", "The same in a sentence")
          .column<&J::rule_priority>("rule_priority", "", "FRA_PRIORITY", "Policy rule that chose the table")
          .column<&J::rule>("rule", "", "RTM_GETRULE", "The same as ip rule writes it")
          .column<&J::table_id>("table", "", "RTA_TABLE", "Number of the table; a keyword of SQL, write \"table\"")
          .column<&J::table_name>("table_name", "", "RTA_TABLE", "main, local, default, or a name of rt_tables")
          .column<&J::route>("route", "", "RTM_GETROUTE with RTM_F_FIB_MATCH", "Route that matches")
          .column<&J::gateway>("gateway", "", "RTA_GATEWAY, RTA_VIA", "Next hop; NULL where the target is on the link")
          .column<&J::next_hop>("next_hop", "", "RTA_GATEWAY, RTA_DST", "Whose link-layer address is asked for")
          .column<&J::source>("source", "", "RTA_PREFSRC", "Source address")
          .column<&J::source_asked>("source_asked", "", "hostcheck path --source", "The source was given, not chosen")
          .column<&J::source_ifname>("source_ifname", "", "RTM_GETADDR", "Interface that has the source address")
          .column<&J::ifname>("ifname", "", "RTA_OIF", "Interface that it leaves by")
          .column<&J::egress_up>("egress_up", "", "IFF_UP, IFLA_CARRIER", "That interface is up and has a carrier")
          .column<&J::connected_ifname>("connected_ifname", "", "RTM_GETADDR",
                                        "Another interface, which has the address in a prefix of its own")
          .column<&J::connected_prefix>("connected_prefix", "", "RTM_GETADDR", "That prefix")
          .column<&J::device_mtu>("device_mtu", "bytes", "IFLA_MTU", "MTU of the interface")
          .column<&J::route_mtu>("route_mtu", "bytes", "RTAX_MTU", "MTU that the route sets")
          .column<&J::cached_mtu>("cached_mtu", "bytes", "RTAX_MTU of the cached exception",
                                  "Path MTU that ICMP taught the kernel")
          .column<&J::mtu>("mtu", "bytes", "the smallest of them", "Largest packet that is sent")
          .column<&J::neighbour_state>("neighbour_state", "", "RTM_GETNEIGH ndm_state", "NULL: not asked for yet")
          .column<&J::lladdr>("lladdr", "", "NDA_LLADDR", "Link-layer address of the next hop")
          .column<&J::firewall>("firewall", "", "netfilter rules",
                                "passes, drops, rejects, or unknown where a rule cannot be decided")
          .column<&J::firewall_rule>("firewall_rule", "", "netfilter rules", "Rule that decides or cannot be decided")
          .column<&J::qdisc>("qdisc", "", "RTM_GETQDISC", "Queueing discipline at the interface's root")
          .build();
  return info;
}

const TableInfo& PathStep::table() {
  using S = PathStep;
  static const TableInfo info =
      TableBuilder<S>("path_steps", "The steps of these journeys, in order")
          .key<&S::journey>("journey", "", "journeys", "Number of the journey")
          .column<&S::netns>("netns", "", "namespace that it starts in", "Name of the network namespace")
          .key<&S::position>("position", "", "hostcheck", "From 1")
          .column<&S::step>("step", "", "hostcheck",
                            "rule, route, next_hop, source, egress, mtu, neighbour, firewall, qdisc")
          .column<&S::verdict>("verdict", "", "hostcheck", "passes, stops or unknown")
          .column<&S::words>("words", "", "hostcheck", "What happens there")
          .column<&S::source>("source", "", "hostcheck", "Where the kernel says so")
          .build();
  return info;
}

}  // namespace hostcheck::facts
