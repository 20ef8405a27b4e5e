// What probes of the kind trace found: the routers on the way to an address, and where packets are lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One address that answered at one distance, for one protocol; a distance that nobody answered at is a row without one.
struct ProbeHop {
  std::uint32_t probe = 0;  // ProbeResult::id
  Symbol netns;
  IpAddress target;
  Symbol protocol;  // "tcp", "udp", "icmp"
  std::uint32_t ttl = 0;
  IpAddress address;           // who answered; empty for nobody
  std::uint32_t flows = 0;     // different flows that were answered by it
  std::uint32_t sent = 0;      // probes with this ttl, of all flows
  std::uint32_t answered = 0;  // of those, by this address
  std::optional<double> loss;  // share of this distance's probes that nobody answered; absent for a silent one
  bool carried = false;        // that loss goes on to the target: it is real
  bool limited = false;        // it answers only so often: what it leaves out says nothing
  bool per_packet = false;     // packets of one flow are spread over several routers here
  std::optional<double> rtt_min_ms;
  std::optional<double> rtt_median_ms;
  std::optional<double> rtt_max_ms;
  std::string mpls;  // "16001/24015": labels that the router quoted, outermost first; "" for none
  std::optional<std::uint32_t> asn;
  std::string as_name;
  static const TableInfo& table();
};

// One protocol's way to the target.
struct ProbeTrace {
  std::uint32_t probe = 0;
  Symbol netns;
  IpAddress target;
  Symbol protocol;
  std::uint32_t port = 0;  // destination port; 0 for ICMP
  Symbol outcome;          // "clean", "loss", "flow_loss", "filtered", "unreached", "unclear", "not_tried"
  bool reached = false;
  std::uint32_t flows = 0;     // different flows that were sent
  std::uint32_t sent = 0;      // probes with all the hops they need
  std::uint32_t answered = 0;  // of those, by the target
  std::optional<double> loss;
  std::optional<std::uint32_t> distance;            // hops to the target, itself included
  std::optional<std::uint32_t> loss_begins_ttl;     // first distance that has the carried loss
  std::optional<std::uint32_t> loss_may_begin_ttl;  // first distance that is not 100 times less likely for it
  IpAddress loss_begins_address;                    // who answers at loss_begins_ttl
  IpAddress clean_until;                            // the last router before it that answers without this loss
  std::optional<std::uint32_t> loss_begins_asn;
  std::string loss_begins_as_name;
  std::optional<std::uint32_t> stops_after_ttl;  // where given flows, or all, stop: the last distance that answers them
  IpAddress stops_after;
  std::string reading;  // what it means, in words
  std::uint32_t packets = 0;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
