#include "core/conclude/journey.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/conclude/filter_walk.h"
#include "core/conclude/journey_facts.h"
#include "core/conclude/policy_walk.h"
#include "core/facts/journey.h"
#include "core/facts/rtnl_names.h"
#include "core/probe/gateway_judge.h"

namespace hostcheck::conclude {
namespace {

constexpr std::string_view kPasses = "passes";
constexpr std::string_view kStops = "stops";
constexpr std::string_view kUnknown = "unknown";

constexpr std::uint32_t kTableMain = 254;  // RT_TABLE_MAIN
constexpr std::uint32_t kTableLocal = 255;

// "table main", or its number.
std::string table_words(std::uint32_t table, std::string_view name) {
  return name.empty() ? fmt::format("table {}", table) : fmt::format("table {}", name);
}

class Teller {
 public:
  Teller(const Traveller& traveller, const Surroundings& from, facts::Facts& out)
      : traveller_(traveller), from_(from), facts_(*from.facts, from.netns), out_(out) {
    row_.id = static_cast<std::uint32_t>(out.rows<facts::Journey>().size() + 1);
    row_.netns = out.intern(from.netns);
    row_.target = traveller.target;
    row_.address = traveller.address;
    row_.port = traveller.port;
    row_.protocol = out.intern(traveller.protocol);
    row_.source = traveller.source;
    row_.source_asked = !traveller.source.empty();
  }

  void tell() {
    (void)out_.rows<facts::PathStep>();
    travel();
    out_.rows<facts::Journey>().push_back(std::move(row_));
  }

 private:
  void travel() {
    const auto found = look_up();
    if (!found)
      return end("unknown", fmt::format("the kernel could not be asked for the route: {}", found.error().message()));
    if (row_.source_asked && !facts_.has_address(row_.source)) {
      step("source", kStops, fmt::format("{} is no address of this host in {}", row_.source.to_string(), from_.netns),
           "RTM_GETADDR");
      return end("no_source", fmt::format("a packet from {} cannot be sent: it is no address of this host",
                                          row_.source.to_string()));
    }
    if (found->error != 0) return refused(found->error);
    tell_route(*found);
    if (!tell_source(found->route)) return;
    tell_egress();
    tell_mtu(found->route);
    tell_neighbour();
    tell_filter();
    tell_qdisc();
    conclude();
  }

  kernel::RouteQuery query() const {
    kernel::RouteQuery out;
    out.dst = traveller_.address;
    out.src = traveller_.source;
    out.oif = facts_.ifindex_of(traveller_.interface);
    out.mark = traveller_.mark;
    out.uid = traveller_.uid;
    const bool six = traveller_.address.family() == Family::ipv6;
    out.ip_proto = traveller_.protocol == "tcp" ? 6 : traveller_.protocol == "udp" ? 17 : six ? 58 : 1;
    if (out.ip_proto == 6 || out.ip_proto == 17) out.dport = traveller_.port;
    return out;
  }

  Result<kernel::RouteLookup> look_up() {
    kernel::RouteQuery asked = query();
    auto first = from_.look_up(asked);
    // ip_route_connect (include/net/route.h): once more with the source that the first lookup chose.
    const bool again = first && first->error == 0 && asked.src.empty() && !first->route.prefsrc.empty() &&
                       traveller_.address.family() == Family::ipv4 && traveller_.protocol != "icmp";
    if (!again) return first;
    asked.src = first->route.prefsrc;
    row_.source = asked.src;
    auto second = from_.look_up(asked);
    if (second && second->error == 0 && second->route.prefsrc.empty()) second->route.prefsrc = asked.src;
    return second;
  }

  RoutedPacket packet() const {
    const bool six = traveller_.address.family() == Family::ipv6;
    return {row_.source,
            traveller_.address,
            traveller_.protocol == "icmp" && six ? "ipv6-icmp" : traveller_.protocol,
            traveller_.port,
            traveller_.mark,
            traveller_.uid,
            traveller_.interface};
  }

  void refused(int error) {
    const facts::Facts refusals = from_.refusals();
    const PolicyChoice choice = refusing_rule(refusals, from_.netns, packet());
    const std::string to = traveller_.address.to_string();
    row_.rule_priority = choice.priority;
    row_.rule = choice.rule;
    if (choice.table) row_.table_id = *choice.table;
    row_.route = choice.route;
    if (!choice.rule.empty()) {
      step("rule", choice.route.empty() ? kStops : kPasses, choice.rule, "RTM_GETRULE");
    }
    const std::string kernel_says = fmt::format("RTM_GETROUTE: {}", errno_error(error, {}).message());
    if (choice.refusal.empty()) {
      const std::string words = fmt::format("no table that its rules lead to has a route to {}", to);
      step("route", kStops, words, kernel_says);
      return end(error == ENETUNREACH ? "no_route" : "unknown", words);
    }
    const bool by_rule = choice.route.empty();
    const std::string what =
        by_rule ? fmt::format("the rule {}", choice.rule) : fmt::format("the route {}", choice.route);
    if (!by_rule) {
      step("route", kStops, fmt::format("{} in table {}", choice.route, choice.table.value_or(0)), kernel_says);
    }
    end(choice.refusal == "prohibit" ? "prohibited" : choice.refusal,
        fmt::format("packets to {} end here: {} {}", to, what,
                    choice.refusal == "blackhole" ? "discards them" : "answers with an error"));
  }

