// The tables of handshakes: what each port was asked, and the attempts that came to nothing.
#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "core/observe/infer.h"
#include "core/observe/tables.h"

namespace hostcheck::observe {
namespace {

using facts::Direction;
using facts::HandshakeStage;
using facts::Witness;

// A SYN younger than this at the window's end may still be answered.
constexpr std::uint64_t kGraceNs = 100'000'000;
// An own SYN counts as unanswered when it was sent again, or after TCP's first retransmission time-out.
constexpr std::uint64_t kOwnGraceNs = 1'000'000'000;

bool is_settled(const observe_flow& flow) {
  return flow.reset_in != 0 || flow.reset_out != 0 || flow.completed != 0;
}

// Whether the latest attempt of these ports got no answer.
bool is_unanswered(const Seen& seen, const observe_flow& flow, Direction direction) {
  if (flow.answered_ns != 0 || is_settled(flow)) return false;
  const std::uint64_t end = seen.record.ended_ns;
  if (direction == Direction::in) {
    return flow.syns_in > 0 &&
           (flow.syns_in > 1 || flow.drops > 0 || flow.synack_drops > 0 || flow.last_ns + kGraceNs < end);
  }
  return std::max(flow.syns_in, flow.syns_out) > 1 || flow.last_ns + kOwnGraceNs < end;
}

// Where an attempt came to nothing; nothing for one that did not, or that may still succeed.
std::optional<HandshakeStage> stage_of(const Seen& seen, const observe_flow& flow, Direction direction) {
  const bool unanswered = is_unanswered(seen, flow, direction);
  if (unanswered && flow.synack_drops > 0 && flow.drops == 0) return HandshakeStage::synack;
  if (unanswered || flow.earlier_attempts > 0) return HandshakeStage::syn;
  if (direction != Direction::in || is_settled(flow)) return std::nullopt;
  if (flow.ack_drops > 0 || flow.refused_acks > 0) return HandshakeStage::ack;
  if (flow.synacks_out > 1) return HandshakeStage::synack;  // sent again: the first was not acknowledged in time
  return std::nullopt;
}

// Attempts without an answer that the row stands for: those before on the same ports, and the latest.
std::uint64_t unanswered_attempts(const Seen& seen, const observe_flow& flow, Direction direction) {
  return flow.earlier_attempts + (is_unanswered(seen, flow, direction) ? 1 : 0);
}

SynStory story_of(const Seen& seen, const observe_flow& flow, HandshakeStage stage) {
  SynStory story;
  story.stage = stage;
  story.refusals_traced = seen.record.has_refused_syns;
  story.timestamp_option = flow.has_timestamp != 0;
  story.synacks = flow.synacks_out;
  const auto dropped = [&](std::uint32_t packets, std::uint32_t reason, std::uint64_t place) {
    story.dropped = packets;
    if (packets == 0) return;
    story.drop_reason = drop_word(seen, reason);
    story.drop_place = place_of(seen, place);
  };
  switch (stage) {
    case HandshakeStage::syn:
      dropped(flow.drops, flow.drop_reason, flow.drop_place);
      story.drop_has_conntrack = flow.drop_has_conntrack != 0;
      if (flow.refused_syns > 0) story.refusal = Refusal{flow.accept_queue, flow.accept_limit, flow.half_open};
      break;
    case HandshakeStage::synack:
      dropped(flow.synack_drops, flow.synack_drop_reason, flow.synack_drop_place);
      story.drop_has_conntrack = true;  // an answer: it is no new connection to conntrack
      break;
    case HandshakeStage::ack:
      dropped(flow.ack_drops, flow.ack_drop_reason, flow.ack_drop_place);
      story.drop_has_conntrack = true;
      if (flow.refused_acks > 0) story.refusal = Refusal{flow.accept_queue, flow.accept_limit, flow.half_open};
      break;
  }
  return story;
}

// Both ends may send a SYN at the same time (RFC 9293, 3.5): then the SYN-ACK answers the other's, and the connection
// is established all the same.
class Met {
 public:
  explicit Met(const TraceRecord& record) {
    for (const auto& [key, flow] : record.flows) {
      if (flow.answered_ns != 0 || flow.completed != 0) answered_.insert(name_of(key, false));
    }
  }
  [[nodiscard]] bool the_other_way(const observe_flow_key& key) const { return answered_.contains(name_of(key, true)); }

