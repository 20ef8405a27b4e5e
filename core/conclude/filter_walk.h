// What the packet filter of this host makes of one packet, as far as its rules alone can tell.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/facts/facts.h"

namespace hostcheck::conclude {

// The first packet of a flow that this host sends.
struct FilterPacket {
  IpAddress src;  // empty: not known
  IpAddress dst;
  std::string protocol;     // "tcp", "udp", "icmp", "icmpv6"
  std::uint16_t dport = 0;  // 0: not known, or the protocol has none
  std::string iif, oif;     // "" where the hook has none
};

enum class Passage : std::uint8_t { passes, drops, rejects, unknown };
// "passes", "drops", "rejects", "unknown"
[[nodiscard]] std::string_view name_of(Passage passage);

struct FilterVerdict {
  Passage passage = Passage::passes;
  std::size_t chains = 0;  // base chains that were walked
  std::string where;       // "nft inet filter output", chain of the rule that decides or cannot be decided
  std::string rule;        // its text, or "policy drop"
  std::string source;      // "netfilter_rules" row: "rule 4, handle 11"
  std::string rewrite;     // address translation that would be applied; "" for none
};

// Walks the base chains of a hook ("output", "postrouting", "prerouting", "input") in the order of their priorities, by
// the tables netfilter_chains and netfilter_rules. A rule whose match cannot be decided makes the verdict unknown only
// where it would change it: a rule that might drop before the packet is accepted, or might accept before it is dropped.
[[nodiscard]] FilterVerdict walk_filter(const facts::Facts& facts, std::string_view netns, std::string_view hook,
                                        const FilterPacket& packet);

}  // namespace hostcheck::conclude
