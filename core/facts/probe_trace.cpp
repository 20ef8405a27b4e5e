#include "core/facts/probe_trace.h"

namespace hostcheck::facts {

const TableInfo& ProbeHop::table() {
  using H = ProbeHop;
  static const TableInfo info =
      TableBuilder<H>("probe_hops", "Routers on the way to a traced address, one row each address and distance")
          .key<&H::probe>("probe", "", "hostcheck", "Number of the probe, as in probe_results")
          .column<&H::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .column<&H::target>("target", "", "who asked", "Address that was traced")
          .key<&H::protocol>("protocol", "", "hostcheck", "What was sent: tcp (SYN), udp, icmp (echo)")
          .key<&H::ttl>("ttl", "hops", "IP TTL, IPv6 hop limit", "Distance from here, 1 for the next hop")
          .key<&H::address>("address", "", "the answers", "Who answered at this distance; NULL for nobody")
          .column<&H::flows>("flows", "flows", "the answers", "Different flows (source ports) that it answered")
          .column<&H::sent>("sent", "packets", "sendto(2)", "Probes with this distance, of all flows")
          .column<&H::answered>("answered", "packets", "the answers", "Of those answered by this address")
          .column<&H::loss>("loss", "", "the answers",
                            "Share that nobody answered, 0 to 1, without those that were sent too fast for a router; "
                            "NULL for a silent one")
          .column<&H::carried>("carried", "", "the answers",
                               "Whether that loss goes on to the target, so that it is real")
          .column<&H::limited>("limited", "", "the answers", "Whether it answers only so often: its gaps say nothing")
          .column<&H::per_packet>("per_packet", "", "the answers",
                                  "Whether packets of one flow are spread over several routers here")
          .column<&H::rtt_min_ms>("rtt_min_ms", "ms", "SO_TIMESTAMPNS", "Least delay of its answers")
          .column<&H::rtt_median_ms>("rtt_median_ms", "ms", "SO_TIMESTAMPNS", "Median delay of its answers")
          .column<&H::rtt_max_ms>("rtt_max_ms", "ms", "SO_TIMESTAMPNS", "Greatest delay of its answers")
          .column<&H::mpls>("mpls", "", "RFC 4950", "Labels that it quoted, outermost first")
          .column<&H::asn>("asn", "", "the file that was given", "Number of the network that has the address")
          .column<&H::as_name>("as_name", "", "the file that was given", "Name of that network")
          .build();
  return info;
}

const TableInfo& ProbeTrace::table() {
  using T = ProbeTrace;
  static const TableInfo info =
      TableBuilder<T>("probe_trace", "Ways that were traced, one row each address and protocol")
          .key<&T::probe>("probe", "", "hostcheck", "Number of the probe, as in probe_results")
          .column<&T::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .column<&T::target>("target", "", "who asked", "Address that was traced")
          .key<&T::protocol>("protocol", "", "hostcheck", "What was sent: tcp (SYN), udp, icmp (echo)")
          .column<&T::port>("port", "", "who asked", "Destination port; 0 for icmp")
          .column<&T::outcome>(
              "outcome", "", "the answers",
              "clean; loss (at random, carried to the target); flow_loss (some flows always); filtered "
              "(a router says so); unreached; unclear; not_tried (this process may not send by it)")
          .column<&T::reached>("reached", "", "the answers", "Whether the target itself answered")
          .column<&T::flows>("flows", "flows", "hostcheck", "Different flows (source ports) that were sent")
          .column<&T::sent>("sent", "packets", "sendto(2)", "Probes that could reach the target")
          .column<&T::answered>("answered", "packets", "the answers", "Of those answered by the target")
          .column<&T::loss>("loss", "", "the answers", "Share that it did not answer, 0 to 1")
          .column<&T::distance>("distance", "hops", "the answers", "Hops to the target, itself included")
          .column<&T::loss_begins_ttl>("loss_begins_ttl", "hops", "the answers",
                                       "First distance that has the loss which goes on to the target")
          .column<&T::loss_may_begin_ttl>("loss_may_begin_ttl", "hops", "the answers",
                                          "First distance that is not 100 times less likely than that to have it first")
          .column<&T::loss_begins_address>("loss_begins_address", "", "the answers", "Who answers at that distance")
          .column<&T::clean_until>("clean_until", "", "the answers",
                                   "Last router before it that is answered without this loss")
          .column<&T::loss_begins_asn>("loss_begins_asn", "", "the file that was given",
                                       "Number of the network in which it begins")
          .column<&T::loss_begins_as_name>("loss_begins_as_name", "", "the file that was given", "Its name")
          .column<&T::stops_after_ttl>("stops_after_ttl", "hops", "the answers",
                                       "Last distance that answers flows which do not arrive")
          .column<&T::stops_after>("stops_after", "", "the answers", "Who answers there")
          .column<&T::reading>("reading", "", "the answers", "What it means")
          .column<&T::packets>("packets", "packets", "sendto(2)", "Packets sent with this protocol")
          .build();
  return info;
}

}  // namespace hostcheck::facts
