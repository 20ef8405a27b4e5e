#include "core/facts/probe_sweep.h"

namespace hostcheck::facts {

const TableInfo& ProbeSweep::table() {
  using P = ProbeSweep;
  static const TableInfo info =
      TableBuilder<P>("probe_sweep", "Sweeps over source ports, one row each address: do flows get lost, or packets?")
          .key<&P::probe>("probe", "", "hostcheck", "Number of the probe, as in probe_results")
          .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .column<&P::name>("name", "", "who asked", "Name of the target; NULL where it is an address")
          .key<&P::address>("address", "", "who asked, name servers", "Address that was swept")
          .column<&P::port>("port", "", "who asked", "Port that the SYNs went to")
          .column<&P::outcome>("outcome", "", "statistics of the answers",
                               "none lost; all lost; deterministic (some ports always, the others never); uneven (some "
                               "ports more than others); random; both (dead ports and random); bursts (losses hit all "
                               "ports at the same time); rate_limited (fewer are lost at a slower pace); unclear")
          .column<&P::pattern>("pattern", "", "the dead ports",
                               "range: they are neighbours, as a filter has it; scattered: as a hash has it")
          .column<&P::method>("method", "", "hostcheck", "raw: half-open SYNs; connect: connections, closed with RST")
          .column<&P::ports>("ports", "", "hostcheck", "Source ports swept")
          .column<&P::rounds>("rounds", "", "hostcheck", "SYNs from the ports that were asked most often")
          .column<&P::sent>("sent", "packets", "sendto(2)", "SYNs sent")
          .column<&P::answered>("answered", "packets", "SO_TIMESTAMPNS", "SYNs answered within 900 ms")
          .column<&P::lost>("lost", "packets", "the answers", "SYNs lost from ports that are not dead")
          .column<&P::dead>("dead", "", "statistics of the answers", "Ports from which every SYN is lost")
          .column<&P::dead_ports>("dead_ports", "", "statistics of the answers", "These ports")
          .column<&P::first_port>("first_port", "", "hostcheck", "Lowest source port")
          .column<&P::last_port>("last_port", "", "hostcheck", "Highest source port")
          .column<&P::loss>("loss", "", "the answers", "Share lost from ports that are not dead")
          .column<&P::slow_loss>("slow_loss", "", "the answers",
                                 "The same at an eighth of the pace, where it was tried")
          .column<&P::error_rate>("error_rate", "", "ports * loss ^ SYNs each",
                                  "Chance that a sweep like this calls any port dead that is not")
          .column<&P::uneven_p>("uneven_p", "", "Cochran's Q, by permutation within rounds",
                                "Chance of so uneven losses among ports that are alike")
          .column<&P::burst_p>("burst_p", "", "permutation over time",
                               "Chance of losses so clustered or so regular in time, were they independent")
          .column<&P::rtt_min_ms>("rtt_min_ms", "ms", "SO_TIMESTAMPNS", "Quickest answer")
          .column<&P::rtt_median_ms>("rtt_median_ms", "ms", "SO_TIMESTAMPNS", "Median answer")
          .column<&P::rtt_max_ms>("rtt_max_ms", "ms", "SO_TIMESTAMPNS", "Slowest answer")
          .column<&P::refused>("refused", "packets", "the answers", "Answers that were RST")
          .column<&P::stops_at>("stops_at", "", "ICMP errors", "What routers said about SYNs from dead ports, and who")
          .column<&P::words>("words", "", "all of it", "The same in a sentence")
          .build();
  return info;
}

const TableInfo& ProbeSweepPort::table() {
  using P = ProbeSweepPort;
  static const TableInfo info =
      TableBuilder<P>("probe_sweep_ports", "Source ports of sweeps, one row each")
          .key<&P::probe>("probe", "", "hostcheck", "Number of the probe, as in probe_results")
          .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .key<&P::address>("address", "", "who asked, name servers", "Address that was swept")
          .column<&P::port>("port", "", "who asked", "Port that the SYNs went to")
          .key<&P::source_port>("source_port", "", "hostcheck", "Port that they came from")
          .column<&P::sent>("sent", "packets", "sendto(2)", "SYNs sent")
          .column<&P::answered>("answered", "packets", "SO_TIMESTAMPNS", "SYNs answered within 900 ms")
          .column<&P::verdict>("verdict", "", "statistics of the answers",
                               "live; dead (every SYN is lost, and not by chance); silent (no answer, unproven)")
          .column<&P::rtt_ms>("rtt_ms", "ms", "SO_TIMESTAMPNS", "Median answer")
          .build();
  return info;
}

}  // namespace hostcheck::facts
