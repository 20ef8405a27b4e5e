#include "core/facts/route.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "core/facts/rtnl_names.h"

namespace hostcheck::facts {
namespace {

constexpr FlagName kHopFlags[] = {{RTNH_F_DEAD, "dead"},
                                  {RTNH_F_ONLINK, "onlink"},
                                  {RTNH_F_PERVASIVE, "pervasive"},
                                  {RTNH_F_OFFLOAD, "offload"},
                                  {RTNH_F_TRAP, "trap"},
                                  {RTNH_F_LINKDOWN, "linkdown"},
                                  {RTNH_F_UNRESOLVED, "unresolved"},
                                  {RTM_F_OFFLOAD, "rt_offload"},
                                  {RTM_F_TRAP, "rt_trap"},
                                  {RTM_F_OFFLOAD_FAILED, "rt_offload_failed"}};

template <typename Row>
Cell prefix_column(const Row& row, std::string& scratch) {
  if (row.dst_length == 0 && row.dst.is_any()) return text_cell("default");
  return prefix_cell(row.dst, row.dst_length, scratch);
}

Cell src_prefix_cell(const Route& row, std::string& scratch) {
  const RouteExtras extras = row.extras.get();
  return prefix_cell(extras.src, extras.src_length, scratch);
}

template <auto Member>
Cell extra_cell(const Route& row, std::string& scratch) {
  return row.extras.empty() ? Cell{} : member_cell(row.extras.get().*Member, scratch);
}

template <typename Row>
Cell flags_column(const Row& row, std::string& scratch) {
  return flags_cell(row.flags, kHopFlags, scratch);
}

template <typename Row>
Cell table_name_cell(const Row& row, std::string& scratch) {
  if (row.table_id == 0) return {};
  return named_or_number(row.table_name.view(), row.table_id, scratch);
}

template <typename Row>
Cell type_cell(const Row& row, std::string& scratch) {
  return named_or_number(route_type_name(row.type), row.type, scratch);
}

template <typename Row>
Cell protocol_cell(const Row& row, std::string& scratch) {
  return named_or_number(route_protocol_name(row.protocol), row.protocol, scratch);
}

template <typename Row>
Cell scope_cell(const Row& row, std::string& scratch) {
  return named_or_number(route_scope_name(row.scope), row.scope, scratch);
}

template <typename Row, std::uint32_t kFlag>
Cell flag_cell(const Row& row, std::string&) {
  return integer_cell((row.flags & kFlag) != 0 ? 1 : 0);
}

template <typename Row>
Cell ifindex_cell(const Row& row, std::string&) {
  return row.ifindex == 0 ? Cell{} : integer_cell(row.ifindex);
}

Cell gateway_family_cell(const Route& row, std::string&) {
  return row.gateway.empty() ? Cell{} : text_cell(name_of(row.gateway.family()));
}

Cell pref_cell(const Route& row, std::string& scratch) {
  switch (row.pref) {
    case 0xff:
      return {};
    case 0:
      return text_cell("medium");
    case 1:
      return text_cell("high");
    case 3:
      return text_cell("low");
    default:
      return named_or_number("", row.pref, scratch);
  }
}

Cell mtu_locked_cell(const Route& row, std::string&) {
  const RouteExtras extras = row.extras.get();
  return extras.mtu ? integer_cell((extras.locked & 1U << RTAX_MTU) != 0 ? 1 : 0) : Cell{};
}

void describe_metrics(TableBuilder<Route>& builder) {
  builder
      .computed<extra_cell<&RouteExtras::mtu>>("mtu", Type::integer, "bytes", "RTAX_MTU",
                                               "Path MTU that the route sets")
      .computed<mtu_locked_cell>("mtu_locked", Type::boolean, "", "RTAX_LOCK",
                                 "The MTU is not lowered by path MTU discovery, and packets may be fragmented")
      .computed<extra_cell<&RouteExtras::advmss>>("advmss", Type::integer, "bytes", "RTAX_ADVMSS",
                                                  "Largest segment to announce")
      .computed<extra_cell<&RouteExtras::window>>("window", Type::integer, "bytes", "RTAX_WINDOW",
                                                  "Largest TCP window to announce")
      .computed<extra_cell<&RouteExtras::initcwnd>>("initcwnd", Type::integer, "segments", "RTAX_INITCWND",
                                                    "Initial congestion window")
      .computed<extra_cell<&RouteExtras::initrwnd>>("initrwnd", Type::integer, "segments", "RTAX_INITRWND",
                                                    "Initial receive window")
      .computed<extra_cell<&RouteExtras::rto_min_ms>>("rto_min_ms", Type::integer, "ms", "RTAX_RTO_MIN",
                                                      "Smallest retransmission time-out")
      .computed<extra_cell<&RouteExtras::hoplimit>>("hoplimit", Type::integer, "", "RTAX_HOPLIMIT",
                                                    "Hop limit of packets sent")
      .computed<extra_cell<&RouteExtras::quickack>>("quickack", Type::integer, "", "RTAX_QUICKACK",
                                                    "1 where acknowledgements are not delayed")
      .computed<extra_cell<&RouteExtras::congctl>>("congctl", Type::text, "", "RTAX_CC_ALGO",
                                                   "Congestion control of connections on this route");
}

}  // namespace

SharedExtras::SharedExtras(const RouteExtras& extras, const std::function<Symbol(std::string_view)>& intern) {
  static_assert(std::is_trivially_copyable_v<RouteExtras>);
  std::array<char, sizeof(RouteExtras)> bytes{};
  std::memcpy(bytes.data(), &extras, sizeof extras);
  bytes_ = intern({bytes.data(), bytes.size()});
}

RouteExtras SharedExtras::get() const {
  RouteExtras extras;
  if (bytes_.view().size() == sizeof extras) std::memcpy(&extras, bytes_.view().data(), sizeof extras);
  return extras;
}

const TableInfo& Route::table() {
  static const TableInfo info = [] {
    TableBuilder<Route> builder("routes", "Routes of every routing table, cached ones left out");
    builder.key<&Route::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
        .key<&Route::family>("family", "", "rtmsg.rtm_family", "inet or inet6")
        .key<&Route::table_id>("table", "", "RTA_TABLE", "Number of the table; a keyword of SQL, write \"table\"")
        .computed<table_name_cell<Route>>("table_name", Type::text, "", "RTA_TABLE",
                                          "main, local, default, a name of /etc/iproute2/rt_tables, or the number")
        .key<&Route::dst>("dst", "", "RTA_DST", "Destination; 0.0.0.0 or :: for a default route")
        .key<&Route::dst_length>("dst_length", "bits", "rtmsg.rtm_dst_len", "Length of the destination's prefix")
        .computed<prefix_column<Route>>("prefix", Type::text, "", "RTA_DST", "\"default\" or \"10.0.0.0/8\"")
        .computed<src_prefix_cell>("src_prefix", Type::text, "", "RTA_SRC", "Only for packets from here (IPv6)")
        .column<&Route::gateway>("gateway", "", "RTA_GATEWAY, RTA_VIA", "Next hop; NULL where directly connected")
        .computed<gateway_family_cell>("gateway_family", Type::text, "", "RTA_GATEWAY, RTA_VIA",
                                       "Family of the next hop: an IPv4 route may have one of IPv6")
        .computed<ifindex_cell<Route>>("ifindex", Type::integer, "", "RTA_OIF", "Number of the interface")
        .as_key()
        .column<&Route::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
        .column<&Route::prefsrc>("prefsrc", "", "RTA_PREFSRC", "Source address for packets of this host")
        .computed<type_cell<Route>>(
            "type", Type::text, "", "rtmsg.rtm_type",
            "unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit, throw")
        .as_key()
        .computed<protocol_cell<Route>>("protocol", Type::text, "", "rtmsg.rtm_protocol",
                                        "Who made it: kernel, boot, static, dhcp, ra, bird, ... or a number")
        .computed<scope_cell<Route>>("scope", Type::text, "", "rtmsg.rtm_scope", "global, link, host, site or nowhere")
        .key<&Route::priority>("priority", "", "RTA_PRIORITY", "Metric: the lowest wins")
        .key<&Route::tos>("tos", "", "rtmsg.rtm_tos", "Only for packets with this type of service")
        .computed<flags_column<Route>>("flags", Type::text, "", "rtmsg.rtm_flags",
                                       "dead, linkdown, onlink, offload, ...")
        .computed<flag_cell<Route, RTNH_F_DEAD>>("dead", Type::boolean, "", "RTNH_F_DEAD", "Its interface is down")
        .computed<flag_cell<Route, RTNH_F_LINKDOWN>>("linkdown", Type::boolean, "", "RTNH_F_LINKDOWN",
                                                     "Its interface has no carrier")
        .computed<flag_cell<Route, RTNH_F_ONLINK>>("onlink", Type::boolean, "", "RTNH_F_ONLINK",
                                                   "The gateway is taken as on the link whatever the addresses say")
        .column<&Route::nexthops>("nexthops", "", "RTA_MULTIPATH", "Number of hops; 0 for one that leads nowhere")
        .column<&Route::nexthop_id>("nexthop_id", "", "RTA_NH_ID", "Next hop object that it uses")
        .column<&Route::expires_s>("expires_s", "s", "RTA_CACHEINFO rta_expires", "Life left (IPv6); NULL for ever")
        .computed<pref_cell>("pref", Type::text, "", "RTA_PREF", "IPv6 router preference: low, medium, high");
    describe_metrics(builder);
    return builder.build();
  }();
  return info;
}

const TableInfo& RouteNexthop::table() {
  using Row = RouteNexthop;
  static const TableInfo info =
      TableBuilder<Row>("route_nexthops", "The hops of routes that have several")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::family>("family", "", "rtmsg.rtm_family", "inet or inet6")
          .key<&Row::table_id>("table", "", "RTA_TABLE", "Number of the table; a keyword of SQL, write \"table\"")
          .computed<table_name_cell<Row>>("table_name", Type::text, "", "RTA_TABLE", "As in table routes")
          .computed<prefix_column<Row>>("prefix", Type::text, "", "RTA_DST",
                                        "The route's destination, as in table routes")
          .as_key()
          .key<&Row::priority>("priority", "", "RTA_PRIORITY", "The route's metric")
          .key<&Row::hop>("hop", "", "RTA_MULTIPATH", "Position among the route's hops, from 0")
          .column<&Row::gateway>("gateway", "", "RTA_GATEWAY, RTA_VIA", "Next hop; NULL where directly connected")
          .computed<ifindex_cell<Row>>("ifindex", Type::integer, "", "rtnexthop.rtnh_ifindex",
                                       "Number of the interface")
          .column<&Row::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
          .column<&Row::weight>("weight", "", "rtnexthop.rtnh_hops", "Its share of the flows, against the others'")
          .computed<flags_column<Row>>("flags", Type::text, "", "rtnexthop.rtnh_flags", "dead, linkdown, onlink, ...")
          .computed<flag_cell<Row, RTNH_F_DEAD>>("dead", Type::boolean, "", "RTNH_F_DEAD", "Its interface is down")
          .computed<flag_cell<Row, RTNH_F_LINKDOWN>>("linkdown", Type::boolean, "", "RTNH_F_LINKDOWN",
                                                     "Its interface has no carrier")
          .build();
  return info;
}

namespace {

Cell nexthop_protocol_cell(const Nexthop& row, std::string& scratch) {
  return protocol_cell(row, scratch);
}

}  // namespace

const TableInfo& Nexthop::table() {
  static const TableInfo info =
      TableBuilder<Nexthop>("nexthops", "Next hop objects (ip nexthop), Linux 5.3")
          .key<&Nexthop::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Nexthop::id>("id", "", "NHA_ID", "Number that routes and groups name it by")
          .column<&Nexthop::family>("family", "", "nhmsg.nh_family", "inet or inet6; NULL for a group")
          .column<&Nexthop::gateway>("gateway", "", "NHA_GATEWAY", "Next hop; NULL where directly connected")
          .computed<ifindex_cell<Nexthop>>("ifindex", Type::integer, "", "NHA_OIF", "Number of the interface")
          .column<&Nexthop::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
          .column<&Nexthop::blackhole>("blackhole", "", "NHA_BLACKHOLE", "Whether packets for it are discarded")
          .column<&Nexthop::group>("group", "", "NHA_GROUP",
                                   "Members, \"1,2/3\": 1 with weight 2, and 3; a keyword of SQL, write \"group\"")
          .computed<scope_cell<Nexthop>>("scope", Type::text, "", "nhmsg.nh_scope", "global, link, host")
          .computed<nexthop_protocol_cell>("protocol", Type::text, "", "nhmsg.nh_protocol", "Who made it; NULL unsaid")
          .computed<flags_column<Nexthop>>("flags", Type::text, "", "nhmsg.nh_flags",
                                           "dead, linkdown, onlink, offload, ...")
          .column<&Nexthop::fdb>("fdb", "", "NHA_FDB", "Whether it is for a bridge's forwarding table")
          .build();
  return info;
}

const TableInfo& RouteSummary::table() {
  using Row = RouteSummary;
  static const TableInfo info =
      TableBuilder<Row>("route_summary", "How many routes there are of each kind")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::family>("family", "", "rtmsg.rtm_family", "inet or inet6")
          .key<&Row::table_id>("table", "", "RTA_TABLE", "Number of the table; a keyword of SQL, write \"table\"")
          .computed<table_name_cell<Row>>("table_name", Type::text, "", "RTA_TABLE", "As in table routes")
          .computed<type_cell<Row>>("type", Type::text, "", "rtmsg.rtm_type", "As in table routes")
          .as_key()
          .computed<protocol_cell<Row>>("protocol", Type::text, "", "rtmsg.rtm_protocol", "As in table routes")
          .as_key()
          .column<&Row::routes>("routes", "", "RTM_GETROUTE, counted", "Number of routes")
          .build();
  return info;
}

namespace {

Cell rule_src_cell(const PolicyRule& row, std::string& scratch) {
  return prefix_cell(row.src, row.src_length, scratch);
}
Cell rule_dst_cell(const PolicyRule& row, std::string& scratch) {
  return prefix_cell(row.dst, row.dst_length, scratch);
}

Cell ip_proto_cell(const PolicyRule& row, std::string& scratch) {
  if (!row.ip_proto) return {};
  std::string_view name;
  switch (*row.ip_proto) {
    case 1:
      name = "icmp";
      break;
    case 6:
      name = "tcp";
      break;
    case 17:
      name = "udp";
      break;
    case 47:
      name = "gre";
      break;
    case 50:
      name = "esp";
      break;
    case 58:
      name = "ipv6-icmp";
      break;
    case 132:
      name = "sctp";
      break;
    default:
      break;
  }
  return named_or_number(name, *row.ip_proto, scratch);
}

Cell range_cell(std::uint32_t first, std::uint32_t last, std::string& scratch) {
  scratch = std::to_string(first);
  if (last != first) scratch += '-' + std::to_string(last);
  return text_cell(scratch);
}

Cell sport_cell(const PolicyRule& row, std::string& scratch) {
  return row.sport ? range_cell(row.sport->first, row.sport->last, scratch) : Cell{};
}
Cell dport_cell(const PolicyRule& row, std::string& scratch) {
  return row.dport ? range_cell(row.dport->first, row.dport->last, scratch) : Cell{};
}
Cell uid_range_cell(const PolicyRule& row, std::string& scratch) {
  return row.uid_first && row.uid_last ? range_cell(*row.uid_first, *row.uid_last, scratch) : Cell{};
}

Cell action_cell(const PolicyRule& row, std::string& scratch) {
  switch (row.action) {
    case FR_ACT_TO_TBL:
      return text_cell("lookup");
    case FR_ACT_GOTO:
      return text_cell("goto");
    case FR_ACT_NOP:
      return text_cell("nop");
    case FR_ACT_BLACKHOLE:
      return text_cell("blackhole");
    case FR_ACT_UNREACHABLE:
      return text_cell("unreachable");
    case FR_ACT_PROHIBIT:
      return text_cell("prohibit");
    default:
      return named_or_number("", row.action, scratch);
  }
}

Cell rule_table_name_cell(const PolicyRule& row, std::string& scratch) {
  return row.table_id ? named_or_number(row.table_name.view(), *row.table_id, scratch) : Cell{};
}

}  // namespace

const TableInfo& PolicyRule::table() {
  using Row = PolicyRule;
  static const TableInfo info =
      TableBuilder<Row>("policy_rules", "Rules that choose the routing table of a packet (ip rule), first match wins")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::family>("family", "", "fib_rule_hdr.family", "inet or inet6")
          .key<&Row::priority>("priority", "", "FRA_PRIORITY", "Place in the order: the lowest is asked first")
          .computed<rule_src_cell>("src", Type::text, "", "FRA_SRC", "Only packets from this prefix; NULL any")
          .as_key()
          .computed<rule_dst_cell>("dst", Type::text, "", "FRA_DST", "Only packets to this prefix; NULL any")
          .as_key()
          .key<&Row::iif>("iif", "", "FRA_IIFNAME", "Only packets that came in here; lo: packets of this host")
          .key<&Row::oif>("oif", "", "FRA_OIFNAME", "Only packets of sockets that are bound to this interface")
          .key<&Row::fwmark>("fwmark", "", "FRA_FWMARK", "Only packets with this mark")
          .column<&Row::fwmask>("fwmask", "", "FRA_FWMASK", "Bits of the mark that count")
          .column<&Row::tos>("tos", "", "fib_rule_hdr.tos", "Only packets with this type of service; 0 any")
          .computed<ip_proto_cell>("ip_proto", Type::text, "", "FRA_IP_PROTO", "Only packets of this protocol")
          .computed<sport_cell>("sport", Type::text, "", "FRA_SPORT_RANGE", "Only from these ports, \"1000-2000\"")
          .computed<dport_cell>("dport", Type::text, "", "FRA_DPORT_RANGE", "Only to these ports")
          .computed<uid_range_cell>("uid_range", Type::text, "", "FRA_UID_RANGE",
                                    "Only packets of these users, \"0-1000\"")
          .computed<action_cell>("action", Type::text, "", "fib_rule_hdr.action",
                                 "lookup, goto, nop, blackhole, unreachable or prohibit")
          .as_key()
          .key<&Row::table_id>("table", "", "FRA_TABLE", "Table to look into; a keyword of SQL, write \"table\"")
          .computed<rule_table_name_cell>("table_name", Type::text, "", "FRA_TABLE", "As in table routes")
          .column<&Row::goto_priority>("goto_priority", "", "FRA_GOTO", "Rule to go on with")
          .column<&Row::suppress_prefixlength>("suppress_prefixlength", "bits", "FRA_SUPPRESS_PREFIXLEN",
                                               "Routes with a prefix of at most this length do not count")
          .column<&Row::suppress_ifgroup>("suppress_ifgroup", "", "FRA_SUPPRESS_IFGROUP",
                                          "Routes through an interface of this group do not count")
          .column<&Row::l3mdev>("l3mdev", "", "FRA_L3MDEV", "The table is the VRF's of the packet")
          .column<&Row::invert>("invert", "", "FIB_RULE_INVERT", "Applies to the packets that do not match")
          .column<&Row::detached>("detached", "", "FIB_RULE_IIF_DETACHED, FIB_RULE_OIF_DETACHED",
                                  "Never matches, its interface does not exist")
          .computed<protocol_cell<Row>>("protocol", Type::text, "", "FRA_PROTOCOL", "Who made it")
          .build();
  return info;
}

}  // namespace hostcheck::facts
