// TCP and UDP sockets of the present network namespace, by NETLINK_SOCK_DIAG.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <linux/netlink.h>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/facts/socket.h"
#include "core/kernel/netlink.h"

namespace hostcheck::kernel {

// One socket as the kernel tells it. Spans and text are valid only while the handler runs.
struct DiagSocket {
  facts::SocketState state = facts::SocketState::none;  // of UDP: established or close
  facts::SocketTimer timer = facts::SocketTimer::off;
  std::uint8_t retransmits = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  IpAddress local;
  IpAddress remote;
  std::uint32_t ifindex = 0;
  std::uint64_t cookie = 0;
  std::uint32_t timer_ms = 0;
  std::uint32_t rqueue = 0;  // listener: connections in the accept queue; else bytes
  std::uint32_t wqueue = 0;  // listener: limit of the accept queue; else bytes
  std::uint32_t uid = 0;
  std::uint32_t inode = 0;
  std::span<const std::uint8_t> tcp_info;  // data() nullptr where the kernel gave none
  std::span<const std::uint8_t>
      memory;  // SK_MEMINFO array of 32-bit numbers; data() nullptr where the kernel gave none
  std::string_view congestion;
  std::optional<std::uint8_t> tos;
  std::optional<std::uint8_t> shutdown;
  std::optional<bool> v6only;
  std::optional<std::uint32_t> mark;
  std::optional<std::uint64_t> cgroup_id;
};

// Bit of a state in SocketQuery::states.
[[nodiscard]] constexpr std::uint32_t state_bit(facts::SocketState state) {
  return 1U << static_cast<unsigned>(state);
}
// All states that a TCP socket can be seen in but LISTEN.
inline constexpr std::uint32_t kConnectionStates = 0xffeU & ~state_bit(facts::SocketState::listen);

// What to dump. The kernel does the filtering.
struct SocketQuery {
  facts::Transport protocol = facts::Transport::tcp;
  Family family = Family::none;  // none: both at once, which only TCP can
  std::uint32_t states = 0;      // state_bit of each
  bool tcp_info = false;
  bool memory = false;
  bool congestion = false;
  bool tos = false;
  // Only sockets with one of these ports; nullopt: any. More than 64 ports are not filtered.
  std::optional<std::vector<std::uint16_t>> local_ports;
  std::optional<std::vector<std::uint16_t>> remote_ports;
};

using SocketHandler = std::function<void(const DiagSocket&)>;

[[nodiscard]] Result<NetlinkSocket> open_sock_diag();

// Hands every socket that fits to handler. netlink: from open_sock_diag(). restart as in NetlinkSocket::dump.
// Error code unsupported: the kernel has no tcp_diag or udp_diag.
[[nodiscard]] Result<void> dump_sockets(NetlinkSocket& netlink, const SocketQuery& query, const SocketHandler& handler,
                                        const std::function<void()>& restart);

// One message of such a dump. Error: it is shorter than it says, or not an IPv4 or IPv6 socket.
[[nodiscard]] Result<DiagSocket> parse_socket(const nlmsghdr& message);

// The filter program for INET_DIAG_REQ_BYTECODE; empty where there is nothing to filter.
[[nodiscard]] std::vector<std::uint8_t> port_filter(const SocketQuery& query);

// tcp_info as the kernel gave it, however long; to.bytes says what is valid. Bytes beyond are not touched.
void copy_tcp_info(std::span<const std::uint8_t> payload, facts::ConnectionInfo& to);
// SK_MEMINFO likewise.
void copy_memory(std::span<const std::uint8_t> payload, facts::SocketMemory& to);

// The name of an interface in the present namespace; "" where there is none (any more).
[[nodiscard]] std::string interface_name(std::uint32_t ifindex);

}  // namespace hostcheck::kernel
