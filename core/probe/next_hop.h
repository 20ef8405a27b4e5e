// The next hop that a connect waits for, when the link does not find it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/facts/neighbour.h"
#include "core/probe/context.h"

namespace hostcheck::probe {

struct UnfoundHop {
  IpAddress address;  // the gateway, or the destination itself on-link
  std::string ifname;
  facts::NeighbourState state = facts::NeighbourState::none;  // failed or incomplete
};

// A TCP connection that is under way or has failed.
struct Flow {
  IpAddress source;  // empty where it is not known
  std::uint16_t source_port = 0;
  IpAddress destination;
  std::uint16_t destination_port = 0;
};

struct Hop {
  IpAddress address;  // the gateway, or the destination itself on-link
  std::uint32_t ifindex = 0;
};

// The next hop of the flow's route now. nullopt where there is none and where the kernel cannot be asked. IPv6 leaves a
// route whose next hop was not found for a less specific one (fib6_table_lookup): ask before the flow begins.
[[nodiscard]] std::optional<Hop> next_hop_of(const Context& context, const Flow& flow);
// Where the hop's neighbour entry is failed or incomplete: ARP or NDP has asked for it and has no answer. nullopt in
// every other case, and where the kernel cannot be asked.
[[nodiscard]] std::optional<UnfoundHop> if_unfound(const Context& context, const Hop& hop);

// "next hop 10.0.0.1 on eth0 is not found: nobody answers ARP for it (neighbour entry failed)"
[[nodiscard]] std::string words_of(const UnfoundHop& hop, const IpAddress& destination);

}  // namespace hostcheck::probe
