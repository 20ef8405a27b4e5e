// Sockets as sock_diag shows them: TCP listeners and connections, UDP sockets, and how many there are in each state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

enum class Transport : std::uint8_t { tcp, udp };
// "tcp", "udp"
[[nodiscard]] std::string_view name_of(Transport transport);

// Numbers as in the kernel's include/net/tcp_states.h.
enum class SocketState : std::uint8_t {
  none = 0,
  established,
  syn_sent,
  syn_recv,
  fin_wait1,
  fin_wait2,
  time_wait,
  close,
  close_wait,
  last_ack,
  listen,
  closing,
  new_syn_recv,  // never shown: sock_diag reports request sockets as SYN_RECV
  udp_connected = 32,
  udp_unconnected,
};
// "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
// "LISTEN", "CLOSING"; for UDP "CONNECTED" and "UNCONNECTED".
[[nodiscard]] std::string_view name_of(SocketState state);

// Numbers as inet_diag_msg.idiag_timer.
enum class SocketTimer : std::uint8_t { off, retransmit, keepalive, time_wait, persist };
// "off", "on" (retransmission or loss probe), "keepalive" (also: connection establishment of old kernels), "timewait",
// "persist"
[[nodiscard]] std::string_view name_of(SocketTimer timer);

enum class CongestionState : std::uint8_t { open, disorder, cwr, recovery, loss };
// "open", "disorder", "cwr", "recovery", "loss"
[[nodiscard]] std::string_view name_of(CongestionState state);

// A process that holds a descriptor of a socket. Rows point to it; the Facts keep it.
struct SocketOwner {
  std::uint32_t pid = 0;  // the lowest that was found
  Symbol process;         // /proc/PID/comm
  Symbol command;         // /proc/PID/cmdline, at most 256 bytes, unprintable bytes escaped
  Symbol cgroup;          // path in the unified hierarchy
};

// struct tcp_info as the kernel lays it out (include/uapi/linux/tcp.h; only ever grows at its end).
struct TcpInfo {
  std::uint8_t state, ca_state, retransmits, probes, backoff, options, wscale, flags;
  std::uint32_t rto, ato, snd_mss, rcv_mss;
  std::uint32_t unacked, sacked, lost, retrans, fackets;
  std::uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
  std::uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
  std::uint32_t rcv_rtt, rcv_space, total_retrans;
  std::uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
  std::uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
  std::uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
  std::uint32_t delivered, delivered_ce;
  std::uint64_t bytes_sent, bytes_retrans;
  std::uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd, rcv_wnd, rehash;
  std::uint16_t total_rto, total_rto_recoveries;
  std::uint32_t total_rto_time;
};

// What a socket's tcp_info says; bytes: how much of it this kernel gave. What lies beyond is absent, never 0.
struct ConnectionInfo {
  std::size_t bytes = 0;
  TcpInfo tcp{};
};

// INET_DIAG_SKMEMINFO, in the order of the kernel's SK_MEMINFO_*; count: how many of them this kernel gave.
struct SocketMemory {
  enum Field : std::uint8_t {
    rmem_alloc,
    rcvbuf,
    wmem_alloc,
    sndbuf,
    fwd_alloc,
    wmem_queued,
    optmem,
    backlog,
    drops,
    fields
  };
  std::uint32_t count = 0;
  std::array<std::uint32_t, fields> value{};
};

// The counters of a connection, kept only when two samples are taken.
struct ConnectionCounters {
  enum Field : std::uint8_t {
    retransmits,
    segs_out,
    segs_in,
    data_segs_out,
    data_segs_in,
    bytes_sent,
    bytes_acked,
    bytes_received,
    bytes_retrans,
    busy_time,
    rwnd_limited,
    sndbuf_limited,
    drops,
    fields
  };
  std::array<std::optional<Counter>, fields> value;
};

// A TCP socket that waits for connections.
struct Listener {
  Symbol netns;
  std::uint64_t cookie = 0;
  Family family = Family::none;
  Transport protocol = Transport::tcp;
  IpAddress address;
  std::uint16_t port = 0;
  Symbol ifname;              // bound to this device
  std::uint32_t ifindex = 0;  // 0: not bound
  std::uint32_t inode = 0;
  std::uint32_t uid = 0;
  std::uint32_t accept_queue = 0;
  std::uint32_t accept_limit = 0;
  std::uint32_t sharing = 1;
  std::optional<std::uint32_t> half_open;
  std::optional<std::uint32_t> unaccepted;
  std::optional<std::uint32_t> abandoned;  // of unaccepted
  std::optional<std::uint32_t> oldest_unaccepted_ms;
  std::optional<Counter>
      oldest_unaccepted;  // no count: which they are, so that an equal value says that none was taken
  std::optional<Counter> drops;
  std::optional<bool> v6only;
  std::optional<std::uint32_t> mark;
  std::optional<std::uint64_t> cgroup_id;
  std::optional<std::uint32_t> owners;
  const SocketOwner* owner = nullptr;
  static const TableInfo& table();
};

// Any other TCP socket. Small, because there may be many: what is not always asked for is behind pointers that the
// Facts keep.
struct Connection {
  Symbol netns;
  std::uint64_t cookie = 0;
  IpAddress local;
  IpAddress remote;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t ifindex = 0;
  std::uint32_t inode = 0;
  std::uint32_t uid = 0;
  std::uint32_t rx_queue = 0;
  std::uint32_t tx_queue = 0;
  std::uint32_t timer_ms = 0;
  SocketState state = SocketState::none;
  SocketTimer timer = SocketTimer::off;
  std::uint8_t retransmits_now = 0;
  bool has_mark = false;
  std::uint32_t mark = 0;
  std::uint64_t cgroup_id = 0;  // 0: not told
  Symbol congestion;
  std::int16_t tos = -1;       // -1: not told
  std::int16_t shutdown = -1;  // -1: not told
  const ConnectionInfo* info = nullptr;
  const SocketMemory* memory = nullptr;
  ConnectionCounters* counters = nullptr;
  const SocketOwner* owner = nullptr;
  static const TableInfo& table();
};

struct UdpSocket {
  Symbol netns;
  std::uint64_t cookie = 0;
  IpAddress local;
  IpAddress remote;  // any address and port 0 where it is not connected
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  SocketState state = SocketState::udp_unconnected;
  std::uint32_t ifindex = 0;
  std::uint32_t inode = 0;
  std::uint32_t uid = 0;
  std::uint32_t rx_queue = 0;
  std::uint32_t tx_queue = 0;
  std::optional<std::uint32_t> rcvbuf;
  std::optional<std::uint32_t> sndbuf;
  std::optional<Counter> drops;
  std::optional<std::uint32_t> mark;
  std::optional<std::uint64_t> cgroup_id;
  const SocketOwner* owner = nullptr;
  static const TableInfo& table();
};

struct SocketSummary {
  Symbol netns;
  Family family = Family::none;
  Transport protocol = Transport::tcp;
  SocketState state = SocketState::none;
  std::uint32_t sockets = 0;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
