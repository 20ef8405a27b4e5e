#include "core/kernel/route_lookup.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include <linux/rtnetlink.h>
#include <unistd.h>

#include "core/kernel/rtnl.h"

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kLookup = "RTM_GETROUTE";

std::uint16_t network_order(std::uint16_t value) {
  return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(value << 8 | value >> 8) : value;
}

NetlinkRequest request_of(const RouteQuery& query, std::uint32_t flags) {
  NetlinkRequest request(RTM_GETROUTE, 0);
  const auto bits = static_cast<unsigned char>(query.dst.size() * 8);
  auto& header = request.header<rtmsg>();
  header.rtm_family = address_family_of(query.dst.family());
  header.rtm_dst_len = bits;
  header.rtm_src_len = query.src.empty() ? 0 : bits;
  header.rtm_tos = query.tos;
  header.rtm_flags = flags;
  request.add(RTA_DST, query.dst.bytes());
  if (!query.src.empty()) request.add(RTA_SRC, query.src.bytes());
  if (query.oif != 0) request.add_u32(RTA_OIF, query.oif);
  if (query.iif != 0) request.add_u32(RTA_IIF, query.iif);
  if (query.mark != 0) request.add_u32(RTA_MARK, query.mark);
  if (query.uid) request.add_u32(RTA_UID, *query.uid);
  if (query.ip_proto != 0) request.add_u8(RTA_IP_PROTO, query.ip_proto);
  if (query.sport != 0) request.add_u16(RTA_SPORT, network_order(query.sport));
  if (query.dport != 0) request.add_u16(RTA_DPORT, network_order(query.dport));
  return request;
}

// RTA_VIA: a next hop of another family than the route.
IpAddress gateway_of(Bytes gateway, Bytes via) {
  if (via.size() > sizeof(rtvia)) return IpAddress::from_bytes(via.subspan(sizeof(rtvia)));
  return IpAddress::from_bytes(gateway);
}

bool parse_hops(Bytes multipath, std::vector<LookedUpHop>& hops) {
  while (multipath.size() >= sizeof(rtnexthop)) {
    const auto hop = read_number<rtnexthop>(multipath);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > multipath.size()) return false;
    std::array<Bytes, RTA_VIA + 1> at;
    if (!parse_attributes(multipath.subspan(sizeof hop, hop.rtnh_len - sizeof hop), at)) return false;
    hops.push_back({gateway_of(at[RTA_GATEWAY], at[RTA_VIA]), static_cast<std::uint32_t>(hop.rtnh_ifindex),
                    hop.rtnh_flags, static_cast<std::uint16_t>(hop.rtnh_hops + 1)});
    multipath = multipath.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), multipath.size()));
  }
  return true;
}

bool parse_metrics(Bytes metrics, LookedUpRoute& route) {
  std::array<Bytes, RTAX_MAX + 1> at;
  if (!parse_attributes(metrics, at)) return false;
  route.mtu = read_number<std::uint32_t>(at[RTAX_MTU]);
  route.advmss = read_number<std::uint32_t>(at[RTAX_ADVMSS]);
  route.mtu_locked = (read_number<std::uint32_t>(at[RTAX_LOCK]) & 1U << RTAX_MTU) != 0;
  return true;
}

// RTA_CACHEINFO: seconds left, and for IPv6 the error that the route answers with.
int parse_cacheinfo(Bytes cacheinfo, LookedUpRoute& route) {
  if (cacheinfo.size() < sizeof(rta_cacheinfo)) return 0;
  static const long ticks_per_second = sysconf(_SC_CLK_TCK);
  const auto info = read_number<rta_cacheinfo>(cacheinfo);
  if (info.rta_expires > 0) {
    route.expires_s = static_cast<std::uint32_t>(std::max(1L, info.rta_expires / ticks_per_second));
  }
  const auto error = static_cast<std::int32_t>(info.rta_error);
  return error < 0 ? -error : error;
}

struct Answered {
  LookedUpRoute route;
  int error = 0;
};