  void tell_route(const kernel::RouteLookup& found) {
    const kernel::LookedUpRoute& entry = found.entry ? *found.entry : found.route;
    row_.table_id = found.route.table_id != 0 ? found.route.table_id : entry.table_id;
    // While there are no rules of one's own the kernel keeps both tables in one trie and names it main
    // (fib_unmerge in net/ipv4/fib_frontend.c).
    local_ = kernel::is_local(found.route);
    if (local_ && row_.table_id.value == kTableMain) row_.table_id = kTableLocal;
    const std::string table = facts_.table_name(*table_id());
    row_.table_name = out_.intern(table);
    const PolicyChoice choice = rule_to_table(*from_.facts, from_.netns, packet(), *table_id(), entry.dst_length);
    row_.rule_priority = choice.priority;
    row_.rule = choice.rule;
    step("rule", choice.rule.empty() ? kUnknown : kPasses,
         choice.rule.empty() ? fmt::format("no rule was found that leads to {}", table_words(*table_id(), table))
                             : choice.rule,
         "RTM_GETRULE");
    const kernel::LookedUpHop hop = found.route.hops.empty() ? kernel::LookedUpHop{} : found.route.hops.front();
    row_.ifname = out_.intern(facts_.ifname_of(hop.ifindex));
    row_.gateway = hop.gateway;
    if (!local_) row_.next_hop = hop.gateway.empty() ? traveller_.address : hop.gateway;
    row_.route = route_words(entry);
    step("route", kPasses, fmt::format("{} in {}", row_.route, table_words(*table_id(), table)),
         "RTM_GETROUTE, RTM_F_FIB_MATCH");
    if (local_) return step("next_hop", kPasses, "an address of this host: the packet does not leave it", "RTN_LOCAL");
    step("next_hop", kPasses,
         hop.gateway.empty() ? fmt::format("{} is on the link", traveller_.address.to_string())
                             : fmt::format("by the gateway {}", hop.gateway.to_string()),
         hop.gateway.empty() ? "RTA_OIF without RTA_GATEWAY" : "RTA_GATEWAY");
  }

  std::string route_words(const kernel::LookedUpRoute& route) const {
    std::string out(facts::route_type_name(route.type));
    out = out == "unicast" ? std::string{} : out + " ";
    out += route.dst_length == 0 ? "default" : fmt::format("{}/{}", route.dst.to_string(), route.dst_length);
    if (route.hops.size() > 1) {
      out += fmt::format(", one of {} equal hops", route.hops.size());
    }
    if (!row_.gateway.empty()) out += fmt::format(" via {}", row_.gateway.to_string());
    if (!row_.ifname.empty()) out += fmt::format(" dev {}", row_.ifname.view());
    if (const auto name = facts::route_protocol_name(route.protocol); !name.empty())
      out += fmt::format(" proto {}", name);
    if (route.priority != 0) out += fmt::format(" metric {}", route.priority);
    return out;
  }

  bool tell_source(const kernel::LookedUpRoute& route) {
    if (!row_.source_asked && !route.prefsrc.empty()) row_.source = route.prefsrc;
    const IpAddress& to = traveller_.address;
    const bool six = to.family() == Family::ipv6;
    if (row_.source.empty() || row_.source.is_any()) {
      step("source", kStops, fmt::format("no {} address to send from", six ? "IPv6" : "IPv4"), "no RTA_PREFSRC");
      end("no_source", fmt::format("this host has no {} address that it could use towards {}", six ? "IPv6" : "IPv4",
                                   to.to_string()));
      return false;
    }
    row_.source_ifname = out_.intern(facts_.owner_of(row_.source));
    const bool beyond = !local_ && !to.is_link_local() && !to.is_multicast();
    const bool too_narrow = beyond && (row_.source.is_loopback() || (six && row_.source.is_link_local()));
    const std::string whose =
        row_.source_ifname.empty() ? std::string{} : fmt::format(", an address of {}", row_.source_ifname.view());
    step("source", too_narrow ? kStops : kPasses, fmt::format("{}{}", row_.source.to_string(), whose),
         row_.source_asked ? "--source" : "RTA_PREFSRC");
    if (!too_narrow) return true;
    end("no_source",
        fmt::format("only the {} address {} is there to send from, and {} cannot answer to it",
                    row_.source.is_loopback() ? "loopback" : "link-local", row_.source.to_string(), to.to_string()));
    return false;
  }

