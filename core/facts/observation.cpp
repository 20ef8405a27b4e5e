#include "core/facts/observation.h"

namespace hostcheck::facts {

std::string_view name_of(Witness witness) {
  switch (witness) {
    case Witness::none:
      return "";
    case Witness::bpf:
      return "bpf";
    case Witness::sock_diag:
      return "sock_diag";
  }
  return "";
}

std::string_view name_of(Direction direction) {
  switch (direction) {
    case Direction::in:
      return "in";
    case Direction::out:
      return "out";
    case Direction::forwarded:
      return "forwarded";
  }
  return "";
}

std::string_view name_of(SynReason reason) {
  switch (reason) {
    case SynReason::unknown:
      return "unknown";
    case SynReason::accept_queue_full:
      return "accept_queue_full";
    case SynReason::syn_queue_full:
      return "syn_queue_full";
    case SynReason::firewall:
      return "firewall";
    case SynReason::conntrack_full:
      return "conntrack_full";
    case SynReason::reverse_path_filter:
      return "reverse_path_filter";
    case SynReason::paws:
      return "paws";
    case SynReason::no_listener:
      return "no_listener";
    case SynReason::tcp_md5:
      return "tcp_md5";
    case SynReason::socket_filter:
      return "socket_filter";
    case SynReason::memory:
      return "memory";
    case SynReason::listener_refused:
      return "listener_refused";
    case SynReason::other_drop:
      return "other_drop";
    case SynReason::answer_lost:
      return "answer_lost";
    case SynReason::no_answer:
      return "no_answer";
  }
  return "";
}

std::string_view name_of(HandshakeStage stage) {
  switch (stage) {
    case HandshakeStage::syn:
      return "syn";
    case HandshakeStage::synack:
      return "synack";
    case HandshakeStage::ack:
      return "ack";
  }
  return "";
}

std::string_view name_of(Certainty certainty) {
  switch (certainty) {
    case Certainty::unknown:
      return "unknown";
    case Certainty::inferred:
      return "inferred";
    case Certainty::seen:
      return "seen";
  }
  return "";
}

std::string_view name_of(ResetBy by) {
  switch (by) {
    case ResetBy::unknown:
      return "unknown";
    case ResetBy::stack:
      return "stack";
    case ResetBy::firewall:
      return "firewall";
    case ResetBy::peer:
      return "peer";
    case ResetBy::something:
      return "something";
    case ResetBy::forwarded:
      return "forwarded";
  }
  return "";
}

std::string_view name_of(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::data:
      return "data";
    case SegmentKind::syn:
      return "SYN";
    case SegmentKind::synack:
      return "SYN-ACK";
  }
  return "";
}

std::string_view name_of(IcmpError error) {
  switch (error) {
    case IcmpError::other:
      return "other";
    case IcmpError::fragmentation_needed:
      return "fragmentation_needed";
    case IcmpError::unreachable:
      return "unreachable";
    case IcmpError::time_exceeded:
      return "time_exceeded";
    case IcmpError::parameter_problem:
      return "parameter_problem";
  }
  return "";
}

