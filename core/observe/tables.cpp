#include "core/observe/tables.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/observe/infer.h"

namespace hostcheck::observe {
namespace {

using facts::Direction;
using facts::Witness;

Symbol protocol_name(facts::Facts& out, std::uint8_t protocol) {
  switch (protocol) {
    case 1:
      return out.intern("icmp");
    case 6:
      return out.intern("tcp");
    case 17:
      return out.intern("udp");
    case 58:
      return out.intern("icmpv6");
    default:
      return out.intern(std::to_string(protocol));
  }
}

}  // namespace

void fill_drops(const Seen& seen, facts::Facts& out) {
  auto& rows = out.rows<facts::Drop>();
  for (const auto& [key, drop] : seen.record.drops) {
    const Surroundings* around = around_of(seen, key.netns);
    if (around == nullptr) continue;
    facts::Drop row;
    row.netns = out.intern(around->netns().name);
    row.reason = out.intern(drop_word(seen, key.reason));
    row.place = out.intern(place_of(seen, key.place));
    row.family = key.family == 4 ? Family::ipv4 : key.family == 6 ? Family::ipv6 : Family::none;
    if (key.family != 0) {
      row.protocol = protocol_name(out, key.protocol);
      row.example_source = address_of(drop.source);
      row.example_destination = address_of(drop.destination);
    }
    row.port = key.port;
    row.ifname = interface_of(seen, out, key.netns, key.ifindex);
    row.packets = drop.count;
    row.tracked = drop.has_conntrack != 0;
    row.example_source_port = drop.source_port;
    if (key.protocol == 6) {
      static constexpr std::array<std::string_view, 8> kFlags = {"FIN", "SYN", "RST", "PSH",
                                                                 "ACK", "URG", "ECE", "CWR"};
      std::string flags;
      for (std::size_t bit = 0; bit < kFlags.size(); ++bit) {
        if ((drop.tcp_flags >> bit & 1) != 0) flags += (flags.empty() ? "" : ",") + std::string(kFlags[bit]);
      }
      row.example_flags = out.intern(flags);
    }
    row.first_ms = since_start(seen, drop.first_ns);
    row.last_ms = since_start(seen, drop.last_ns);
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  }
}

void fill_resets(const Seen& seen, facts::Facts& out) {
  static constexpr std::array<std::string_view, 13> kStates = {
      "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
      "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "SYN_RECV"};
  auto& rows = out.rows<facts::Reset>();
  for (const auto& [key, reset] : seen.record.resets) {
    const Surroundings* around = around_of(seen, key.netns);
    if (around == nullptr) continue;
    const IpAddress source = address_of(key.source);
    const IpAddress destination = address_of(key.destination);
    const bool sent = key.direction == OBSERVE_OUT;
    const bool from_here = around->is_local(source);
    const bool to_here = around->is_local(destination);
    // A forwarded RST is seen coming and going, and so is one on loopback: one row is enough.
    if (!from_here && !to_here && sent) continue;
    if (from_here && !sent) continue;
    if (!from_here && to_here && sent) continue;
    facts::Reset row;
    row.netns = out.intern(around->netns().name);
    row.direction = from_here ? Direction::out : to_here ? Direction::in : Direction::forwarded;
    row.local = from_here ? source : destination;
    row.local_port = from_here ? key.source_port : key.destination_port;
    row.peer = from_here ? destination : source;
    row.peer_port = from_here ? key.destination_port : key.source_port;
    row.packets = std::max(reset.wire, sent ? reset.stack : 0U);
    row.answers_syn = reset.answers_syn != 0;
    if (reset.state < kStates.size()) row.state = out.intern(kStates[reset.state]);
    if (reset.wire > 0) {
      row.ttl = reset.ttl;
      row.ip_id = reset.ip_id;
    }
    if (reset.usual_ttl != 0) {
      row.usual_ttl = reset.usual_ttl;
      row.usual_ip_id = reset.usual_ip_id;
      row.ttl_fits = reset.usual_ttl == reset.ttl;
    }
    if (row.direction == Direction::out) {
      row.by = reset.stack > 0 ? facts::ResetBy::stack : facts::ResetBy::firewall;
      if (reset.stack > 0 && seen.record.has_reset_reasons) {
        const auto found = seen.names.reset_reasons.find(reset.reason);
        if (found != seen.names.reset_reasons.end()) row.reason = out.intern(found->second);
      }
    } else if (row.direction == Direction::in) {
      row.by = !row.usual_ttl ? facts::ResetBy::unknown
               : row.ttl_fits ? facts::ResetBy::peer
                              : facts::ResetBy::something;
    } else {
      row.by = facts::ResetBy::forwarded;
    }
    row.last_ms = since_start(seen, reset.last_ns);
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  }
}

void fill_retransmits(const Seen& seen, facts::Facts& out) {
  auto& rows = out.rows<facts::Retransmission>();
  for (const auto& [key, count] : seen.record.retransmits) {
    const Surroundings* around = around_of(seen, key.netns);
    if (around == nullptr) continue;
    facts::Retransmission row;
    row.netns = out.intern(around->netns().name);
    row.kind = key.kind == OBSERVE_RETRANSMIT_SYN      ? facts::SegmentKind::syn
               : key.kind == OBSERVE_RETRANSMIT_SYNACK ? facts::SegmentKind::synack
                                                       : facts::SegmentKind::data;
    row.local = address_of(key.local);
    row.local_port = key.local_port;
    row.peer = address_of(key.remote);
    row.peer_port = key.remote_port;
    row.segments = count;
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  }
}

void fill_timestamps_backwards(const Seen& seen, facts::Facts& out) {
  auto& rows = out.rows<facts::TimestampBackwards>();
  for (const auto& [key, source] : seen.record.sources) {
    const Surroundings* around = around_of(seen, key.netns);
    if (around == nullptr || source.backwards == 0 || !around->is_local(address_of(key.destination))) continue;
    facts::TimestampBackwards row;
    row.netns = out.intern(around->netns().name);
    row.peer = address_of(key.address);
    row.local = address_of(key.destination);
    row.syns = source.syns;
    row.backwards = source.backwards;
    row.same_tuple = source.same_tuple;
    row.largest_step = source.largest_step;
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  }
}

void fill_icmp_errors(const Seen& seen, facts::Facts& out) {
  using facts::IcmpError;
  auto& rows = out.rows<facts::IcmpErrorCount>();
  for (const auto& [key, icmp] : seen.record.icmp_errors) {
    const Surroundings* around = around_of(seen, key.netns);
    if (around == nullptr) continue;
    facts::IcmpErrorCount row;
    row.netns = out.intern(around->netns().name);
    row.direction = key.direction == OBSERVE_OUT ? Direction::out : Direction::in;
    row.family = key.family == 4 ? Family::ipv4 : Family::ipv6;
    row.type = key.type;
    row.code = key.code;
    const bool v4 = key.family == 4;
    const bool too_big = v4 ? key.type == 3 && key.code == 4 : key.type == 2;
    const bool unreachable = v4 ? key.type == 3 : key.type == 1;
    const bool exceeded = v4 ? key.type == 11 : key.type == 3;
    row.error = too_big       ? IcmpError::fragmentation_needed
                : unreachable ? IcmpError::unreachable
                : exceeded    ? IcmpError::time_exceeded
                              : IcmpError::parameter_problem;
    row.sender = address_of(key.sender);
    row.target = address_of(key.target);
    row.protocol = protocol_name(out, key.protocol);
    row.target_port = key.target_port;
    if (icmp.mtu != 0) row.mtu = icmp.mtu;
    row.packets = icmp.count;
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  }
}

void fill_lost_events(const Seen& seen, facts::Facts& out) {
  auto& rows = out.rows<facts::LostEvents>();
  const observe_lost& lost = seen.record.lost;
  const auto add = [&](std::string_view table, std::uint64_t events, std::uint64_t limit) {
    facts::LostEvents row;
    row.map = out.intern(table);
    row.lost = events;
    row.limit = limit;
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  };
  add("unanswered_syns", lost.flows, OBSERVE_FLOWS);
  add("syns", lost.services, OBSERVE_SERVICES);
  add("drops", lost.drops, OBSERVE_DROPS);
  add("resets", lost.resets, OBSERVE_RESETS);
  add("retransmits", lost.retransmits, OBSERVE_RETRANSMITS);
  add("timestamps_backwards", lost.sources, OBSERVE_SOURCES);
  add("icmp_errors", lost.icmp, OBSERVE_ICMP);
}

void note_lost(const observe_lost& lost, const facts::Request& request, facts::Facts& out) {
  constexpr std::string_view kShorter = "observe for a shorter time";
  const auto note = [&](std::string_view table, std::uint64_t events, std::uint64_t limit, std::string_view holds) {
    if (events == 0 || request.find(table) == request.end()) return;
    out.add_absence(table, {},
                    make_error(ErrorCode::limit, "observe", table,
                               fmt::format("{} events did not fit its {} rows; {}", events, limit, holds)),
                    kShorter);
  };
  note("unanswered_syns", lost.flows, OBSERVE_FLOWS, "the rows that are there and the counts of each port hold");
  note("syns", lost.services, OBSERVE_SERVICES, "the ports that are there and the listeners' own counts hold");
  note("drops", lost.drops, OBSERVE_DROPS, "the rows that are there hold");
  note("drop_samples", lost.drops, OBSERVE_DROPS, "the rows that are there hold");
  note("resets", lost.resets, OBSERVE_RESETS, "the rows that are there hold");
  note("retransmits", lost.retransmits, OBSERVE_RETRANSMITS, "the rows that are there and the counters hold");
  note("timestamps_backwards", lost.sources, OBSERVE_SOURCES, "the sources that are there hold");
  note("icmp_errors", lost.icmp, OBSERVE_ICMP, "the rows that are there hold");
}

void fill_listener_drops(const std::map<std::uint32_t, Surroundings>& around, std::chrono::milliseconds span,
                         facts::Facts& out) {
  auto& rows = out.rows<facts::ListenerWatch>();
  for (const auto& [inode, place] : around) {
    for (const auto& [cookie, listener] : place.listeners()) {
      facts::ListenerWatch row;
      row.netns = out.intern(place.netns().name);
      row.address = listener.address;
      row.port = listener.port;
      row.inode = listener.inode;
      row.drops = listener.drops();
      row.accept_limit = listener.accept_limit;
      row.accept_queue_max = listener.queue_max;
      row.accept_queue_min = listener.queue_min;
      row.accept_queue_end = listener.queue_last;
      row.half_open_max = listener.half_open_max;
      row.samples = listener.samples;
      row.samples_full = listener.samples_full;
      row.span_ms = static_cast<std::uint32_t>(span.count());
      row.source = Witness::sock_diag;
      rows.push_back(row);
    }
  }
}

}  // namespace hostcheck::observe
