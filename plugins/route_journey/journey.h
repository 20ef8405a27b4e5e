// The way of an answer out of this host, step by step as the kernel walks it: policy rule, table, route, next hop,
// source, egress, neighbour. By facts alone; what these do not tell is said to be unclear, never guessed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <hostcheck/plugin.hpp>

namespace route_journey {

using Whole = std::optional<std::int64_t>;

// An IPv4 or IPv6 address; v4-mapped ones are IPv4.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  unsigned bits = 0;  // 32 or 128
  [[nodiscard]] bool within(const Address& network, unsigned length) const;
  [[nodiscard]] std::string_view family() const { return bits == 32 ? "inet" : "inet6"; }
  friend bool operator==(const Address& a, const Address& b) { return a.bits == b.bits && a.bytes == b.bytes; }
};
std::optional<Address> parse(std::string_view text);

struct Rule {
  std::string_view netns, family, src, dst, iif, oif, ip_proto, sport, dport, uid_range, action, table_name;
  std::int64_t priority = 0;
  Whole fwmark, tos, table, goto_priority, suppress_length, suppress_group;
  bool l3mdev = false, invert = false, detached = false;
};

struct Route {
  std::string_view netns, family, table_name, dst, prefix, type, gateway, ifname, src_prefix;
  std::int64_t table = 0, length = 0, priority = 0, tos = 0, hops = 0;
  bool dead = false;
  std::optional<Address> network;  // dst
  [[nodiscard]] bool covers(const Address& address) const {
    return network && address.within(*network, static_cast<unsigned>(length));
  }
};

struct Link {
  std::string_view netns, ifname, flags, master;
  bool up = false;
  std::optional<bool> carrier;
  Whole mtu;
};

struct Silent {
  std::string_view netns, ifname, address, state;
  Whole probes;
};

struct Facts {
  std::vector<Rule> rules;
  std::vector<Route> routes;
  std::set<std::tuple<std::string_view, std::string_view, std::int64_t>> others;  // netns, family, table of daemons
  std::map<std::pair<std::string_view, std::string_view>, Link> links;            // by netns, ifname
  std::vector<Silent> silent;
};
Facts read(const hostcheck::Input& input);

// Where it ends and by what.
struct Journey {
  std::string ends;     // "", "rule", "route", "source", "egress", "neighbour"; "" where nothing stops it
  std::string at;       // what stops it, in words
  std::string unclear;  // why it cannot be followed; then `ends` says nothing
  std::vector<std::pair<std::string, std::string>> steps;  // step, words
  std::string_view ifname, gateway;                        // that it leaves by
  std::string next_hop;
  bool by_default = false;  // by a default route
};

// The way of a packet from `local` to `peer`, both of the namespace's own sockets.
Journey follow(const Facts& facts, std::string_view netns, const Address& peer, std::string_view peer_text,
               const Address& local, std::string_view local_text, std::int64_t mark);

}  // namespace route_journey