  void tell_egress() {
    const auto at = facts_.link(row_.ifname.view());
    // One with the target in a prefix of its own, where that is not the one that the packet leaves by.
    const JourneyFacts::Connected connected = facts_.connected(traveller_.address);
    if (!local_ && connected.ifname != row_.ifname.view()) {
      row_.connected_ifname = out_.intern(connected.ifname);
      row_.connected_prefix = connected.prefix;
    }
    if (!at) return step("egress", kUnknown, fmt::format("{}", row_.ifname.view()), "RTA_OIF");
    row_.egress_up = facts_.link_number(*at, "admin_up") != 0 && facts_.link_number(*at, "carrier", 1) != 0;
    const std::string kind = facts_.link_text(*at, "kind");
    std::string words = fmt::format("{}{}, {}", row_.ifname.view(), kind.empty() ? "" : " (" + kind + ")",
                                    row_.egress_up ? "up" : "without carrier");
    if (const std::string master = facts_.link_text(*at, "master"); !master.empty()) words += ", port of " + master;
    if (!row_.connected_ifname.empty()) {
      words += fmt::format("; {} has the target in its prefix {}", row_.connected_ifname.view(), row_.connected_prefix);
    }
    step("egress", row_.egress_up ? kPasses : kStops, words, "RTA_OIF; RTM_GETLINK");
  }

  void tell_mtu(const kernel::LookedUpRoute& route) {
    if (const auto at = facts_.link(row_.ifname.view())) {
      row_.device_mtu = static_cast<std::uint32_t>(facts_.link_number(*at, "mtu"));
    }
    // A cached exception is a route of its own with a life; the metric of a configured route has none.
    if (route.expires_s != 0 && route.mtu != 0 && route.mtu != device_mtu()) {
      row_.cached_mtu = route.mtu;
    } else if (route.mtu != 0) {
      row_.route_mtu = route.mtu;
    }
    std::uint32_t least = device_mtu();
    if (route.mtu != 0 && (least == 0 || route.mtu < least)) least = route.mtu;
    row_.mtu = least;
    std::string words = fmt::format("{} bytes: device {}", least, device_mtu());
    if (route.mtu != 0) {
      words += fmt::format(", {} {}", route.expires_s != 0 ? "learnt from ICMP" : "route", route.mtu);
      if (route.expires_s != 0) words += fmt::format(" (for {} s more)", route.expires_s);
      if (route.mtu_locked) words += ", locked";
    }
    step("mtu", kPasses, words, "IFLA_MTU; RTAX_MTU");
  }

  void tell_neighbour() {
    if (local_) return;
    const auto link = facts_.link(row_.ifname.view());
    const std::string flags = link ? facts_.link_text(*link, "flags") : std::string{};
    if (("," + flags + ",").find(",NOARP,") != std::string::npos) {
      return step("neighbour", kPasses, fmt::format("{} needs no link-layer address", row_.ifname.view()), "IFF_NOARP");
    }
    const std::string who = row_.next_hop.to_string();
    if (const auto entry = facts_.neighbour(row_.next_hop, row_.ifname.view())) return tell_entry(*entry, who);
    step("neighbour", kUnknown,
         fmt::format("{} has no entry yet: {} will be asked for it", who,
                     row_.next_hop.family() == Family::ipv6 ? "NDP" : "ARP"),
         "RTM_GETNEIGH");
  }

  void tell_entry(const JourneyFacts::Neighbour& entry, const std::string& who) {
    const auto& [state, mac] = entry;
    row_.neighbour_state = out_.intern(state);
    std::string words = fmt::format("{} is {}{}", who, mac.empty() ? "" : "at " + mac + ", ", state);
    if (const auto address = link_address(mac)) {
      row_.lladdr = *address;
      const std::string router = probe::virtual_router(*address);
      if (!router.empty()) words += fmt::format(", a virtual router ({})", router);
    }
    const bool silent = state == "failed" || state == "incomplete";
    if (silent) words += ": it did not answer the last questions";
    step("neighbour", silent ? kUnknown : kPasses, words, "RTM_GETNEIGH");
  }

