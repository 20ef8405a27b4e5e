#include "core/observe/rounds.h"

#include <algorithm>
#include <set>
#include <utility>

namespace hostcheck::observe {
namespace {

// An attempt younger than this may still be answered: TCP's first retransmission time-out (RFC 6298).
constexpr std::uint64_t kGraceNs = 1'000'000'000;
// What is fine is forgotten after this time. Until then a SYN that uses the ports again is known as that.
constexpr std::uint64_t kKeptNs = 60'000'000'000;
// A source's last timestamp is compared with its next one for as long as this.
constexpr std::uint64_t kSourceKeptNs = 600'000'000'000;

bool is_older(std::uint64_t then_ns, std::uint64_t age_ns, std::uint64_t now_ns) {
  return then_ns + age_ns < now_ns;
}

// Subtracts the former counts; whether any moved.
bool subtract(observe_service& now, const observe_service& then) {
  now.syns -= then.syns;
  now.repeated -= then.repeated;
  now.synacks -= then.synacks;
  now.answered -= then.answered;
  now.completed -= then.completed;
  now.resets -= then.resets;
  now.untracked -= then.untracked;
  now.refused_syns -= then.refused_syns;
  now.refused_acks -= then.refused_acks;
  return (now.syns | now.synacks | now.completed | now.resets | now.untracked | now.refused_syns | now.refused_acks) !=
         0;
}
bool subtract(observe_drop& now, const observe_drop& then) {
  now.count -= then.count;
  return now.count != 0;
}
bool subtract(observe_reset& now, const observe_reset& then) {
  now.wire -= then.wire;
  now.stack -= then.stack;
  return (now.wire | now.stack) != 0;
}
bool subtract(std::uint64_t& now, std::uint64_t then) {
  now -= then;
  return now != 0;
}
bool subtract(observe_source& now, const observe_source& then) {
  now.syns -= then.syns;
  now.backwards -= then.backwards;
  now.same_tuple -= then.same_tuple;
  return now.syns != 0;
}
bool subtract(observe_icmp& now, const observe_icmp& then) {
  now.count -= then.count;
  return now.count != 0;
}

observe_flow_key reversed(const observe_flow_key& key) {
  observe_flow_key other = key;
  std::swap(other.source, other.destination);
  std::swap(other.source_port, other.destination_port);
  return other;
}

struct FlowOrder {
  bool operator()(const observe_flow_key& a, const observe_flow_key& b) const {
    return std::memcmp(&a, &b, sizeof a) < 0;
  }
};

// Takes the undecided attempts out. Both ends may send a SYN at the same time: the two are told in one round.
void keep_decided(MapRows<observe_flow_key, observe_flow>& flows, std::uint64_t now_ns,
                  std::vector<observe_flow_key>& outdated) {
  std::set<observe_flow_key, FlowOrder> undecided;
  for (const auto& [key, flow] : flows) {
    if (attempt_of(flow, now_ns) == Attempt::undecided) undecided.insert(key);
  }
  std::erase_if(flows, [&](const auto& row) {
    return !undecided.empty() && (undecided.contains(row.first) || undecided.contains(reversed(row.first)));
  });
  const bool crowded = flows.size() + undecided.size() > OBSERVE_FLOWS / 2;
  for (const auto& [key, flow] : flows) {
    const bool told = attempt_of(flow, now_ns) == Attempt::told;
    if (told || is_older(flow.last_ns, crowded ? kGraceNs : kKeptNs, now_ns)) outdated.push_back(key);
  }
}

}  // namespace

Attempt attempt_of(const observe_flow& flow, std::uint64_t now_ns) {
  const bool settled = flow.reset_in != 0 || flow.reset_out != 0 || flow.completed != 0;
  const bool in_trouble = flow.earlier_attempts > 0;
  if (settled) return in_trouble ? Attempt::told : Attempt::fine;
  if (flow.answered_ns == 0) {
    const bool young = std::max(flow.syns_in, flow.syns_out) <= 1 && !is_older(flow.last_ns, kGraceNs, now_ns);
    return young ? Attempt::undecided : Attempt::told;
  }
  if (flow.synacks_out > 0) {
    // The last ACK of the handshake may be on its way.
    if (!is_older(std::max(flow.answered_ns, flow.last_ns), kGraceNs, now_ns)) return Attempt::undecided;
    if (flow.ack_drops > 0 || flow.refused_acks > 0 || flow.synacks_out > 1) return Attempt::told;
  }
  return in_trouble ? Attempt::told : Attempt::fine;
}

std::vector<observe_flow_key> crowding_out(const MapRows<observe_flow_key, observe_flow>& flows, std::uint64_t now_ns) {
  std::vector<observe_flow_key> keys;
  if (flows.size() <= OBSERVE_FLOWS / 2) return keys;
  for (const auto& [key, flow] : flows) {
    if (attempt_of(flow, now_ns) == Attempt::fine && is_older(flow.last_ns, kGraceNs, now_ns)) keys.push_back(key);
  }
  return keys;
}

// Leaves in rows what moved since the former round. keep: whether a row that did not move stays in the map.
template <typename Key, typename Row, typename Keep>
void Rounds::differ(MapRows<Key, Row>& rows, Former<Key, Row>& former, std::vector<Key>& outdated, const Keep& keep) {
  Former<Key, Row> latest;
  MapRows<Key, Row> moved;
  for (auto& [key, row] : rows) {
    Row difference = row;
    const auto found = former.find(key);
    if (subtract(difference, found == former.end() ? Row{} : found->second)) {
      moved.emplace_back(key, difference);
    } else if (!keep(row)) {
      outdated.push_back(key);
      continue;
    }
    latest.emplace(key, row);
  }
  rows = std::move(moved);
  former = std::move(latest);
}

TraceRecord Rounds::next(TraceRecord whole, Outdated& outdated) {
  const auto never = [](const auto&) { return false; };
  const std::uint64_t now = whole.ended_ns;
  if (ended_ns_ != 0) whole.started_ns = ended_ns_;
  ended_ns_ = now;
  keep_decided(whole.flows, now, outdated.flows);
  differ(whole.services, services_, outdated.services, never);
  differ(whole.drops, drops_, outdated.drops, never);
  differ(whole.resets, resets_, outdated.resets, never);
  differ(whole.retransmits, retransmits_, outdated.retransmits, never);
  differ(whole.icmp_errors, icmp_errors_, outdated.icmp_errors, never);
  const bool crowded = whole.sources.size() > OBSERVE_SOURCES / 2;
  differ(whole.sources, sources_, outdated.sources,
         [&](const observe_source& row) { return !is_older(row.last_ns, crowded ? kGraceNs : kSourceKeptNs, now); });
  for (auto& [key, drop] : whole.drops) drop.first_ns = std::max<std::uint64_t>(drop.first_ns, whole.started_ns);
  const observe_lost lost = whole.lost;
  whole.lost.flows -= lost_.flows;
  whole.lost.services -= lost_.services;
  whole.lost.drops -= lost_.drops;
  whole.lost.resets -= lost_.resets;
  whole.lost.retransmits -= lost_.retransmits;
  whole.lost.sources -= lost_.sources;
  whole.lost.icmp -= lost_.icmp;
  lost_ = lost;
  return whole;
}

}  // namespace hostcheck::observe
