// What was seen during the observation window: handshakes, drops, resets, retransmissions, ICMP errors. Every row is of
// this window alone; nothing here counts since boot. A table that no method could fill is absent, with the reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// How a row came to be known.
enum class Witness : std::uint8_t {
  none,
  bpf,        // seen packet by packet by a program in the kernel
  sock_diag,  // difference of two samples of a socket's own counters
};
[[nodiscard]] std::string_view name_of(Witness witness);

enum class Direction : std::uint8_t { in, out, forwarded };
// "in": towards this namespace's own address; "out": from one; "forwarded": through it
[[nodiscard]] std::string_view name_of(Direction direction);

// Handshakes at one local address and port.
struct SynSummary {
  Symbol netns;
  IpAddress address;
  std::uint16_t port = 0;
  bool listening = false;          // a socket listens there
  std::uint64_t received = 0;      // SYNs received, repetitions among them
  std::uint64_t repeated = 0;      // of those, repetitions
  std::uint64_t attempts = 0;      // connection attempts: received without repetitions
  std::uint64_t answered = 0;      // attempts that were answered by a SYN-ACK
  std::uint64_t synacks = 0;       // SYN-ACKs sent, repetitions among them
  std::uint64_t completed = 0;     // connections that became ESTABLISHED
  std::uint64_t refused = 0;       // RSTs sent in answer to a SYN
  std::uint64_t unanswered = 0;    // attempts with neither SYN-ACK nor RST, older than the grace at the window's end
  std::uint64_t acks_dropped = 0;  // answered attempts that never completed because their last ACK was dropped
  // SYNs and last ACKs that the listener itself dropped, repetitions among them; NULL where its functions are not
  // traced
  std::optional<std::uint64_t> listener_dropped_syns;
  std::optional<std::uint64_t> listener_dropped_acks;
  std::uint64_t untracked = 0;         // SYNs counted here of which no single row could be kept
  std::optional<std::uint64_t> peers;  // source addresses of the unanswered attempts; NULL when some are untracked
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

// Why a SYN was not answered, in the terms of the finding ids.
enum class SynReason : std::uint8_t {
  unknown,
  accept_queue_full,
  syn_queue_full,
  firewall,
  conntrack_full,
  reverse_path_filter,
  paws,
  no_listener,
  tcp_md5,
  socket_filter,
  memory,
  listener_refused,  // the listener dropped it and its queues were not full: no route back, LSM, no memory
  other_drop,        // the kernel told a reason that has no name of its own here: see drop_reason
  answer_lost,       // the SYN-ACK never left the host, or left again and again and was not acknowledged
  no_answer,         // outgoing: nothing came back
};
[[nodiscard]] std::string_view name_of(SynReason reason);

enum class Certainty : std::uint8_t {
  unknown,   // nothing speaks for any reason
  inferred,  // witnesses around it agree and exclude the others
  seen,      // the kernel told the reason of this very packet
};
[[nodiscard]] std::string_view name_of(Certainty certainty);

// Where a handshake came to nothing.
enum class HandshakeStage : std::uint8_t {
  syn,     // the SYN was not answered
  synack,  // the SYN-ACK was dropped on its way out, or left again and again and was not acknowledged
  ack,     // the last ACK was dropped: the client believes that it is connected
};
[[nodiscard]] std::string_view name_of(HandshakeStage stage);

// One connection attempt without an answer, or whose answer or last ACK was lost.
struct UnansweredSyn {
  Symbol netns;
  Direction direction = Direction::in;
  IpAddress peer;  // who sent the SYN (in, forwarded) or should have answered it (out)
  std::uint16_t peer_port = 0;
  IpAddress local;  // the other end
  std::uint16_t local_port = 0;
  bool listening = false;  // a socket listens on local and local_port (in)
  HandshakeStage stage = HandshakeStage::syn;
  std::uint32_t attempts = 0;  // SYNs, repetitions among them
  std::uint32_t dropped = 0;   // drop events that named its own packets of the stage
  std::uint32_t first_ms = 0;  // since the window's start
  std::uint32_t last_ms = 0;
  bool timestamp_option = false;
  std::optional<std::uint32_t> timestamp_value;  // TSval of its last SYN
  Symbol ifname;
  SynReason reason = SynReason::unknown;
  Certainty certainty = Certainty::unknown;
  Symbol drop_reason;  // the kernel's own name, where a drop event named this packet
  Symbol drop_place;   // kernel function that reported it
  Symbol witnesses;    // in words: what speaks for the reason
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

// Packets that the kernel threw away, by reason and place.
struct Drop {
  Symbol netns;
  Symbol reason;  // name from the running kernel's enum skb_drop_reason; NULL where it tells none
  Symbol place;   // kernel function
  Family family = Family::none;
  Symbol protocol;  // "tcp", "udp", "icmp", "icmpv6" or the number
  std::uint16_t port = 0;
  Symbol ifname;
  std::uint64_t packets = 0;
  bool tracked = false;  // the example had a conntrack entry
  IpAddress example_source;
  std::uint16_t example_source_port = 0;
  IpAddress example_destination;
  Symbol example_flags;  // TCP flags of the example
  std::uint32_t first_ms = 0;
  std::uint32_t last_ms = 0;
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

enum class ResetBy : std::uint8_t {
  unknown,
  stack,      // sent by this host's TCP
  firewall,   // sent by this host, not by its TCP: a reject rule
  peer,       // received, and it looks like the connection's other packets
  something,  // received, with a TTL that does not fit the connection's other packets
  forwarded,  // between others, through this host
};
[[nodiscard]] std::string_view name_of(ResetBy by);

// RSTs of one connection in one direction.
struct Reset {
  Symbol netns;
  Direction direction = Direction::in;
  ResetBy by = ResetBy::unknown;
  IpAddress local;
  std::uint16_t local_port = 0;
  IpAddress peer;
  std::uint16_t peer_port = 0;
  Symbol reason;  // sent by the stack: name from the running kernel's enum sk_rst_reason; NULL where it tells none
  Symbol state;   // TCP state of the socket then; NULL where none had it
  bool answers_syn = false;  // in answer to a SYN that no one took
  std::uint32_t packets = 0;
  std::optional<std::uint32_t> ttl;        // of the RST
  std::optional<std::uint32_t> usual_ttl;  // of the connection's other packets in the window
  std::optional<std::uint32_t> ip_id;
  std::optional<std::uint32_t> usual_ip_id;
  bool ttl_fits = true;  // false only when both TTLs are known and differ
  std::uint32_t last_ms = 0;
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

enum class SegmentKind : std::uint8_t { data, syn, synack };
[[nodiscard]] std::string_view name_of(SegmentKind kind);

struct Retransmission {
  Symbol netns;
  SegmentKind kind = SegmentKind::data;
  IpAddress local;
  std::uint16_t local_port = 0;
  IpAddress peer;
  std::uint16_t peer_port = 0;
  std::uint64_t segments = 0;
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

// A source whose SYNs' timestamps run backwards: several machines behind one address, one that restarted, or one whose
// kernel gives every connection an offset of its own (recent Linux does). Only same_tuple can trip PAWS.
struct TimestampBackwards {
  Symbol netns;
  IpAddress peer;
  IpAddress local;
  std::uint64_t syns = 0;
  std::uint64_t backwards = 0;
  std::uint64_t same_tuple = 0;  // of those, SYNs that use an earlier connection's addresses and ports again
  std::uint32_t largest_step = 0;
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

enum class IcmpError : std::uint8_t { other, fragmentation_needed, unreachable, time_exceeded, parameter_problem };
[[nodiscard]] std::string_view name_of(IcmpError error);

struct IcmpErrorCount {
  Symbol netns;
  Direction direction = Direction::in;
  IcmpError error = IcmpError::other;
  Family family = Family::none;
  std::uint32_t type = 0;
  std::uint32_t code = 0;
  IpAddress sender;
  IpAddress target;  // where the packet that it is about was going
  Symbol protocol;
  std::uint16_t target_port = 0;
  std::optional<std::uint32_t> mtu;
  std::uint64_t packets = 0;
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

// A listener over the window: what it dropped, how full it was.
struct ListenerWatch {
  Symbol netns;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
  std::uint64_t drops = 0;             // increase of SK_MEMINFO_DROPS: 1 a refused SYN, 2 a refused final ACK
  std::uint32_t accept_limit = 0;      // backlog; the queue holds one more
  std::uint32_t accept_queue_max = 0;  // over the samples
  std::uint32_t accept_queue_min = 0;
  std::uint32_t accept_queue_end = 0;
  std::uint32_t half_open_max = 0;
  std::uint32_t samples = 0;
  std::uint32_t samples_full = 0;  // samples with more than accept_limit waiting
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

// What a program took from the accept queue of a port; sockets that share the port (SO_REUSEPORT) are one row.
struct Accepts {
  Symbol netns;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint32_t sockets = 0;             // that listen there
  std::optional<std::uint32_t> pid;      // lowest of the processes that hold one of them; NULL where none was found
  Symbol process;                        // its name
  std::uint64_t established = 0;         // handshakes that ended in the accept queue
  std::uint64_t taken = 0;               // connections that left it by accept(2)
  std::uint32_t accept_queue_start = 0;  // waiting when the window began, or when the socket was first seen
  std::uint32_t accept_queue_end = 0;
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

// A row a kind of event: how many were seen and could not be kept. Any other number than 0 means that rows are missing.
struct LostEvents {
  Symbol map;  // table that the rows are missing from
  std::uint64_t lost = 0;
  std::uint64_t limit = 0;  // rows that it can hold
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
