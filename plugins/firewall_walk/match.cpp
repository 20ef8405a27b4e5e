#include "match.h"

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

#include <arpa/inet.h>

namespace {

// Bytes of an address in network order; size 4 or 16, 0 for text that is none.
struct Address {
  std::array<unsigned char, 16> bytes{};
  std::size_t size = 0;
};

Address parse(std::string_view text) {
  Address address;
  const std::string terminated(text);
  if (::inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
    address.size = 4;
  } else if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
    address.size = 16;
  }
  return address;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Match turned(Match match) {
  return match == Match::yes ? Match::no : match == Match::no ? Match::yes : Match::maybe;
}

// Asks `one` of each item of a list with commas: yes when any matches.
template <typename One>
Match any_of(std::string_view list, One one) {
  if (list.empty()) return Match::yes;
  if (list.front() == '!') return turned(any_of(list.substr(list.find_first_not_of("! ")), one));
  Match best = Match::no;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    best = std::max(best, one(item));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return best;
}

bool same_prefix(const Address& a, const Address& b, std::size_t bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) return false;
  const auto rest = static_cast<unsigned>(bits % 8);
  return rest == 0 || (a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest) == 0;
}

Match address_is(std::string_view item, const Address& address) {
  if (const std::size_t slash = item.find('/'); slash != std::string_view::npos) {
    const Address prefix = parse(item.substr(0, slash));
    const auto bits = number(item.substr(slash + 1));
    if (prefix.size == 0 || !bits || *bits < 0 || static_cast<std::size_t>(*bits) > prefix.size * 8)
      return Match::maybe;
    if (prefix.size != address.size) return Match::no;
    return same_prefix(prefix, address, static_cast<std::size_t>(*bits)) ? Match::yes : Match::no;
  }
  if (const std::size_t dash = item.find('-'); dash != std::string_view::npos) {
    const Address first = parse(item.substr(0, dash));
    const Address last = parse(item.substr(dash + 1));
    if (first.size == 0 || last.size != first.size) return Match::maybe;
    if (first.size != address.size) return Match::no;
    return first.bytes <= address.bytes && address.bytes <= last.bytes ? Match::yes : Match::no;
  }
  const Address other = parse(item);
  if (other.size == 0) return Match::maybe;  // a set, or something that is not an address
  return other.size == address.size && other.bytes == address.bytes ? Match::yes : Match::no;
}

// A first SYN is new, what follows is established; whether connection tracking takes it for invalid or leaves it
// untracked is not known.
Match state_in(std::string_view list, bool first) {
  return any_of(list, [&](std::string_view item) {
    if (item == (first ? "new" : "established")) return Match::yes;
    return item == "established" || item == "related" || item == "new" ? Match::no : Match::maybe;
  });
}

Match protocol_in(std::string_view list) {
  return any_of(list, [](std::string_view item) { return item == "tcp" || item == "6" ? Match::yes : Match::no; });
}

bool fits_family(std::string_view family, std::string_view address) {
  const bool six = address.find(':') != std::string_view::npos;
  return family == "inet" || family == "netdev" || family == (six ? "ip6" : "ip");
}

}  // namespace

Match port_in(std::string_view list, std::int64_t port) {
  return any_of(list, [&](std::string_view item) {
    const std::size_t dash = item.find('-');
    const auto first = number(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number(item.substr(dash + 1));
    if (!first || !last) return Match::maybe;
    return *first <= port && port <= *last ? Match::yes : Match::no;
  });
}

Match address_in(std::string_view list, std::string_view address) {
  const Address parsed = parse(address);
  return any_of(list, [&](std::string_view item) { return address_is(item, parsed); });
}

Match interface_in(std::string_view list, std::string_view name) {
  return any_of(list, [&](std::string_view item) {
    if (name.empty()) return Match::maybe;
    if (!item.empty() && item.back() == '*') {
      return name.substr(0, item.size() - 1) == item.substr(0, item.size() - 1) ? Match::yes : Match::no;
    }
    return item == name ? Match::yes : Match::no;
  });
}

Match matches(const Rule& rule, const Packet& packet) {
  if (!fits_family(rule.family, packet.source)) return Match::no;
  Match match = rule.plain ? Match::yes : Match::maybe;
  match = weaker(match, protocol_in(rule.protocol));
  match = weaker(match, port_in(rule.dport, packet.destination_port));
  match = weaker(match, port_in(rule.sport, packet.source_port));
  match = weaker(match, address_in(rule.src, packet.source));
  match = weaker(match, address_in(rule.dst, packet.destination));
  // Which interface a SYN-ACK was about to leave by is not told.
  match = weaker(match, interface_in(packet.outgoing ? rule.oif : rule.iif, packet.outgoing ? "" : packet.interface));
  return weaker(match, state_in(rule.ct_state, packet.first));
}