Result<Answered> parse_answer(const nlmsghdr& message) {
  const auto* header = header_of<rtmsg>(message);
  std::array<Bytes, RTA_MAX + 1> at;
  if (message.nlmsg_type != RTM_NEWROUTE || header == nullptr ||
      !parse_attributes(attributes_of(message, sizeof *header), at)) {
    return unexpected(malformed(kLookup));
  }
  const Family family = family_of(header->rtm_family);
  Answered out;
  LookedUpRoute& route = out.route;
  route.table_id = at[RTA_TABLE].empty() ? header->rtm_table : read_number<std::uint32_t>(at[RTA_TABLE]);
  route.dst = at[RTA_DST].empty() ? IpAddress::any(family) : IpAddress::from_bytes(at[RTA_DST]);
  route.dst_length = header->rtm_dst_len;
  route.type = header->rtm_type;
  route.protocol = header->rtm_protocol;
  route.scope = header->rtm_scope;
  route.flags = header->rtm_flags;
  route.priority = read_number<std::uint32_t>(at[RTA_PRIORITY]);
  route.nexthop_id = read_number<std::uint32_t>(at[RTA_NH_ID]);
  route.prefsrc = IpAddress::from_bytes(at[RTA_PREFSRC]);
  if (!parse_metrics(at[RTA_METRICS], route)) return unexpected(malformed(kLookup));
  out.error = parse_cacheinfo(at[RTA_CACHEINFO], route);
  if (at[RTA_MULTIPATH].data() != nullptr) {
    if (!parse_hops(at[RTA_MULTIPATH], route.hops)) return unexpected(malformed(kLookup));
  } else if (!at[RTA_OIF].empty() || !at[RTA_GATEWAY].empty()) {
    route.hops.push_back(
        {gateway_of(at[RTA_GATEWAY], at[RTA_VIA]), read_number<std::uint32_t>(at[RTA_OIF]), header->rtm_flags, 1});
  }
  return out;
}

// The errors by which the kernel says that a packet goes nowhere, rather than that it could not be asked.
bool is_verdict(int err) {
  return err == ENETUNREACH || err == EHOSTUNREACH || err == EACCES || err == EINVAL || err == ENODEV;
}

Result<Answered> ask(NetlinkSocket& socket, const RouteQuery& query, std::uint32_t flags) {
  NetlinkRequest request = request_of(query, flags);
  std::optional<Answered> answer;
  const auto told = socket.talk(request, kLookup, [&](const nlmsghdr& message) -> Result<void> {
    auto parsed = parse_answer(message);
    if (!parsed) return unexpected(parsed.error());
    answer = *std::move(parsed);
    return {};
  });
  if (!told && is_verdict(told.error().sys_errno)) return Answered{{}, told.error().sys_errno};
  if (!told) return unexpected(told.error());
  if (!answer) return unexpected(malformed(kLookup));
  return *std::move(answer);
}

}  // namespace

bool is_local(const LookedUpRoute& route) {
  return route.type == RTN_LOCAL;
}

Result<LookedUpRoute> parse_looked_up_route(const nlmsghdr& message) {
  auto parsed = parse_answer(message);
  if (!parsed) return unexpected(parsed.error());
  return std::move(parsed->route);
}

Result<RouteLookup> look_up_route(NetlinkSocket& socket, const RouteQuery& query) {
  auto way = ask(socket, query, RTM_F_LOOKUP_TABLE);
  if (!way) return unexpected(way.error());
  RouteLookup out{way->error, std::move(way->route), std::nullopt};
  auto entry = ask(socket, query, RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH);
  if (!entry) return unexpected(entry.error());
  // A kernel that does not know the flag answers with the packet's own way again.
  const bool is_entry = entry->error == 0 || !entry->route.dst.empty();
  if (is_entry && (entry->route.flags & RTM_F_CLONED) == 0) out.entry = std::move(entry->route);
  return out;
}

Result<RouteLookup> look_up_route(const NetnsInfo& netns, const RouteQuery& query) {
  const auto scope = NetnsScope::enter(netns);
  if (!scope) return unexpected(scope.error());
  auto socket = NetlinkSocket::open(kNetlinkRoute);
  if (!socket) return unexpected(socket.error());
  return look_up_route(*socket, query);
}

}  // namespace hostcheck::kernel
