#include "core/kernel/rtnl_routes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include <linux/rtnetlink.h>
#include <unistd.h>

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kRouteDump = "RTM_GETROUTE dump";

template <typename Value>
bool allows(const std::optional<std::vector<Value>>& values, Value value) {
  return !values || std::find(values->begin(), values->end(), value) != values->end();
}

// RTA_VIA: a next hop of another family than the route.
IpAddress via_address(Bytes payload) {
  if (payload.size() < sizeof(rtvia)) return {};
  return IpAddress::from_bytes(payload.subspan(sizeof(rtvia)));
}

bool fill_metrics(Bytes payload, facts::Facts& texts, facts::RouteExtras& row) {
  std::array<Bytes, RTAX_CC_ALGO + 1> at;
  if (!parse_attributes(payload, at)) return false;
  const auto number = [&](std::size_t metric) { return read_number<std::uint32_t>(at[metric]); };
  row.locked = number(RTAX_LOCK);
  row.mtu = number(RTAX_MTU);
  row.window = number(RTAX_WINDOW);
  row.advmss = number(RTAX_ADVMSS);
  row.hoplimit = number(RTAX_HOPLIMIT);
  row.initcwnd = number(RTAX_INITCWND);
  row.rto_min_ms = number(RTAX_RTO_MIN);
  row.initrwnd = number(RTAX_INITRWND);
  row.quickack = number(RTAX_QUICKACK);
  row.congctl = texts.intern(read_text(at[RTAX_CC_ALGO]));
  return true;
}

std::uint32_t seconds_left(Bytes cacheinfo) {
  static const long ticks_per_second = sysconf(_SC_CLK_TCK);
  if (cacheinfo.size() < sizeof(rta_cacheinfo)) return 0;
  const std::int64_t ticks = read_number<rta_cacheinfo>(cacheinfo).rta_expires;
  return ticks <= 0 ? 0 : static_cast<std::uint32_t>(std::max<std::int64_t>(1, ticks / ticks_per_second));
}

bool leads_somewhere(const facts::Route& row) {
  switch (row.type) {
    case RTN_BLACKHOLE:
    case RTN_UNREACHABLE:
    case RTN_PROHIBIT:
    case RTN_THROW:
      return false;
    default:
      return row.ifindex != 0 || !row.gateway.empty();
  }
}

}  // namespace

RouteCollector::RouteCollector(RtnlReader& reader, const TableNames& tables, RouteTables fill,
                               const RouteFilter& filter)
    : reader_(reader),
      tables_(tables),
      fill_(fill),
      filter_(filter),
      routes_(fill.routes ? reader.out.rows<facts::Route>() : unasked_routes_),
      hops_(fill.nexthops ? reader.out.rows<facts::RouteNexthop>() : unasked_hops_) {}

void RouteCollector::begin(Family family) {
  family_ = family;
  routes_before_ = routes_.size();
  hops_before_ = hops_.size();
}

void RouteCollector::restart() {
  routes_.resize(routes_before_);
  hops_.resize(hops_before_);
  counts_.clear();
  last_count_ = nullptr;
}

void RouteCollector::finish() {
  for (const auto& [key, routes] : std::map(counts_.begin(), counts_.end())) {  // in an order that stays
    facts::RouteSummary row;
    row.netns = reader_.netns;
    row.family = family_;
    row.table_id = static_cast<std::uint32_t>(key >> 16);
    row.table_name = tables_.of(row.table_id);
    row.type = static_cast<std::uint8_t>(key >> 8);
    row.protocol = static_cast<std::uint8_t>(key);
    row.routes = routes;
    reader_.out.rows<facts::RouteSummary>().push_back(row);
  }
  counts_.clear();
  last_count_ = nullptr;
}

Symbol RouteCollector::table_name(std::uint32_t table) {
  if (table != last_table_) {
    last_table_ = table;
    last_table_name_ = tables_.of(table);
  }
  return last_table_name_;
}

Symbol RouteCollector::interface_name(std::uint32_t ifindex) {
  if (ifindex != last_ifindex_) {
    last_ifindex_ = ifindex;
    last_ifname_ = reader_.names.of(ifindex);
  }
  return last_ifname_;
}

bool RouteCollector::passes_header(const void* header) const {
  const auto& route = *static_cast<const rtmsg*>(header);
  return family_of(route.rtm_family) == family_ && (route.rtm_flags & RTM_F_CLONED) == 0 &&
         allows(filter_.types, std::uint8_t{route.rtm_type}) &&
         allows(filter_.protocols, std::uint8_t{route.rtm_protocol});
}

