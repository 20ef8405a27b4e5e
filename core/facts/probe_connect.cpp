#include "core/facts/probe_connect.h"

namespace hostcheck::facts {

const TableInfo& ProbeConnect::table() {
  using P = ProbeConnect;
  static const TableInfo info =
      TableBuilder<P>("probe_connects", "TCP connects of probes, one row each address of a target")
          .key<&P::probe>("probe", "", "hostcheck", "Number of the probe, as in probe_results")
          .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .column<&P::name>("name", "", "who asked", "Name of the target; NULL where it is an address")
          .key<&P::address>("address", "", "name servers, hosts file, who asked", "Address that was connected to")
          .column<&P::port>("port", "", "who asked", "Port that was connected to")
          .column<&P::source>("source", "", "name servers, hosts file", "Who said that the name has this address")
          .column<&P::ttl_s>("ttl_s", "s", "RFC 1035 TTL", "How long the address may be kept")
          .column<&P::outcome>("outcome", "", "connect(2)",
                               "open, refused, timed_out, unreachable (an ICMP error, or the next hop is not found), "
                               "reset (after it was open), no_route, no_source, "
                               "not_tried (connections wait in the queue of this host's own listener), failed")
          .column<&P::by>("refused_by", "", "the error queue, IP_RECVERR", "Who refused and with what")
          .column<&P::syns>("syns", "packets", "TCP_INFO", "SYNs sent")
          .column<&P::time_ms>("time_ms", "ms", "CLOCK_MONOTONIC", "From the SYN to what came of it")
          .column<&P::local_address>("local_address", "", "getsockname(2)", "Source address that the kernel took")
          .column<&P::local_port>("local_port", "", "getsockname(2)", "Source port of the last try")
          .column<&P::own_address>("own_address", "", "getifaddrs(3)", "Whether the address is this namespace's own")
          .column<&P::next_hop>(
              "next_hop", "", "RTM_GETROUTE, RTM_GETNEIGH",
              "Next hop that ARP or NDP does not find, which makes the address unreachable; else NULL")
          .column<&P::next_hop_state>("next_hop_state", "", "RTM_GETNEIGH NDA_STATE",
                                      "State of its neighbour entry: failed or incomplete")
          .column<&P::words>("words", "", "the answers", "The same in a sentence")
          .build();
  return info;
}

}  // namespace hostcheck::facts
