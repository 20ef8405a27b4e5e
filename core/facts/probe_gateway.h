// What probes of kind gateway found about next hops and own addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/neighbour.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// How long answers took, and how many came.
struct ProbeDelays {
  std::uint32_t sent = 0;
  std::uint32_t answered = 0;
  std::optional<double> min_ms, median_ms, high_ms, max_ms;  // absent: nothing was answered
};

// One neighbour that was asked.
struct ProbeGateway {
  std::uint32_t probe = 0;
  Symbol netns;
  IpAddress gateway;  // the address asked for
  Symbol ifname;
  Symbol method;     // "arp", "ndp", "echo", "udp"
  Symbol outcome;    // "answers", "silent", "duplicate", "flux", "failover", "several", "unique", "unclear"
  bool own = false;  // an address of this host, asked for to find duplicates
  std::uint32_t questions = 0;
  std::uint32_t answers = 0;  // questions that were answered
  LinkAddress lladdr;         // that answered most
  std::string lladdrs;        // all that answered, with how often
  std::uint32_t lladdr_count = 0;
  Symbol virtual_router;
  std::optional<bool> same_host;
  LinkAddress neighbour_lladdr;
  std::optional<NeighbourState> neighbour_state;
  std::optional<bool> neighbour_agrees;
  ProbeDelays direct;   // unicast ARP or neighbour solicitations
  ProbeDelays echo;     // ICMP echo to the gateway
  ProbeDelays through;  // ICMP echo to an address behind it
  IpAddress beyond;     // that address
  std::string echo_from;
  std::string through_from;
  std::optional<bool> asymmetric;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
