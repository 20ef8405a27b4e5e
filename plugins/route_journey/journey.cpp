#include "journey.h"

#include <algorithm>

#include <arpa/inet.h>

namespace route_journey {
namespace {

enum class Match { no, yes, unclear };

// "10.0.0.0/8", "10.0.0.1"
bool in_prefix(std::string_view prefix, const Address& address) {
  const std::size_t slash = prefix.find('/');
  const auto network = parse(prefix.substr(0, slash));
  if (!network) return false;
  unsigned length = network->bits;
  if (slash != std::string_view::npos)
    length = static_cast<unsigned>(std::stoul(std::string(prefix.substr(slash + 1))));
  return address.within(*network, length);
}

// fib_rule_match in net/core/fib_rules.c, of a TCP packet of this host.
Match matches(const Rule& rule, const Address& peer, const Address& local, std::int64_t mark) {
  if (rule.detached) return Match::no;
  bool selected = true;
  if (!rule.iif.empty() && rule.iif != "lo") selected = false;
  if (!rule.src.empty() && !in_prefix(rule.src, local)) selected = false;
  if (!rule.dst.empty() && !in_prefix(rule.dst, peer)) selected = false;
  if (!rule.ip_proto.empty() && rule.ip_proto != "tcp") selected = false;
  if (selected) {
    // What a socket is bound to, its user, its ports' place in the lookup and its type of service are not known here.
    const bool masked = rule.fwmark && mark != 0;
    const bool marked = rule.fwmark && mark == 0 && *rule.fwmark != 0;
    if (marked) selected = false;
    if (selected && (masked || !rule.oif.empty() || !rule.sport.empty() || !rule.dport.empty() ||
                     !rule.uid_range.empty() || rule.tos.value_or(0) != 0 || rule.l3mdev || rule.suppress_group)) {
      return Match::unclear;
    }
  }
  return selected != rule.invert ? Match::yes : Match::no;
}

std::string table_words(std::string_view name, std::int64_t number) {
  return "table " + (name.empty() ? std::to_string(number) : std::string(name));
}

std::string words_of(const Rule& rule) {
  std::string out = std::to_string(rule.priority) + ":";
  if (rule.invert) out += " not";
  out += " from " + (rule.src.empty() ? "all" : std::string(rule.src));
  if (!rule.dst.empty()) out += " to " + std::string(rule.dst);
  if (rule.fwmark) out += " fwmark " + std::to_string(*rule.fwmark);
  if (!rule.iif.empty()) out += " iif " + std::string(rule.iif);
  if (rule.action != "lookup") return out + " " + std::string(rule.action);
  return out + " lookup " +
         (rule.table_name.empty() ? std::to_string(rule.table.value_or(0)) : std::string(rule.table_name));
}

std::string words_of(const Route& route) {
  std::string out = route.type == "unicast" ? "" : std::string(route.type) + " ";
  out += route.prefix;
  if (!route.gateway.empty()) out += " via " + std::string(route.gateway);
  if (!route.ifname.empty()) out += " dev " + std::string(route.ifname);
  return out + " in " + table_words(route.table_name, route.table);
}

bool refuses(std::string_view type) {
  return type == "blackhole" || type == "unreachable" || type == "prohibit";
}

class Walk {
 public:
  Walk(const Facts& facts, std::string_view netns, const Address& peer, const Address& local)
      : facts_(facts), netns_(netns), peer_(peer), local_(local) {}

  // The longest prefix of the table, then the lowest metric; nullptr where it has none.
  [[nodiscard]] const Route* best(std::int64_t table) const {
    const Route* found = nullptr;
    for (const Route& each : facts_.routes) {
      if (each.table != table || each.netns != netns_ || each.family != peer_.family()) continue;
      if (each.dead || each.tos != 0) continue;
      if (!each.src_prefix.empty() && !in_prefix(each.src_prefix, local_)) continue;
      if (!each.covers(peer_)) continue;
      if (found == nullptr || std::pair(-each.length, each.priority) < std::pair(-found->length, found->priority)) {
        found = &each;
      }
    }
    return found;
  }
  [[nodiscard]] bool has_other_routes(std::int64_t table) const {
    return facts_.others.count({netns_, peer_.family(), table}) != 0;
  }
  // Whether some table delivers packets to `local` here.
  [[nodiscard]] bool is_own(const Address& local) const {
    return std::any_of(facts_.routes.begin(), facts_.routes.end(), [&](const Route& each) {
      return each.type == "local" && each.netns == netns_ && each.covers(local);
    });
  }