 private:
  using Name = std::tuple<std::uint32_t, std::uint16_t, std::uint16_t, std::string_view, std::string_view>;
  static Name name_of(const observe_flow_key& key, bool reversed) {
    const std::string_view source(reinterpret_cast<const char*>(key.source.bytes), sizeof key.source.bytes);
    const std::string_view destination(reinterpret_cast<const char*>(key.destination.bytes), sizeof key.source.bytes);
    return reversed ? Name{key.netns, key.destination_port, key.source_port, destination, source}
                    : Name{key.netns, key.source_port, key.destination_port, source, destination};
  }
  std::set<Name> answered_;
};

std::uint32_t syns_of(const Seen& seen, const observe_flow& flow, Direction direction, HandshakeStage stage) {
  std::uint32_t syns = flow.earlier_syns;
  if (stage != HandshakeStage::syn || is_unanswered(seen, flow, direction)) {
    syns += direction == Direction::in ? flow.syns_in : std::max(flow.syns_in, flow.syns_out);
  }
  return syns;
}

}  // namespace

void fill_syns(const Seen& seen, facts::Facts& out) {
  struct Lost {
    std::uint64_t attempts = 0;
    std::uint64_t acks = 0;
    std::set<IpAddress> peers;
  };
  std::map<std::pair<std::uint32_t, std::pair<IpAddress, std::uint16_t>>, Lost> lost;
  const Met met(seen.record);
  for (const auto& [key, flow] : seen.record.flows) {
    const Surroundings* around = around_of(seen, key.netns);
    const IpAddress destination = address_of(key.destination);
    if (around == nullptr || !around->is_local(destination) || met.the_other_way(key)) continue;
    const std::uint64_t unanswered = unanswered_attempts(seen, flow, Direction::in);
    const bool ack_lost = stage_of(seen, flow, Direction::in) == HandshakeStage::ack;
    if (unanswered == 0 && !ack_lost) continue;
    Lost& entry = lost[{key.netns, {destination, key.destination_port}}];
    entry.attempts += unanswered;
    if (ack_lost) ++entry.acks;
    if (unanswered > 0) entry.peers.insert(address_of(key.source));
  }
  auto& rows = out.rows<facts::SynSummary>();
  for (const auto& [key, service] : seen.record.services) {
    const Surroundings* around = around_of(seen, key.netns);
    const IpAddress address = address_of(key.address);
    if (around == nullptr || !around->is_local(address)) continue;
    facts::SynSummary row;
    row.netns = out.intern(around->netns().name);
    row.address = address;
    row.port = key.port;
    row.listening = around->listener_for(address, key.port).has_value();
    row.received = service.syns;
    row.repeated = service.repeated;
    row.attempts = service.syns - std::min(service.syns, service.repeated);
    row.answered = service.answered;
    row.synacks = service.synacks;
    row.completed = service.completed;
    row.refused = service.resets;
    row.untracked = service.untracked;
    if (seen.record.has_refused_syns) row.listener_dropped_syns = service.refused_syns;
    if (seen.record.has_refused_acks) row.listener_dropped_acks = service.refused_acks;
    const auto found = lost.find({key.netns, {address, key.port}});
    if (found != lost.end()) {
      row.unanswered = found->second.attempts;
      row.acks_dropped = found->second.acks;
    }
    if (service.untracked == 0) {
      row.peers = found == lost.end() ? 0 : found->second.peers.size();
    } else {
      // Single attempts did not fit; the port's own counts still hold.
      const std::uint64_t settled = row.synacks + row.refused;
      row.unanswered = row.attempts > settled ? row.attempts - settled : 0;
    }
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  }
}

void fill_unanswered_syns(const Seen& seen, facts::Facts& out) {
  auto& rows = out.rows<facts::UnansweredSyn>();
  const Met met(seen.record);
  for (const auto& [key, flow] : seen.record.flows) {
    const Surroundings* around = around_of(seen, key.netns);
    if (around == nullptr) continue;
    const IpAddress source = address_of(key.source);
    const IpAddress destination = address_of(key.destination);
    const Direction direction = direction_of(*around, source, destination);
    const auto stage = stage_of(seen, flow, direction);
    if (!stage || met.the_other_way(key)) continue;
    SynStory story = story_of(seen, flow, *stage);
    std::optional<WatchedListener> listener;
    if (direction == Direction::in) listener = around->listener_for(destination, key.destination_port);
    story.listener = listener ? &*listener : nullptr;
    SynVerdict verdict;
    if (direction == Direction::in || story.dropped > 0) {
      verdict = infer_reason(story, *around);
      // A last ACK that is dropped for no reason told: so is the bare one under TCP_DEFER_ACCEPT, and nothing is lost.
      if (*stage == HandshakeStage::ack && verdict.certainty == facts::Certainty::unknown) continue;
    } else {
      verdict.reason = facts::SynReason::no_answer;
      verdict.certainty = facts::Certainty::seen;
      const std::uint32_t syns = syns_of(seen, flow, direction, *stage);
      verdict.witnesses = fmt::format("{} SYN{} left and nothing came back", syns, syns == 1 ? "" : "s");
    }
    facts::UnansweredSyn row;
    row.netns = out.intern(around->netns().name);
    row.direction = direction;
    const bool incoming = direction != Direction::out;
    row.peer = incoming ? source : destination;
    row.peer_port = incoming ? key.source_port : key.destination_port;
    row.local = incoming ? destination : source;
    row.local_port = incoming ? key.destination_port : key.source_port;
    row.attempts = syns_of(seen, flow, direction, *stage);
    row.first_ms = since_start(seen, flow.first_ns);
    row.last_ms = since_start(seen, flow.last_ns);
    row.timestamp_option = story.timestamp_option;
    if (row.timestamp_option) row.timestamp_value = flow.ts_value;
    row.ifname = interface_of(seen, out, key.netns, flow.ifindex);
    row.listening = listener.has_value();
    row.stage = *stage;
    row.dropped = story.dropped;
    if (story.dropped > 0) {
      row.drop_reason = out.intern(story.drop_reason);
      row.drop_place = out.intern(story.drop_place);
    }
    row.reason = verdict.reason;
    row.certainty = verdict.certainty;
    row.witnesses = out.intern(verdict.witnesses);
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    rows.push_back(row);
  }
}

}  // namespace hostcheck::observe
