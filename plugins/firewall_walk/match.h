// Whether a rule of the packet filter matches a packet, as far as the rule's columns tell.
#pragma once

#include <cstdint>
#include <string_view>

// The order matters: the weaker of two is the smaller.
enum class Match { no, maybe, yes };
inline Match weaker(Match a, Match b) {
  return a < b ? a : b;
}

// A packet of a handshake as the observation saw it.
struct Packet {
  std::string_view source, destination;  // addresses as text
  std::int64_t source_port = 0, destination_port = 0;
  std::string_view interface;  // that it came in by; "" where it was not told
  bool outgoing = false;       // the SYN-ACK
  bool first = true;           // the SYN, new to connection tracking
};

// One row of netfilter_rules.
struct Rule {
  std::string_view netns, backend, family, table, chain, hook, text, verdict, target;
  std::string_view protocol, sport, dport, src, dst, iif, oif, ct_state;
  std::int64_t priority = 0, position = 0, packets = -1;  // packets: counted meanwhile, -1 without a counter
  bool plain = false;
};

[[nodiscard]] Match matches(const Rule& rule, const Packet& packet);

// Parts of it, each on a column's text; "" matches anything, a leading ! turns it round, a set's name (@...) is maybe.
[[nodiscard]] Match port_in(std::string_view list, std::int64_t port);
[[nodiscard]] Match address_in(std::string_view list, std::string_view address);
[[nodiscard]] Match interface_in(std::string_view list, std::string_view name);  // name: "" where it is not told
