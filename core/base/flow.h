// A conversation with one peer, as its packets show it.
#pragma once

#include <cstdint>

#include "core/base/address.h"

namespace hostcheck {

// What tells a conversation's packets from others in one network namespace.
struct Flow {
  std::uint8_t protocol = 0;    // IP protocol number; 0: ARP or neighbour discovery for the peer's address
  IpAddress peer;               // the other end
  std::uint16_t own_port = 0;   // of TCP and UDP; ICMP echo: its identifier
  std::uint16_t peer_port = 0;  // of TCP and UDP; 0: any
  friend auto operator<=>(const Flow&, const Flow&) = default;
};

}  // namespace hostcheck