const TableInfo& SynSummary::table() {
  static const TableInfo info =
      TableBuilder<SynSummary>("syns", "TCP handshakes at each local address and port during the observation")
          .key<&SynSummary::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&SynSummary::address>("address", "", "IP destination", "Address that the SYNs went to")
          .key<&SynSummary::port>("port", "", "TCP destination port", "Port that the SYNs went to")
          .column<&SynSummary::listening>("listening", "", "sock_diag", "Whether a socket listens there")
          .column<&SynSummary::received>("received", "packets", "handshake trace",
                                         "SYNs received, repetitions among them")
          .column<&SynSummary::repeated>("repeated", "packets", "handshake trace", "SYNs received again")
          .column<&SynSummary::attempts>("attempts", "", "handshake trace",
                                         "Connection attempts: SYNs without their repetitions")
          .column<&SynSummary::answered>("answered", "", "handshake trace", "Attempts that were answered by a SYN-ACK")
          .column<&SynSummary::synacks>("synacks", "packets", "handshake trace",
                                        "SYN-ACKs sent, repetitions among them")
          .column<&SynSummary::completed>("completed", "", "inet_sock_set_state SYN_RECV to ESTABLISHED",
                                          "Connections that were established")
          .column<&SynSummary::refused>("refused", "packets", "handshake trace", "RSTs sent in answer to a SYN")
          .column<&SynSummary::unanswered>("unanswered", "", "handshake trace", "Attempts that got no answer at all")
          .column<&SynSummary::acks_dropped>(
              "acks_dropped", "", "handshake trace, kfree_skb",
              "Answered attempts that never completed because their last ACK was dropped")
          .column<&SynSummary::listener_dropped_syns>(
              "listener_dropped_syns", "packets", "fexit of tcp_conn_request",
              "SYNs that the listener itself dropped, repetitions among them; NULL where that cannot be traced")
          .column<&SynSummary::listener_dropped_acks>("listener_dropped_acks", "packets",
                                                      "fexit of tcp_check_req and tcp_get_cookie_sock",
                                                      "Last ACKs that the listener itself dropped; likewise")
          .column<&SynSummary::untracked>("untracked", "packets", "handshake trace",
                                          "SYNs that are counted here while no row of their own could be kept")
          .column<&SynSummary::peers>("peers", "", "handshake trace",
                                      "Addresses that the unanswered attempts came from")
          .column<&SynSummary::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&SynSummary::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& UnansweredSyn::table() {
  static const TableInfo info =
      TableBuilder<UnansweredSyn>("unanswered_syns",
                                  "Connection attempts that came to nothing during the observation, one row each")
          .key<&UnansweredSyn::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&UnansweredSyn::direction>("direction", "", "handshake trace",
                                          "in: to this namespace; out: from it; forwarded: through it")
          .key<&UnansweredSyn::peer>("peer", "", "handshake trace",
                                     "Who sent the SYN, or for out: who did not answer it")
          .key<&UnansweredSyn::peer_port>("peer_port", "", "handshake trace", "Port of the peer")
          .key<&UnansweredSyn::local>("local", "", "handshake trace",
                                      "The other end: for in, the address that was asked")
          .key<&UnansweredSyn::local_port>("local_port", "", "handshake trace", "Its port")
          .column<&UnansweredSyn::listening>("listening", "", "sock_diag", "Whether a socket listens there")
          .column<&UnansweredSyn::stage>("stage", "", "handshake trace",
                                         "How far it came: syn: the SYN was not answered; synack: the SYN-ACK was "
                                         "dropped or not acknowledged; ack: the last ACK was dropped")
          .column<&UnansweredSyn::attempts>("attempts", "packets", "handshake trace",
                                            "SYNs seen, repetitions among them")
          .column<&UnansweredSyn::dropped>("dropped", "packets", "kfree_skb",
                                           "Packets of that stage that the kernel told to have dropped")
          .column<&UnansweredSyn::first_ms>("first_ms", "ms", "bpf_ktime_get_ns",
                                            "First SYN, since the start of the observation")
          .column<&UnansweredSyn::last_ms>("last_ms", "ms", "bpf_ktime_get_ns",
                                           "Last SYN, since the start of the observation")
          .column<&UnansweredSyn::timestamp_option>("timestamp_option", "", "TCP option 8",
                                                    "Whether the SYN had a timestamp")
          .column<&UnansweredSyn::timestamp_value>("timestamp_value", "", "TCP option 8 TSval", "The timestamp")
          .column<&UnansweredSyn::ifname>("ifname", "", "skb->dev", "Interface")
          .column<&UnansweredSyn::reason>("reason", "", "several witnesses", "Why it was not answered")
          .column<&UnansweredSyn::certainty>(
              "certainty", "", "", "seen: the kernel told it of this packet; inferred: the witnesses agree; unknown")
          .column<&UnansweredSyn::drop_reason>("drop_reason", "", "kfree_skb reason",
                                               "The kernel's own word, where it told one of this packet")
          .column<&UnansweredSyn::drop_place>("drop_place", "", "kfree_skb location", "Kernel function that dropped it")
          .column<&UnansweredSyn::witnesses>("witnesses", "", "", "What speaks for the reason, in words")
          .column<&UnansweredSyn::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&UnansweredSyn::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& Drop::table() {
  static const TableInfo info =
      TableBuilder<Drop>("drops", "Packets that the kernel threw away during the observation, by reason and place")
          .key<&Drop::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&Drop::reason>("reason", "", "kfree_skb reason, named by BTF enum skb_drop_reason",
                              "Why, in the kernel's own word")
          .key<&Drop::place>("place", "", "kfree_skb location", "Kernel function")
          .key<&Drop::family>("family", "", "IP version", "inet or inet6")
          .key<&Drop::protocol>("protocol", "", "IP protocol", "tcp, udp, ...")
          .key<&Drop::port>("port", "", "destination port", "Port that the packets went to; 0 where there is none")
          .key<&Drop::ifname>("ifname", "", "skb->dev", "Interface")
          .column<&Drop::packets>("packets", "packets", "kfree_skb", "Packets")
          .column<&Drop::tracked>("tracked", "", "skb->_nfct", "Whether the example had a conntrack entry")
          .column<&Drop::example_source>("example_source", "", "IP header", "Source of one of them")
          .column<&Drop::example_source_port>("example_source_port", "", "TCP or UDP header", "Its port")
          .column<&Drop::example_destination>("example_destination", "", "IP header", "Destination of the same")
          .column<&Drop::example_flags>("example_flags", "", "TCP header", "Its TCP flags")
          .column<&Drop::first_ms>("first_ms", "ms", "bpf_ktime_get_ns", "First, since the start of the observation")
          .column<&Drop::last_ms>("last_ms", "ms", "bpf_ktime_get_ns", "Last")
          .column<&Drop::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&Drop::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& Reset::table() {
  static const TableInfo info =
      TableBuilder<Reset>("resets", "TCP resets during the observation, a row for each connection and direction")
          .key<&Reset::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&Reset::direction>("direction", "", "handshake trace", "in, out or forwarded")
          .column<&Reset::by>("by", "", "tcp_send_reset, TTL",
                              "Who sent it: stack, firewall, peer, something (on the way), forwarded")
          .key<&Reset::local>("local", "", "handshake trace", "Address on this side")
          .key<&Reset::local_port>("local_port", "", "handshake trace", "Port on this side")
          .key<&Reset::peer>("peer", "", "handshake trace", "Address on the other side")
          .key<&Reset::peer_port>("peer_port", "", "handshake trace", "Port on the other side")
          .column<&Reset::reason>("reason", "", "tcp_send_reset reason, named by BTF enum sk_rst_reason",
                                  "Why this host's stack sent it")
          .column<&Reset::state>("state", "", "sock.skc_state", "State of the connection then")
          .column<&Reset::answers_syn>("answers_syn", "", "handshake trace",
                                       "Whether it answers a SYN that nobody took")
          .column<&Reset::packets>("packets", "packets", "handshake trace", "RSTs")
          .column<&Reset::ttl>("ttl", "hops", "IP header", "TTL or hop limit of the RST")
          .column<&Reset::usual_ttl>("usual_ttl", "hops", "IP header", "The same of the connection's other packets")
          .column<&Reset::ip_id>("ip_id", "", "IP header", "IP identification of the RST")
          .column<&Reset::usual_ip_id>("usual_ip_id", "", "IP header", "The same of its packet before")
          .column<&Reset::ttl_fits>("ttl_fits", "", "", "0 when both TTLs are known and differ")
          .column<&Reset::last_ms>("last_ms", "ms", "bpf_ktime_get_ns", "Last, since the start of the observation")
          .column<&Reset::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&Reset::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& Retransmission::table() {
  static const TableInfo info =
      TableBuilder<Retransmission>("retransmits",
                                   "TCP segments that were sent again during the observation, by connection")
          .key<&Retransmission::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&Retransmission::kind>("kind", "", "tcp_retransmit_skb, tcp_retransmit_synack", "data, SYN or SYN-ACK")
          .key<&Retransmission::local>("local", "", "sock", "Own address")
          .key<&Retransmission::local_port>("local_port", "", "sock", "Own port")
          .key<&Retransmission::peer>("peer", "", "sock", "Peer")
          .key<&Retransmission::peer_port>("peer_port", "", "sock", "Port of the peer")
          .column<&Retransmission::segments>("segments", "packets", "tracepoint", "Segments sent again")
          .column<&Retransmission::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&Retransmission::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& TimestampBackwards::table() {
  static const TableInfo info =
      TableBuilder<TimestampBackwards>(
          "timestamps_backwards",
          "Sources whose SYN timestamps ran backwards during the observation: several machines behind one address")
          .key<&TimestampBackwards::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&TimestampBackwards::peer>("peer", "", "IP source", "Source of the SYNs")
          .key<&TimestampBackwards::local>("local", "", "IP destination", "Where they went")
          .column<&TimestampBackwards::syns>("syns", "packets", "handshake trace", "SYNs with timestamps from it")
          .column<&TimestampBackwards::backwards>("backwards", "packets", "handshake trace",
                                                  "SYNs with a lower timestamp than the one before")
          .column<&TimestampBackwards::same_tuple>("same_tuple", "packets", "handshake trace",
                                                   "Of those, SYNs that use an earlier connection's addresses and "
                                                   "ports again: the ones that PAWS can refuse")
          .column<&TimestampBackwards::largest_step>("largest_step", "ticks", "TCP option 8 TSval",
                                                     "Largest step backwards")
          .column<&TimestampBackwards::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&TimestampBackwards::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& IcmpErrorCount::table() {
  static const TableInfo info =
      TableBuilder<IcmpErrorCount>("icmp_errors", "ICMP and ICMPv6 errors during the observation")
          .key<&IcmpErrorCount::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&IcmpErrorCount::direction>("direction", "", "handshake trace", "in or out")
          .column<&IcmpErrorCount::error>("error", "", "ICMP type and code",
                                          "fragmentation_needed, unreachable, time_exceeded, parameter_problem")
          .key<&IcmpErrorCount::family>("family", "", "IP version", "inet or inet6")
          .key<&IcmpErrorCount::type>("type", "", "ICMP type", "Type")
          .key<&IcmpErrorCount::code>("code", "", "ICMP code", "Code")
          .key<&IcmpErrorCount::sender>("sender", "", "IP source", "Who sent the error")
          .key<&IcmpErrorCount::target>("target", "", "inner IP header", "Where the packet was going that it is about")
          .key<&IcmpErrorCount::protocol>("protocol", "", "inner IP header", "Protocol of that packet")
          .key<&IcmpErrorCount::target_port>("target_port", "", "inner header", "Its destination port")
          .column<&IcmpErrorCount::mtu>("mtu", "bytes", "ICMP next-hop MTU", "MTU that the message tells")
          .column<&IcmpErrorCount::packets>("packets", "packets", "handshake trace", "Errors")
          .column<&IcmpErrorCount::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&IcmpErrorCount::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& ListenerWatch::table() {
  static const TableInfo info =
      TableBuilder<ListenerWatch>("listener_drops",
                                  "Listening sockets over the observation: what each dropped, and how full it was")
          .key<&ListenerWatch::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&ListenerWatch::address>("address", "", "sock_diag idiag_src", "Address")
          .key<&ListenerWatch::port>("port", "", "sock_diag idiag_sport", "Port")
          .key<&ListenerWatch::inode>("inode", "", "sock_diag idiag_inode", "Socket")
          .column<&ListenerWatch::drops>(
              "drops", "events", "sock_diag SK_MEMINFO_DROPS",
              "Increase of the listener's own drop count: 1 a refused SYN, 2 a refused final ACK")
          .column<&ListenerWatch::accept_limit>("accept_limit", "connections", "sock_diag idiag_wqueue",
                                                "Backlog that binds")
          .column<&ListenerWatch::accept_queue_max>("accept_queue_max", "connections", "sock_diag idiag_rqueue",
                                                    "Most that waited to be accepted, over the samples")
          .column<&ListenerWatch::accept_queue_min>("accept_queue_min", "connections", "sock_diag idiag_rqueue",
                                                    "Fewest")
          .column<&ListenerWatch::accept_queue_end>("accept_queue_end", "connections", "sock_diag idiag_rqueue",
                                                    "At the end")
          .column<&ListenerWatch::half_open_max>("half_open_max", "connections", "sock_diag SYN_RECV",
                                                 "Most half-open connections, over the samples")
          .column<&ListenerWatch::samples>("samples", "", "", "Samples taken")
          .column<&ListenerWatch::samples_full>("samples_full", "", "sock_diag idiag_rqueue, idiag_wqueue",
                                                "Samples in which more than the limit waited")
          .column<&ListenerWatch::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&ListenerWatch::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& Accepts::table() {
  static const TableInfo info =
      TableBuilder<Accepts>("accepts",
                            "What programs took from the accept queues during the observation, by address and port")
          .key<&Accepts::netns>("netns", "", "namespace of the device or socket", "Network namespace")
          .key<&Accepts::address>("address", "", "sock_diag idiag_src", "Address")
          .key<&Accepts::port>("port", "", "sock_diag idiag_sport", "Port")
          .column<&Accepts::sockets>("sockets", "", "sock_diag", "Sockets that listen there: more than one share it")
          .column<&Accepts::pid>("pid", "", "/proc/PID/fd", "Process that holds one of them, the lowest")
          .column<&Accepts::process>("process", "", "/proc/PID/comm", "Its name")
          .column<&Accepts::established>("established", "connections", "inet_sock_set_state SYN_RECV to ESTABLISHED",
                                         "Connections that came into the accept queue")
          .column<&Accepts::taken>("taken", "connections", "inet_sock_set_state and accept queue",
                                   "Connections that the program took from it")
          .column<&Accepts::accept_queue_start>("accept_queue_start", "connections", "sk_ack_backlog",
                                                "Waiting to be accepted when it was first seen")
          .column<&Accepts::accept_queue_end>("accept_queue_end", "connections", "sk_ack_backlog", "Waiting at the end")
          .column<&Accepts::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&Accepts::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

const TableInfo& LostEvents::table() {
  static const TableInfo info =
      TableBuilder<LostEvents>("lost_events", "Events of the observation that were seen and could not be kept")
          .key<&LostEvents::map>("map", "", "", "Table that rows are missing from")
          .column<&LostEvents::lost>("lost", "events", "BPF map full", "Events that did not fit")
          .column<&LostEvents::limit>("limit", "rows", "", "Rows that it can hold")
          .column<&LostEvents::span_ms>("span_ms", "ms", "", "Length of the observation")
          .column<&LostEvents::source>("source", "", "", "How it was seen: bpf or sock_diag")
          .observed()
          .build();
  return info;
}

}  // namespace hostcheck::facts