  // The route by the rules, in their order. Fills the steps, and ends the journey or says why it is unclear.
  const Route* route(std::int64_t mark, Journey& out) const {
    std::int64_t from = -1;  // rules below this priority are jumped over
    for (const Rule& rule : facts_.rules) {
      if (rule.netns != netns_ || rule.family != peer_.family() || rule.priority < from) continue;
      const Match match = matches(rule, peer_, local_, mark);
      if (match == Match::no || rule.action == "nop") continue;
      if (match == Match::unclear) return give_up(out, "whether the rule " + words_of(rule) + " holds is not known");
      if (rule.action == "goto") {
        from = rule.goto_priority.value_or(from);
        continue;
      }
      if (rule.action != "lookup") {
        out.steps.emplace_back("rule", words_of(rule));
        return end(out, "rule", words_of(rule));
      }
      const std::int64_t table = rule.table.value_or(0);
      if (has_other_routes(table)) {
        return give_up(out,
                       table_words(rule.table_name, table) + " has routes of a routing daemon, which are not read");
      }
      const Route* found = best(table);
      if (found == nullptr || found->type == "throw") continue;
      if (rule.suppress_length && found->length <= *rule.suppress_length) continue;
      out.steps.emplace_back("rule", words_of(rule));
      out.steps.emplace_back("route", words_of(*found));
      if (refuses(found->type)) return end(out, "route", words_of(*found));
      return found;
    }
    return end(out, "route", "no table that the rules lead to has a route");
  }

  static const Route* end(Journey& out, std::string step, std::string at) {
    out.ends = std::move(step);
    out.at = std::move(at);
    return nullptr;
  }
  static const Route* give_up(Journey& out, std::string why) {
    out.unclear = std::move(why);
    return nullptr;
  }

 private:
  const Facts& facts_;
  std::string_view netns_;
  const Address& peer_;
  const Address& local_;
};

bool has_flag(std::string_view flags, std::string_view wanted) {
  for (std::size_t at = 0; at <= flags.size();) {
    const std::size_t comma = std::min(flags.find(',', at), flags.size());
    if (flags.substr(at, comma - at) == wanted) return true;
    at = comma + 1;
  }
  return false;
}

void leave(const Facts& facts, std::string_view netns, const Route& route, Journey& out) {
  const auto place = facts.links.find({netns, route.ifname});
  if (place == facts.links.end()) return;
  const Link& link = place->second;
  const bool dead = !link.up || !link.carrier.value_or(true);
  const std::string state = !link.up ? " is down" : " has no carrier";
  out.steps.emplace_back("egress", std::string(link.ifname) + (dead ? state : ", up"));
  if (dead) {
    Walk::end(out, "egress", std::string(link.ifname) + state);
    return;
  }
  if (link.mtu) out.steps.emplace_back("MTU", std::to_string(*link.mtu) + " bytes");
  if (has_flag(link.flags, "NOARP")) return;
  for (const Silent& each : facts.silent) {
    if (each.netns != netns || each.ifname != route.ifname) continue;
    const auto address = parse(each.address);
    if (!address || !(*address == *parse(out.next_hop))) continue;
    const std::string words = out.next_hop + " on " + std::string(link.ifname) + " is " + std::string(each.state);
    out.steps.emplace_back("neighbour", words);
    Walk::end(out, "neighbour", words);
    return;
  }
  out.steps.emplace_back("neighbour", out.next_hop + " has not failed");
}

// Whether the packet filter may mark the packet on its way out and have it routed again (ip_route_me_harder).
bool may_be_marked(const Facts& facts, std::string_view netns, const Address& peer) {
  return std::any_of(facts.rules.begin(), facts.rules.end(), [&](const Rule& each) {
    return each.netns == netns && each.family == peer.family() && each.fwmark.value_or(0) != 0;
  });
}

}  // namespace

bool Address::within(const Address& network, unsigned length) const {
  if (bits != network.bits || length > bits) return false;
  for (unsigned at = 0; at < length; ++at) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (at % 8));
    if (((bytes[at / 8] ^ network.bytes[at / 8]) & mask) != 0) return false;
  }
  return true;
}

