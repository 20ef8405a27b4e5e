// Reading a captured packet: its addresses and ports, what tells it from others, and where its headers end. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/base/address.h"

namespace hostcheck::observe {

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpAck = 0x10;

// An IP packet, or an ICMP error's quotation of one.
struct PacketHeader {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;      // behind IPv6's extension headers
  bool later_fragment = false;    // not the first one: no ports are known
  std::uint16_t source_port = 0;  // of TCP and UDP
  std::uint16_t destination_port = 0;
  std::uint16_t echo_id = 0;  // of ICMP echo and its reply
};

struct Frame {
  PacketHeader header;  // of ARP: protocol 0, the sender's address and the one that is asked for
  std::uint8_t tcp_flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  bool icmp_error = false;
  std::optional<PacketHeader> quoted;  // what an ICMP error is about
  std::optional<IpAddress> neighbour;  // target of a neighbour solicitation or advertisement
  std::size_t header_bytes = 0;        // from the packet's first byte to the end of the last header

  [[nodiscard]] bool is_tcp() const { return header.protocol == 6 && !header.later_fragment; }
  [[nodiscard]] bool has(std::uint8_t flags) const { return is_tcp() && (tcp_flags & flags) == flags; }
  [[nodiscard]] bool is_syn() const { return has(kTcpSyn) && (tcp_flags & kTcpAck) == 0; }
  [[nodiscard]] bool is_syn_ack() const { return has(kTcpSyn | kTcpAck); }
};

// A packet from its Ethernet header on, past up to two VLAN tags; nullopt for what is neither IPv4, IPv6 nor ARP, or is
// too short to tell.
[[nodiscard]] std::optional<Frame> read_ethernet(std::span<const std::uint8_t> bytes);
// The same from the network header on.
[[nodiscard]] std::optional<Frame> read_network(std::span<const std::uint8_t> bytes, std::uint16_t ethertype);

}  // namespace hostcheck::observe
