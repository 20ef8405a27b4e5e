// IP packets as probes send them, whole from the IP header on. Pure: bytes in, bytes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/flow.h"
#include "core/probe/checksum.h"

namespace hostcheck::probe {

using Bytes = std::vector<std::uint8_t>;

// What a probe is carried by.
enum class Transport : std::uint8_t { tcp, udp, icmp };
// "tcp", "udp", "icmp"
[[nodiscard]] std::string_view name_of(Transport transport);
[[nodiscard]] std::optional<Transport> transport_by_name(std::string_view name);

// A conversation as those who look on are told of it. own: source port, or the identifier of echoes. peer_port: 0 for
// any.
[[nodiscard]] Flow flow_of(Transport transport, const IpAddress& peer, std::uint16_t own, std::uint16_t peer_port);

// The IP header's fields that a probe chooses.
struct Envelope {
  IpAddress source;
  IpAddress destination;
  std::uint8_t ttl = 64;         // hop limit in IPv6
  std::uint16_t id = 0;          // IPv4 identification; the kernel fills in another for 0
  bool dont_fragment = true;     // IPv4; IPv6 routers never fragment
  std::uint32_t flow_label = 0;  // IPv6, 20 bits
};

// Ports of TCP and UDP.
struct Ports {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
};

// Bytes of the IP header (20 or 40).
[[nodiscard]] std::size_t ip_header_size(Family family);
// The smallest packet that the functions below make for a transport, IP header and all, bytes.
[[nodiscard]] std::size_t smallest_packet(Family family, Transport transport);

// Each makes a packet of `size` bytes in all (not below smallest_packet, at most 65535), zeros where nothing else is
// said. A SYN with this initial sequence number and a maximum segment size option; data follows where size asks for it.
[[nodiscard]] Bytes make_syn(const Envelope& envelope, Ports ports, std::uint32_t sequence, std::size_t size);
// A RST without data, which takes back a SYN when its sequence number is the SYN's plus one.
[[nodiscard]] Bytes make_reset(const Envelope& envelope, Ports ports, std::uint32_t sequence);
// A datagram whose checksum is `checksum` (1 to 65534): its first two bytes of data see to that.
[[nodiscard]] Bytes make_datagram(const Envelope& envelope, Ports ports, std::uint16_t checksum, std::size_t size);
// An echo request whose checksum is `checksum` (1 to 65534), in the same way.
[[nodiscard]] Bytes make_echo(const Envelope& envelope, std::uint16_t id, std::uint16_t sequence,
                              std::uint16_t checksum, std::size_t size);

// The packet in two fragments, the first with `first` bytes after its IP header, rounded down to a multiple of 8. IPv4
// needs an Envelope with an id and without dont_fragment; `id` is IPv6's.
[[nodiscard]] std::vector<Bytes> cut_in_two(std::span<const std::uint8_t> packet, std::size_t first, std::uint32_t id);

}  // namespace hostcheck::probe
