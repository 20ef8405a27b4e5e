// What comes back for a probe: ICMP messages with the packet that they quote, TCP segments. Pure: bytes in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/address.h"
#include "core/probe/packet.h"

namespace hostcheck::probe {

// One entry of a label stack (RFC 3032) that a router quoted (RFC 4950).
struct MplsLabel {
  std::uint32_t label = 0;         // 20 bits
  std::uint8_t traffic_class = 0;  // 3 bits
  std::uint8_t ttl = 0;
  friend bool operator==(const MplsLabel&, const MplsLabel&) = default;
};

// The probe as an ICMP error quotes it: its IP header and at least 8 bytes more.
struct Quoted {
  IpAddress source;
  IpAddress destination;
  Transport transport = Transport::tcp;
  std::uint16_t ip_id = 0;     // IPv4
  Ports ports;                 // of TCP and UDP
  std::uint32_t sequence = 0;  // of TCP
  std::uint16_t checksum = 0;  // of UDP
  std::uint16_t echo_id = 0;
  std::uint16_t echo_sequence = 0;
};

enum class IcmpType : std::uint8_t {
  echo_reply,
  time_exceeded,  // in transit; reassembly's time is `other`
  too_big,        // fragmentation needed (ICMP), packet too big (ICMPv6)
  port_unreachable,
  prohibited,   // administratively, by a filter
  unreachable,  // any other code
  other,
};

struct IcmpAnswer {
  IcmpType type = IcmpType::other;
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;  // of too_big, bytes; 0 from routers before RFC 1191
  std::uint16_t echo_id = 0;
  std::uint16_t echo_sequence = 0;
  std::optional<Quoted> quoted;  // of errors, where a probe of ours could be read
  std::vector<MplsLabel> mpls;
};

struct TcpAnswer {
  Ports ports;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  bool syn = false;
  bool ack = false;
  bool rst = false;
};

// What a message of this type and code says.
[[nodiscard]] IcmpType icmp_type(Family family, std::uint8_t type, std::uint8_t code);
// packet: from the IP header on, and at least 8 bytes behind it. nullopt where no probe of ours could look so.
[[nodiscard]] std::optional<Quoted> parse_quoted(std::span<const std::uint8_t> packet);
// message: from the ICMP header on. nullopt where it is too short.
[[nodiscard]] std::optional<IcmpAnswer> parse_icmp(Family family, std::span<const std::uint8_t> message);
// segment: from the TCP header on.
[[nodiscard]] std::optional<TcpAnswer> parse_tcp(std::span<const std::uint8_t> segment);

}  // namespace hostcheck::probe