  void tell_filter() {
    const bool six = traveller_.address.family() == Family::ipv6;
    FilterPacket packet{row_.source,
                        traveller_.address,
                        traveller_.protocol == "icmp" && six ? "icmpv6" : traveller_.protocol,
                        traveller_.port,
                        {},
                        std::string(row_.ifname.view())};
    row_.firewall = out_.intern(name_of(Passage::passes));
    std::vector<std::string_view> hooks = {"output", "postrouting"};
    if (local_) {
      packet.oif = "lo";
      hooks.insert(hooks.end(), {"prerouting", "input"});
    }
    for (const std::string_view hook : hooks) {
      if (hook == "prerouting") std::swap(packet.iif, packet.oif);
      const FilterVerdict verdict = walk_filter(*from_.facts, from_.netns, hook, packet);
      tell_hook(hook, verdict);
      const bool stops = verdict.passage == Passage::drops || verdict.passage == Passage::rejects;
      if (verdict.passage == Passage::passes) continue;
      row_.firewall = out_.intern(name_of(verdict.passage));
      row_.firewall_rule = fmt::format("{}{}{}", verdict.where, verdict.where.empty() ? "" : ": ", verdict.rule);
      if (stops) return;
    }
  }

  void tell_hook(std::string_view hook, const FilterVerdict& verdict) {
    std::string words = fmt::format("{}: ", hook);
    switch (verdict.passage) {
      case Passage::passes:
        words += verdict.chains == 0 ? "no chain"
                                     : fmt::format("passes {} chain{}", verdict.chains, verdict.chains == 1 ? "" : "s");
        break;
      case Passage::unknown:
        words += verdict.where.empty() ? verdict.rule
                                       : fmt::format("cannot be decided here: {}: {}", verdict.where, verdict.rule);
        break;
      case Passage::drops:
      case Passage::rejects:
        words += fmt::format("{} it, {}: {}", name_of(verdict.passage), verdict.where, verdict.rule);
        break;
    }
    if (!verdict.rewrite.empty()) words += fmt::format("; rewritten by {}", verdict.rewrite);
    const bool unknown = verdict.passage == Passage::unknown;
    step("firewall",
         verdict.passage == Passage::passes ? kPasses
         : unknown                          ? kUnknown
                                            : kStops,
         words, verdict.source.empty() ? "NFT_MSG_GETRULE; IPT_SO_GET_ENTRIES" : verdict.source);
  }

  void tell_qdisc() {
    if (const auto qdisc = facts_.root_qdisc(row_.ifname.view())) {
      row_.qdisc = out_.intern(qdisc->kind);
      return step("qdisc", kPasses,
                  fmt::format("{}, {} packets waiting, {} dropped since it was made", qdisc->kind, qdisc->waiting,
                              qdisc->dropped),
                  "RTM_GETQDISC");
    }
    step("qdisc", kPasses, "none: the device sends at once", "RTM_GETQDISC");
  }

  void conclude() {
    const std::string to = traveller_.address.to_string();
    const std::string_view firewall = row_.firewall.view();
    if (firewall == "drops" || firewall == "rejects") {
      return end("filtered",
                 fmt::format("this host's packet filter {} packets to {}: {}", firewall, to, row_.firewall_rule));
    }
    if (local_) return end("local", fmt::format("{} is an address of this host", to));
    std::string words = fmt::format("packets to {} leave by {}", to, row_.ifname.view());
    words += row_.gateway.empty() ? ", on the link" : fmt::format(", via {}", row_.gateway.to_string());
    words += fmt::format(", from {}", row_.source.to_string());
    if (!row_.egress_up) words += fmt::format("; {} has no carrier", row_.ifname.view());
    if (firewall == "unknown") words += "; whether the packet filter lets them pass cannot be told from its rules";
    end("onward", words);
  }

  void step(std::string_view what, std::string_view verdict, std::string words, std::string source) {
    facts::PathStep made;
    made.journey = row_.id;
    made.netns = row_.netns;
    made.position = ++steps_;
    made.step = out_.intern(what);
    made.verdict = out_.intern(verdict);
    made.words = std::move(words);
    made.source = std::move(source);
    out_.rows<facts::PathStep>().push_back(std::move(made));
  }
  void end(std::string_view outcome, std::string words) {
    row_.outcome = out_.intern(outcome);
    row_.words = std::move(words);
  }

  [[nodiscard]] std::optional<std::uint32_t> table_id() const { return row_.table_id.value; }
  [[nodiscard]] std::uint32_t device_mtu() const { return row_.device_mtu.value; }

  static std::optional<LinkAddress> link_address(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t at = 0; at + 2 <= text.size(); at += 3) {
      const auto byte = parse_number<std::uint8_t>(text.substr(at, 2), 16);
      if (!byte) return std::nullopt;
      bytes.push_back(*byte);
    }
    return bytes.empty() ? std::nullopt : std::optional(LinkAddress::from_bytes(bytes));
  }

  const Traveller& traveller_;
  const Surroundings& from_;
  const JourneyFacts facts_;
  facts::Facts& out_;
  facts::Journey row_;
  std::uint32_t steps_ = 0;
  bool local_ = false;
};

}  // namespace

void add_journey(const Traveller& traveller, const Surroundings& from, facts::Facts& out) {
  Teller(traveller, from, out).tell();
}

}  // namespace hostcheck::conclude