Result<void> RouteCollector::add(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWROUTE) return {};
  const auto* header = header_of<rtmsg>(message);
  if (header == nullptr) return unexpected(malformed(kRouteDump));
  if (!passes_header(header)) return {};
  std::array<Bytes, RTA_MAX + 1> at;
  if (!parse_attributes(attributes_of(message, sizeof *header), at)) return unexpected(malformed(kRouteDump));
  const std::uint32_t table = at[RTA_TABLE].empty() ? header->rtm_table : read_number<std::uint32_t>(at[RTA_TABLE]);
  if (!allows(filter_.tables, table)) return {};

  if (fill_.summary) {
    const std::uint64_t key = std::uint64_t{table} << 16 | std::uint64_t{header->rtm_type} << 8 | header->rtm_protocol;
    if (last_count_ == nullptr || key != last_key_) {
      last_key_ = key;
      last_count_ = &counts_[key];
    }
    ++*last_count_;
  }
  const bool has_hops = at[RTA_MULTIPATH].data() != nullptr;
  if (!fill_.routes && !(fill_.nexthops && has_hops)) return {};

  make_room(routes_);
  facts::Route& row = routes_.emplace_back();
  row.netns = reader_.netns;
  row.family = family_;
  row.table_id = table;
  row.table_name = table_name(table);
  row.dst_length = header->rtm_dst_len;
  row.tos = header->rtm_tos;
  row.type = header->rtm_type;
  row.protocol = header->rtm_protocol;
  row.scope = header->rtm_scope;
  row.flags = header->rtm_flags;
  row.dst = at[RTA_DST].empty() ? IpAddress::any(family_) : IpAddress::from_bytes(at[RTA_DST]);
  row.gateway = at[RTA_VIA].empty() ? IpAddress::from_bytes(at[RTA_GATEWAY]) : via_address(at[RTA_VIA]);
  row.prefsrc = IpAddress::from_bytes(at[RTA_PREFSRC]);
  row.ifindex = read_number<std::uint32_t>(at[RTA_OIF]);
  row.ifname = interface_name(row.ifindex);
  row.priority = read_number<std::uint32_t>(at[RTA_PRIORITY]);
  row.nexthop_id = read_number<std::uint32_t>(at[RTA_NH_ID]);
  row.expires_s = seconds_left(at[RTA_CACHEINFO]);
  if (!at[RTA_PREF].empty()) row.pref = read_number<std::uint8_t>(at[RTA_PREF]);
  if (!at[RTA_METRICS].empty() || !at[RTA_SRC].empty()) {
    facts::RouteExtras extras;
    extras.src = IpAddress::from_bytes(at[RTA_SRC]);
    extras.src_length = header->rtm_src_len;
    if (!fill_metrics(at[RTA_METRICS], reader_.out, extras)) return unexpected(malformed(kRouteDump));
    row.extras = facts::SharedExtras(extras, [&](std::string_view bytes) { return reader_.out.intern(bytes); });
  }
  if (row.dst.family() != family_) return unexpected(malformed(kRouteDump));
  if (has_hops) {
    if (!fill_hops(at[RTA_MULTIPATH], row)) return unexpected(malformed(kRouteDump));
  } else {
    row.nexthops = leads_somewhere(row) ? 1 : 0;
  }
  if (!fill_.routes || (filter_.rows != nullptr && !filter_.rows->wants(&row))) routes_.pop_back();
  return {};
}

bool RouteCollector::fill_hops(Bytes multipath, facts::Route& route) {
  while (multipath.size() >= sizeof(rtnexthop)) {
    const auto hop = read_number<rtnexthop>(multipath);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > multipath.size()) return false;
    std::array<Bytes, RTA_VIA + 1> at;
    if (!parse_attributes(multipath.subspan(sizeof hop, hop.rtnh_len - sizeof hop), at)) return false;
    if (fill_.nexthops) {
      facts::RouteNexthop& row = hops_.emplace_back();
      row.netns = reader_.netns;
      row.family = route.family;
      row.table_id = route.table_id;
      row.table_name = route.table_name;
      row.dst = route.dst;
      row.dst_length = route.dst_length;
      row.priority = route.priority;
      row.hop = route.nexthops;
      row.gateway = at[RTA_VIA].empty() ? IpAddress::from_bytes(at[RTA_GATEWAY]) : via_address(at[RTA_VIA]);
      row.ifindex = static_cast<std::uint32_t>(hop.rtnh_ifindex);
      row.ifname = interface_name(row.ifindex);
      row.weight = static_cast<std::uint16_t>(hop.rtnh_hops + 1);
      row.flags = hop.rtnh_flags;
    }
    ++route.nexthops;
    multipath = multipath.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), multipath.size()));
  }
  return true;
}

namespace {

void add_filters(NetlinkRequest& request, rtmsg& header, const RouteFilter& filter) {
  // The header is only valid until the first attribute is added.
  if (filter.types && filter.types->size() == 1) header.rtm_type = filter.types->front();
  if (filter.protocols && filter.protocols->size() == 1) header.rtm_protocol = filter.protocols->front();
  if (filter.tables && filter.tables->size() == 1) request.add_u32(RTA_TABLE, filter.tables->front());
  if (filter.ifindexes && filter.ifindexes->size() == 1) request.add_u32(RTA_OIF, filter.ifindexes->front());
}

template <typename Value>
bool wants_none(const std::optional<std::vector<Value>>& values) {
  return values && values->empty();
}

}  // namespace

Result<void> read_routes(RtnlReader& reader, const TableNames& tables, RouteTables fill, const RouteFilter& filter,
                         bool strict) {
  RouteCollector collector(reader, tables, fill, filter);
  if (wants_none(filter.tables) || wants_none(filter.types) || wants_none(filter.protocols) ||
      wants_none(filter.ifindexes)) {
    return {};
  }
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (!allows(filter.families, family)) continue;
    NetlinkRequest request(RTM_GETROUTE, 0);
    auto& header = request.header<rtmsg>();
    header.rtm_family = address_family_of(family);
    if (strict) add_filters(request, header, filter);
    collector.begin(family);
    auto done = reader.socket.dump(
        request, kRouteDump, [&](const nlmsghdr& message) { return collector.add(message); },
        [&] { collector.restart(); });
    // "No such table" or "no such interface" is the kernel's way to say that a filter matches nothing.
    const bool nothing = !done && strict && (done.error().sys_errno == ENOENT || done.error().sys_errno == ENODEV);
    if (!done) collector.restart();
    if (!done && !nothing) return done;
    collector.finish();
  }
  return {};
}

}  // namespace hostcheck::kernel
