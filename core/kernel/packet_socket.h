// Packets as sockets give them, with the kernel's receive time; AF_PACKET sockets for frames of one interface.
// All functions work on a descriptor that somebody else opened, in whatever namespace that was.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <linux/filter.h>

#include "core/base/address.h"
#include "core/base/result.h"

namespace hostcheck::kernel {

// sll_pkttype of packet(7).
enum class FrameKind : std::uint8_t { none, to_us, broadcast, multicast, to_other, outgoing };

// One packet that a socket gave.
struct Received {
  std::span<const std::uint8_t> bytes;  // lies in the buffer that receive() was given
  bool truncated = false;               // the buffer was too short
  // CLOCK_REALTIME when the kernel took it from the device (SO_TIMESTAMPNS); 0 without ask_timestamps().
  std::chrono::nanoseconds at{0};
  IpAddress from;  // of IP sockets
  std::uint16_t from_port = 0;
  std::optional<std::uint8_t> ttl;  // IP_TTL, IPV6_HOPLIMIT; with ask_ttl()
  LinkAddress from_link;            // of AF_PACKET sockets, as are the next three
  std::uint32_t ifindex = 0;
  std::uint16_t ethertype = 0;
  FrameKind kind = FrameKind::none;
};

// The next packet that waits; nullopt when none does. A pending error of the socket (SO_ERROR) is an Error.
[[nodiscard]] Result<std::optional<Received>> receive(int fd, std::span<std::uint8_t> buffer);
// Time as Received::at counts it.
[[nodiscard]] std::chrono::nanoseconds wall_clock();

// SO_TIMESTAMPNS: receive() tells when the kernel took each packet.
[[nodiscard]] Result<void> ask_timestamps(int fd);
// IP_RECVTTL or IPV6_RECVHOPLIMIT.
[[nodiscard]] Result<void> ask_ttl(int fd, Family family);
// SO_ATTACH_FILTER, a classic BPF program; what the socket held already is thrown away. Offsets count from the link
// header for SOCK_RAW packet sockets, from the network header for SOCK_DGRAM ones and raw IPv4 sockets, from the
// transport header for raw IPv6 sockets.
[[nodiscard]] Result<void> attach_filter(int fd, std::span<const sock_filter> program);

// Binds an AF_PACKET socket to frames of one ethertype (host order, ETH_P_ALL for all) on one interface (0: all).
[[nodiscard]] Result<void> bind_packets(int fd, std::uint16_t ethertype, std::uint32_t ifindex);
// Sends a network-layer packet from an AF_PACKET SOCK_DGRAM socket; the kernel writes the link header.
[[nodiscard]] Result<void> send_frame(int fd, std::uint32_t ifindex, std::uint16_t ethertype, const LinkAddress& to,
                                      std::span<const std::uint8_t> payload);
// SO_BINDTODEVICE of any socket.
[[nodiscard]] Result<void> bind_device(int fd, std::string_view ifname);
// SIOCGIFINDEX, in the socket's namespace. Error code vanished where there is no such interface.
[[nodiscard]] Result<std::uint32_t> interface_index(int fd, std::string_view ifname);
// SIOCGIFNAME, in the socket's namespace.
[[nodiscard]] Result<std::string> interface_name_at(int fd, std::uint32_t ifindex);
// SIOCGIFMTU, in the socket's namespace, bytes.
[[nodiscard]] Result<std::uint32_t> interface_mtu(int fd, std::string_view ifname);
// SIOCGIFHWADDR, in the socket's namespace; empty where the device has none.
[[nodiscard]] Result<LinkAddress> interface_link_address(int fd, std::string_view ifname);

}  // namespace hostcheck::kernel
