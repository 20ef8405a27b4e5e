#include "ruleset.h"

#include <algorithm>
#include <iterator>

namespace {

// The kernel forbids deeper jumps (NFT_JUMP_STACK_SIZE).
constexpr int kDeepest = 16;
// A packet tries at most so many rules here; more are a ruleset that only the kernel can walk.
constexpr int kMostSteps = 200'000;

// Order of the hooks: those of packets that come in, then those of packets that leave.
constexpr int kFirstOutgoing = 3;
int stage_of(std::string_view hook) {
  constexpr std::string_view kHooks[] = {"ingress", "prerouting", "input", "output", "postrouting", "egress"};
  const auto found = std::find(std::begin(kHooks), std::end(kHooks), hook);
  return found == std::end(kHooks) ? -1 : static_cast<int>(found - std::begin(kHooks));
}

bool ends_chain(std::string_view verdict) {
  return verdict == "accept" || verdict == "reject" || verdict == "queue" || verdict == "snat" || verdict == "dnat" ||
         verdict == "masquerade" || verdict == "redirect" || verdict == "tproxy";
}

std::string place_of(const Rule& rule) {
  std::string place(rule.family);
  return place.append(" ").append(rule.table).append(" ").append(rule.chain).append(", rule ") +
         std::to_string(rule.position);
}

}  // namespace

Ruleset::Body& Ruleset::body_of(const Name& name) {
  Body& body = bodies_[name];
  body.name = name;
  return body;
}

Ruleset::Ruleset(const std::vector<const Rule*>& rules, const std::vector<const Chain*>& chains) {
  for (const Chain* each : chains) {
    Body& body = body_of({each->backend, each->family, each->table, each->chain});
    body.chain = each;
    body.hook = each->hook;
    body.priority = each->priority;
  }
  for (const Rule* each : rules) {
    Body& body = body_of({each->backend, each->family, each->table, each->chain});
    body.rules.push_back(each);
    if (body.chain != nullptr) continue;
    body.hook = each->hook;
    body.priority = each->priority;
  }
  for (const auto& [name, body] : bodies_) {
    if (stage_of(body.hook) >= 0) bases_.push_back(&body);
  }
  std::stable_sort(bases_.begin(), bases_.end(), [](const Body* a, const Body* b) {
    return std::pair(stage_of(a->hook), a->priority) < std::pair(stage_of(b->hook), b->priority);
  });
}

Ruleset::End Ruleset::through(const Body& body, Walk& walk, Match sure, const std::string& way, int depth) const {
  for (const Rule* rule : body.rules) {
    if (++walk.steps > kMostSteps || depth > kDeepest) return End::back;
    const Match match = weaker(sure, matches(*rule, walk.packet));
    if (match == Match::no) continue;
    const std::string here = way + (way.empty() ? "" : " > ") + place_of(*rule);
    if (rule->verdict == "drop") {
      // A counter that stood still while packets were dropped tells that it was not this one.
      if (rule->packets == 0) continue;
      walk.suspects.push_back({rule, nullptr, match, here});
      if (match == Match::yes) return End::dropped;
    } else if (ends_chain(rule->verdict)) {
      if (match == Match::yes) return End::over;
      sure = Match::maybe, walk.unsure = true;
    } else if (rule->verdict == "return") {
      if (match == Match::yes) return End::back;
      sure = Match::maybe, walk.unsure = true;
    } else if (rule->verdict == "jump" || rule->verdict == "goto") {
      const auto target = bodies_.find({rule->backend, rule->family, rule->table, rule->target});
      if (target == bodies_.end()) continue;
      const End end = through(target->second, walk, match, here, depth + 1);
      if (match == Match::yes && end != End::back) return end;
      if (match == Match::yes && rule->verdict == "goto") return End::back;
      if (end != End::back) sure = Match::maybe, walk.unsure = true;
    }
  }
  return End::back;
}

// Whether the packet passes by the interface of a netdev chain. Of one that came in by a VLAN or bridge the interface
// below is not told.
Match Ruleset::device_of(const Body& base, const Packet& packet) {
  if (base.chain == nullptr || base.chain->device.empty()) return Match::yes;
  const bool same = interface_in(base.chain->device, packet.outgoing ? "" : packet.interface) == Match::yes;
  return same ? Match::yes : Match::maybe;
}

std::vector<Suspect> Ruleset::walk(const Packet& packet) const {
  Walk walk{packet, {}, 0, false};
  const bool six = packet.source.find(':') != std::string_view::npos;
  for (const Body* base : bases_) {
    const std::string_view family = std::get<1>(base->name);
    if (packet.outgoing != (stage_of(base->hook) >= kFirstOutgoing)) continue;
    if (family == "bridge" || family == "arp" || family == (six ? "ip" : "ip6")) continue;
    const Match here = device_of(*base, packet);
    walk.unsure = here == Match::maybe;
    const End end = through(*base, walk, here, "", 0);
    if (end == End::dropped) break;
    if (end == End::over || base->chain == nullptr || base->chain->policy != "drop") continue;
    if (base->chain->packets == 0) continue;
    std::string place(family);
    place.append(" ").append(base->chain->table).append(" ").append(base->chain->chain).append(", policy");
    walk.suspects.push_back({nullptr, base->chain, walk.unsure ? Match::maybe : Match::yes, place});
    if (!walk.unsure) break;
  }
  return walk.suspects;
}
