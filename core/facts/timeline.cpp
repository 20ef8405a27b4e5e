#include "core/facts/timeline.h"

namespace hostcheck::facts {

const TableInfo& QueueSample::table() {
  using Q = QueueSample;
  static const TableInfo info =
      TableBuilder<Q>("queue_samples",
                      "Queues of listening sockets over the observation; like samples in a row are one row")
          .key<&Q::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&Q::address>("address", "", "sock_diag idiag_src", "Address")
          .key<&Q::port>("port", "", "sock_diag idiag_sport", "Port")
          .key<&Q::inode>("inode", "", "sock_diag idiag_inode", "Socket")
          .key<&Q::from_ms>("from_ms", "ms", "CLOCK_MONOTONIC",
                            "First of these samples, since the observation began; 25 ms or more lie between two, four "
                            "times as much while no queue is over half its limit and no listener drops, and more where "
                            "a sample costs much")
          .column<&Q::until_ms>("until_ms", "ms", "CLOCK_MONOTONIC", "Last of these samples")
          .column<&Q::samples>("samples", "", "hostcheck", "How many they are")
          .column<&Q::accept_queue>("accept_queue", "connections", "sock_diag idiag_rqueue",
                                    "Waited to be accepted; the most, where a long observation puts samples together")
          .column<&Q::accept_limit>("accept_limit", "connections", "sock_diag idiag_wqueue",
                                    "Backlog that binds; the queue holds one more")
          .column<&Q::half_open>("half_open", "connections", "BPF iterator icsk_accept_queue.qlen; sock_diag SYN_RECV",
                                 "Handshakes under way when they were last counted, which is done less often")
          .column<&Q::drops>("drops", "events", "sock_diag SK_MEMINFO_DROPS",
                             "Dropped since the observation began: 1 a refused SYN, 2 a refused final ACK")
          .column<&Q::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&Q::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& DropSample::table() {
  using D = DropSample;
  static const TableInfo info =
      TableBuilder<D>("drop_samples", "Packets that the kernel threw away, by slice of the observation and reason")
          .key<&D::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&D::reason>("reason", "", "tracepoint kfree_skb, enum skb_drop_reason",
                           "The running kernel's own name for the reason; NULL where it tells none")
          .key<&D::place>("place", "", "tracepoint kfree_skb location", "Kernel function that threw it away")
          .key<&D::from_ms>("from_ms", "ms", "CLOCK_MONOTONIC", "Begin of the slice, since the observation began")
          .column<&D::until_ms>("until_ms", "ms", "CLOCK_MONOTONIC", "End of the slice")
          .column<&D::packets>("packets", "packets", "tracepoint kfree_skb", "Thrown away in it")
          .column<&D::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&D::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

}  // namespace hostcheck::facts
