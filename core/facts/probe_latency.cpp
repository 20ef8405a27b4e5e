#include "core/facts/probe_latency.h"

namespace hostcheck::facts {

const TableInfo& ProbeLatency::table() {
  using P = ProbeLatency;
  constexpr std::string_view kDelay = "ICMP echo or connect(2)";
  constexpr std::string_view kLoad = "UDP datagrams of the probe";
  static const TableInfo info =
      TableBuilder<P>("probe_latency", "Delay to a target without and with a small load of the probe's own")
          .key<&P::probe>("probe", "", "probe_results", "Number of the probe")
          .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .column<&P::address>("address", "", "who asked", "Target")
          .column<&P::port>("port", "", "who asked", "Its TCP port; 0: none was given")
          .column<&P::method>("method", "", "hostcheck", "echo; connect where echo is not answered")
          .column<&P::outcome>(
              "outcome", "", kDelay,
              "steady; queueing: the delay grows under load; stalls: answers stop for a time under load "
              "and go on; silent: nothing is answered; unclear")
          .column<&P::idle_sent>("idle_sent", "packets", kDelay, "Questions without load")
          .column<&P::idle_answered>("idle_answered", "packets", kDelay, "Of these, answered")
          .column<&P::base_ms>("base_ms", "ms", kDelay, "Shortest delay: the distance")
          .column<&P::idle_median_ms>("idle_median_ms", "ms", kDelay, "Median delay without load")
          .column<&P::idle_max_ms>("idle_max_ms", "ms", kDelay, "Longest delay without load")
          .column<&P::idle_gap_ms>("idle_gap_ms", "ms", kDelay, "Longest time without an answer, without load")
          .column<&P::loaded_sent>("loaded_sent", "packets", kDelay, "Questions from the load's begin to the end")
          .column<&P::loaded_answered>("loaded_answered", "packets", kDelay, "Of these, answered")
          .column<&P::loaded_median_ms>("loaded_median_ms", "ms", kDelay, "Median delay of these")
          .column<&P::loaded_high_ms>("loaded_high_ms", "ms", kDelay, "Delay of these that nine of ten do not pass")
          .column<&P::loaded_max_ms>("loaded_max_ms", "ms", kDelay, "Longest delay of these")
          .column<&P::loaded_gap_ms>("loaded_gap_ms", "ms", kDelay,
                                     "Longest time without an answer under load, after which answers came again")
          .column<&P::load_packets>("load_packets", "packets", kLoad, "Packets of the load")
          .column<&P::load_bytes>("load_bytes", "bytes", kLoad, "Bytes of the load, IP headers included")
          .column<&P::load_ms>("load_ms", "ms", kLoad, "Time in which they were sent")
          .build();
  return info;
}

}  // namespace hostcheck::facts
