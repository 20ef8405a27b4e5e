#include "core/probe/next_hop.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/kernel/neighbour_lookup.h"
#include "core/kernel/packet_socket.h"
#include "core/kernel/route_lookup.h"

namespace hostcheck::probe {

using facts::NeighbourState;

std::optional<Hop> next_hop_of(const Context& context, const Flow& flow) {
  kernel::RouteQuery query;
  query.dst = flow.destination;
  query.src = flow.source;
  query.ip_proto = IPPROTO_TCP;
  query.sport = flow.source_port;
  query.dport = flow.destination_port;
  const auto found = kernel::look_up_route(context.netns(), query);
  if (!found || found->error != 0 || found->route.hops.empty() || kernel::is_local(found->route)) return std::nullopt;
  const kernel::LookedUpHop& hop = found->route.hops.front();
  return Hop{hop.gateway.empty() ? flow.destination : hop.gateway, hop.ifindex};
}

std::optional<UnfoundHop> if_unfound(const Context& context, const Hop& hop) {
  const auto entry = kernel::find_neighbour(context.netns(), hop.ifindex, hop.address);
  if (!entry || !*entry) return std::nullopt;
  UnfoundHop out{hop.address, "", (*entry)->state};
  if (out.state != NeighbourState::failed && out.state != NeighbourState::incomplete) return std::nullopt;
  if (const auto fd = context.socket(AF_INET, SOCK_DGRAM, 0)) {
    out.ifname = kernel::interface_name_at(fd->get(), hop.ifindex).value_or("");
  }
  if (out.ifname.empty()) out.ifname = fmt::format("interface {}", hop.ifindex);
  return out;
}

std::string words_of(const UnfoundHop& hop, const IpAddress& destination) {
  return fmt::format("{}{} on {} is not found: nobody answers {} for it (neighbour entry {})",
                     hop.address == destination ? "on-link address " : "next hop ", hop.address.to_string(), hop.ifname,
                     hop.address.family() == Family::ipv4 ? "ARP" : "NDP", facts::name_of(hop.state));
}

}  // namespace hostcheck::probe
