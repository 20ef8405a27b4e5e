#include "core/facts/probe_listener.h"

namespace hostcheck::facts {

const TableInfo& ProbeListener::table() {
  using P = ProbeListener;
  static const TableInfo info =
      TableBuilder<P>("probe_listener", "Own listeners that were watched and, with nobody waiting, connected to")
          .key<&P::probe>("probe", "", "probe_results", "Number of the probe")
          .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .column<&P::address>("address", "", "who asked", "Address")
          .column<&P::port>("port", "", "who asked", "TCP port")
          .column<&P::outcome>(
              "outcome", "", "sock_diag, connect(2)",
              "accepting; slow; not_accepting: the first in the queue stayed there; overflow: the queue "
              "is full or drops; closed: nobody listens; no_answer: a connect got none; no_reply: it accepts, and "
              "nothing came back for what send= sent; deferred: the "
              "listener waits for data before it accepts (TCP_DEFER_ACCEPT); unclear")
          .column<&P::listeners>("listeners", "sockets", "sock_diag", "Sockets that take connections to it")
          .column<&P::queue_before>("queue_before", "connections", "sock_diag idiag_rqueue",
                                    "Connections that waited to be accepted when the probe began")
          .column<&P::queue_limit>("queue_limit", "connections", "sock_diag idiag_wqueue", "Limit of that queue")
          .column<&P::queue_max>("queue_max", "connections", "sock_diag idiag_rqueue", "Most that were seen waiting")
          .column<&P::queue_after>("queue_after", "connections", "sock_diag idiag_rqueue", "Waiting when it ended")
          .column<&P::oldest_before_ms>("oldest_before_ms", "ms", "sock_diag tcpi_last_data_recv, inode 0",
                                        "How long the first of them had waited when the probe began; NULL: none")
          .column<&P::oldest_after_ms>("oldest_after_ms", "ms", "sock_diag tcpi_last_data_recv, inode 0",
                                       "How long the first of them had waited when it ended; NULL: none")
          .column<&P::same_oldest>(
              "same_oldest", "", "sock_diag cookie",
              "Whether the first in the queue is the same as when the probe began; NULL: none waited")
          .column<&P::drops>("drops", "packets", "sock_diag SK_MEMINFO_DROPS",
                             "SYNs and ACKs that it dropped while it was watched")
          .column<&P::watched_ms>("watched_ms", "ms", "CLOCK_MONOTONIC", "How long its queue was watched")
          .column<&P::connects>("connects", "connections", "connect(2)", "Connections that the probe made")
          .column<&P::accepted>("accepted", "connections", "sock_diag inode", "Of these, accepted by the program")
          .column<&P::accept_median_ms>("accept_median_ms", "ms", "sock_diag inode",
                                        "Median time from established to accepted")
          .column<&P::accept_max_ms>("accept_max_ms", "ms", "sock_diag inode",
                                     "Longest time from established to accepted")
          .column<&P::sent_bytes>("sent_bytes", "bytes", "send(2)", "Data that send= had sent; NULL: none was")
          .column<&P::answer_ms>("answer_ms", "ms", "CLOCK_MONOTONIC",
                                 "From then to the first byte that came back, a greeting or an answer; NULL: none came")
          .column<&P::answer>("answer", "", "recv(2)", "First line of what came back, up to 80 bytes")
          .build();
  return info;
}

}  // namespace hostcheck::facts
