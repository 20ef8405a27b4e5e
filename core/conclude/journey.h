// What a packet to a target does when it leaves this host: rule, table, route, next hop, source, egress, MTU,
// neighbour, packet filter, queueing discipline, each with the kernel's own word for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/kernel/route_lookup.h"

namespace hostcheck::conclude {

struct Traveller {
  std::string target;  // as it was named
  IpAddress address;
  std::uint16_t port = 0;        // 0: none
  std::string protocol = "tcp";  // "tcp", "udp", "icmp"
  IpAddress source;              // empty: the kernel chooses
  std::string interface;         // of a socket that is bound to it; "" for none
  std::uint32_t mark = 0;        // SO_MARK
  std::uint32_t uid = 0;         // of the sending process
};

// What a journey is told from, apart from the kernel's lookup.
[[nodiscard]] facts::Request journey_reads();
// What is read besides when the kernel has no way, to say what refuses it.
[[nodiscard]] facts::Request refusal_reads();

// Where it starts, and how to ask.
struct Surroundings {
  std::string netns;
  const facts::Facts* facts = nullptr;  // journey_reads() of that namespace
  std::function<Result<kernel::RouteLookup>(const kernel::RouteQuery&)> look_up;
  std::function<facts::Facts()> refusals;  // refusal_reads() of that namespace
};

// Appends one row of journeys and its path_steps. An IPv4 packet of a connection is looked up twice, as connect(2)
// does it: without a source, then with the one that was chosen.
void add_journey(const Traveller& traveller, const Surroundings& from, facts::Facts& out);

}  // namespace hostcheck::conclude
