#include "core/facts/probe_pmtu.h"

namespace hostcheck::facts {

const TableInfo& ProbePmtu::table() {
  using P = ProbePmtu;
  static const TableInfo info =
      TableBuilder<P>("probe_pmtu", "Path MTU as probes measured it, one row each way of asking; whole IP packets")
          .key<&P::probe>("probe", "", "hostcheck", "Number of the probe, as in probe_results")
          .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .key<&P::address>("address", "", "who asked", "Address that was probed")
          .key<&P::method>(
              "method", "", "hostcheck",
              "icmp: echo; tcp: SYN with data; udp: datagram to a closed port; fragments: a datagram in two")
          .column<&P::outcome>("outcome", "", "the answers",
                               "full, smaller (too big comes back), black_hole (nothing does), unanswered, unclear, "
                               "not_tried (this process may not send by it); of "
                               "fragments arrive, lost, unanswered")
          .column<&P::decides>("decides", "", "hostcheck", "Whether the probe's outcome is this row's")
          .column<&P::path_mtu>("path_mtu", "bytes", "the answers", "Largest packet that arrived")
          .column<&P::failing_size>("failing_size", "bytes", "the answers", "Smallest packet that did not arrive")
          .column<&P::device_mtu>("device_mtu", "bytes", "SIOCGIFMTU", "MTU of the interface towards the address")
          .column<&P::cached_mtu>("cached_mtu", "bytes", "IP_MTU, IPV6_MTU",
                                  "What the kernel took for the path's MTU before the probe")
          .column<&P::ifname>("ifname", "", "RTM_GETROUTE RTA_OIF", "Interface towards the address")
          .column<&P::gateway>("gateway", "", "RTM_GETROUTE RTA_GATEWAY", "Next hop; NULL where the address is on-link")
          .column<&P::errors_from>("errors_from", "", "ICMP fragmentation needed, ICMPv6 packet too big",
                                   "Router that says what is too big; NULL where none does")
          .column<&P::error_mtu>("error_mtu", "bytes", "ICMP fragmentation needed, ICMPv6 packet too big",
                                 "What it says that fits")
          .column<&P::passes_to>("passes_to", "", "ICMP time exceeded",
                                 "Last router that a packet of failing_size still reached; NULL for none")
          .column<&P::passes_to_ttl>("passes_to_ttl", "hops", "ICMP time exceeded", "Its distance")
          .column<&P::small_sent>("small_sent", "packets", "sendto(2)", "Small packets sent among them")
          .column<&P::small_answered>("small_answered", "packets", "the answers", "Small packets that were answered")
          .column<&P::large_lost>("large_lost", "packets", "the answers",
                                  "Packets above path_mtu that nothing came back for; of fragments the datagrams lost")
          .column<&P::packets>("packets", "packets", "sendto(2)", "Packets sent by this way of asking")
          .build();
  return info;
}

}  // namespace hostcheck::facts