std::optional<Address> parse(std::string_view text) {
  constexpr std::string_view kMapped = "::ffff:";
  if (text.size() > kMapped.size() && text.substr(0, kMapped.size()) == kMapped && text.find('.') != text.npos) {
    text.remove_prefix(kMapped.size());
  }
  const std::string whole(text.substr(0, text.find('%')));
  Address address;
  const bool six = whole.find(':') != std::string::npos;
  if (::inet_pton(six ? AF_INET6 : AF_INET, whole.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.bits = six ? 128 : 32;
  return address;
}

Journey follow(const Facts& facts, std::string_view netns, const Address& peer, std::string_view peer_text,
               const Address& local, std::string_view local_text, std::int64_t mark) {
  Journey out;
  const Walk walk(facts, netns, peer, local);
  const Route* route = walk.route(mark, out);
  if (route == nullptr) return out;
  if (route->type != "unicast") {
    out.unclear = "it is an address of this host or of a group";
    return out;
  }
  if (route->hops > 1) {
    out.unclear = "the route has several hops, and which one is taken is not known";
    return out;
  }
  out.ifname = route->ifname;
  out.gateway = route->gateway;
  out.next_hop = std::string(route->gateway.empty() ? peer_text : route->gateway);
  out.by_default = route->length == 0;
  if (!parse(out.next_hop)) {
    out.unclear = "the next hop " + out.next_hop + " is no address";
    return out;
  }
  out.steps.emplace_back("next hop", route->gateway.empty() ? "on the link" : out.next_hop);
  const bool own = walk.is_own(local);
  out.steps.emplace_back("source", std::string(local_text) + (own ? "" : ", no address of this host"));
  if (!own) {
    Walk::end(out, "source", std::string(local_text) + " is no address of this host any more");
    return out;
  }
  leave(facts, netns, *route, out);
  if (!out.ends.empty() && may_be_marked(facts, netns, peer)) {
    out.unclear = "a rule asks for a mark, which the packet filter may set on the way out";
    out.ends.clear();
  }
  return out;
}

Facts read(const hostcheck::Input& input) {
  Facts facts;
  facts.rules = input.rows<Rule>("rules", {{"netns", &Rule::netns},
                                           {"family", &Rule::family},
                                           {"priority", &Rule::priority},
                                           {"src", &Rule::src},
                                           {"dst", &Rule::dst},
                                           {"iif", &Rule::iif},
                                           {"oif", &Rule::oif},
                                           {"fwmark", &Rule::fwmark},
                                           {"ip_proto", &Rule::ip_proto},
                                           {"sport", &Rule::sport},
                                           {"dport", &Rule::dport},
                                           {"uid_range", &Rule::uid_range},
                                           {"tos", &Rule::tos},
                                           {"action", &Rule::action},
                                           {"tbl", &Rule::table},
                                           {"table_name", &Rule::table_name},
                                           {"goto_priority", &Rule::goto_priority},
                                           {"suppress_prefixlength", &Rule::suppress_length},
                                           {"suppress_ifgroup", &Rule::suppress_group},
                                           {"l3mdev", &Rule::l3mdev},
                                           {"invert", &Rule::invert},
                                           {"detached", &Rule::detached}});
  std::stable_sort(facts.rules.begin(), facts.rules.end(),
                   [](const Rule& a, const Rule& b) { return a.priority < b.priority; });
  facts.routes = input.rows<Route>("routes", {{"netns", &Route::netns},
                                              {"family", &Route::family},
                                              {"tbl", &Route::table},
                                              {"table_name", &Route::table_name},
                                              {"dst", &Route::dst},
                                              {"dst_length", &Route::length},
                                              {"prefix", &Route::prefix},
                                              {"type", &Route::type},
                                              {"gateway", &Route::gateway},
                                              {"ifname", &Route::ifname},
                                              {"priority", &Route::priority},
                                              {"tos", &Route::tos},
                                              {"nexthops", &Route::hops},
                                              {"dead", &Route::dead},
                                              {"src_prefix", &Route::src_prefix}});
  for (Route& each : facts.routes) each.network = parse(each.dst);
  struct Other {
    std::string_view netns, family;
    std::int64_t table = 0;
  };
  for (const Other& each :
       input.rows<Other>("others", {{"netns", &Other::netns}, {"family", &Other::family}, {"tbl", &Other::table}})) {
    facts.others.emplace(each.netns, each.family, each.table);
  }
  for (const Link& each : input.rows<Link>("links", {{"netns", &Link::netns},
                                                     {"ifname", &Link::ifname},
                                                     {"admin_up", &Link::up},
                                                     {"carrier", &Link::carrier},
                                                     {"mtu", &Link::mtu},
                                                     {"flags", &Link::flags},
                                                     {"master", &Link::master}})) {
    facts.links.emplace(std::pair(each.netns, each.ifname), each);
  }
  facts.silent = input.rows<Silent>("silent", {{"netns", &Silent::netns},
                                               {"ifname", &Silent::ifname},
                                               {"address", &Silent::address},
                                               {"state", &Silent::state},
                                               {"probes", &Silent::probes}});
  return facts;
}

}  // namespace route_journey
