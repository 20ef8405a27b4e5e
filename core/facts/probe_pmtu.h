// What probes of the kind pmtu found: how large a packet may be on its way to an address.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One way of asking: echo, SYN with data, UDP datagram, or fragments. Sizes are those of whole IP packets, bytes.
struct ProbePmtu {
  std::uint32_t probe = 0;  // ProbeResult::id
  Symbol netns;
  IpAddress address;
  Symbol method;   // "icmp", "tcp", "udp", "fragments"
  Symbol outcome;  // "full", "smaller", "black_hole", "unanswered", "unclear", "not_tried"; of fragments "arrive",
                   // "lost", "unanswered"
  bool decides = false;                       // the probe's outcome is this row's
  std::optional<std::uint32_t> path_mtu;      // largest that was answered
  std::optional<std::uint32_t> failing_size;  // smallest that fails; absent where the largest passes
  std::uint32_t device_mtu = 0;               // of the interface that the route goes out of
  std::optional<std::uint32_t> cached_mtu;    // what the kernel took for the path's MTU before the probe
  Symbol ifname;
  IpAddress gateway;      // next hop; empty on-link
  IpAddress errors_from;  // who said "too big"; empty for nobody
  std::optional<std::uint32_t> error_mtu;
  IpAddress passes_to;  // the last router that a packet of failing_size reached; empty for none
  std::optional<std::uint32_t> passes_to_ttl;
  std::uint32_t small_sent = 0;
  std::uint32_t small_answered = 0;
  std::uint32_t large_lost = 0;  // of those above path_mtu, or of the datagrams in fragments
  std::uint32_t packets = 0;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
