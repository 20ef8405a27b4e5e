// Classic BPF programs that let a capture hear the few packets that findings are about, and nothing else. They err
// towards too many: whoever reads the packets looks again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <linux/filter.h>

#include "core/base/address.h"

namespace hostcheck::kernel {

// Bytes of a packet that the programs let through, from the link header on: every header, and of an ICMP error the
// headers that it quotes.
inline constexpr std::uint32_t kCapturedBytes = 320;
// Addresses of each family that probe_filter() takes; more are left out. Two such programs, the former and its
// successor, fit net.core.optmem_max as it was until Linux 6.6 (20 KiB).
inline constexpr std::size_t kMostPeers = 64;

// Where packets begin: at an Ethernet header (SOCK_RAW; Ethernet and loopback devices only), or at the network header
// (SOCK_DGRAM; all other devices).
enum class PacketStart : std::uint8_t { ethernet, network };

// TCP segments with SYN or RST and ICMP errors, behind up to two VLAN tags. IPv6 packets with extension headers pass
// whatever they are.
[[nodiscard]] std::vector<sock_filter> handshake_filter(PacketStart start);
// What probes to these addresses exchange: TCP segments without data or with SYN, RST or FIN, and datagrams, to and
// from a peer; ICMP errors, echo, ARP and neighbour discovery, whoever sends them.
[[nodiscard]] std::vector<sock_filter> probe_filter(PacketStart start, std::span<const IpAddress> peers);

}  // namespace hostcheck::kernel
