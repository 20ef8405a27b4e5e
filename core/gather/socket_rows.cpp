#include "core/gather/socket_rows.h"

#include <cstddef>

namespace hostcheck::gather {
namespace {

using facts::ConnectionCounters;
using facts::SocketMemory;
using facts::TcpInfo;

std::optional<std::uint32_t> memory_field(const kernel::DiagSocket& socket, SocketMemory::Field field) {
  if (socket.memory.data() == nullptr) return std::nullopt;
  SocketMemory memory;
  kernel::copy_memory(socket.memory, memory);
  if (memory.count <= field) return std::nullopt;
  return memory.value[field];
}

std::optional<facts::Counter> as_counter(std::optional<std::uint32_t> value) {
  if (!value) return std::nullopt;
  return facts::Counter(*value);
}

// Fields of tcp_info that count, and where in it they end.
struct Counted {
  ConnectionCounters::Field field;
  std::size_t end;
  std::uint64_t (*read)(const TcpInfo&);
};
#define HOSTCHECK_COUNTED(field, member)                                            \
  Counted {                                                                         \
    ConnectionCounters::field, offsetof(TcpInfo, member) + sizeof(TcpInfo::member), \
        [](const TcpInfo& tcp) { return std::uint64_t{tcp.member}; }                \
  }
constexpr Counted kCounted[] = {
    HOSTCHECK_COUNTED(retransmits, total_retrans),
    HOSTCHECK_COUNTED(segs_out, segs_out),
    HOSTCHECK_COUNTED(segs_in, segs_in),
    HOSTCHECK_COUNTED(data_segs_out, data_segs_out),
    HOSTCHECK_COUNTED(data_segs_in, data_segs_in),
    HOSTCHECK_COUNTED(bytes_sent, bytes_sent),
    HOSTCHECK_COUNTED(bytes_acked, bytes_acked),
    HOSTCHECK_COUNTED(bytes_received, bytes_received),
    HOSTCHECK_COUNTED(bytes_retrans, bytes_retrans),
    HOSTCHECK_COUNTED(busy_time, busy_time),
    HOSTCHECK_COUNTED(rwnd_limited, rwnd_limited),
    HOSTCHECK_COUNTED(sndbuf_limited, sndbuf_limited),
};
#undef HOSTCHECK_COUNTED

ConnectionCounters* counters_of(const facts::Connection& row, ConnectionParts& parts) {
  ConnectionCounters* counters = parts.counters.add();
  for (const Counted& each : kCounted) {
    if (row.info != nullptr && row.info->bytes >= each.end) counters->value[each.field] = each.read(row.info->tcp);
  }
  if (row.memory != nullptr && row.memory->count > SocketMemory::drops) {
    counters->value[ConnectionCounters::drops] = row.memory->value[SocketMemory::drops];
  }
  return counters;
}

}  // namespace

facts::Listener listener_row(const kernel::DiagSocket& socket, Symbol netns) {
  facts::Listener row;
  row.netns = netns;
  row.cookie = socket.cookie;
  row.family = socket.local.family();
  row.address = socket.local;
  row.port = socket.local_port;
  row.ifindex = socket.ifindex;
  row.inode = socket.inode;
  row.uid = socket.uid;
  row.accept_queue = socket.rqueue;
  row.accept_limit = socket.wqueue;
  row.drops = as_counter(memory_field(socket, SocketMemory::drops));
  row.v6only = socket.v6only;
  row.mark = socket.mark;
  row.cgroup_id = socket.cgroup_id;
  return row;
}

facts::UdpSocket udp_row(const kernel::DiagSocket& socket, Symbol netns) {
  facts::UdpSocket row;
  row.netns = netns;
  row.cookie = socket.cookie;
  row.local = socket.local;
  row.remote = socket.remote;
  row.local_port = socket.local_port;
  row.remote_port = socket.remote_port;
  const bool connected = socket.state == facts::SocketState::established;
  row.state = connected ? facts::SocketState::udp_connected : facts::SocketState::udp_unconnected;
  row.ifindex = socket.ifindex;
  row.inode = socket.inode;
  row.uid = socket.uid;
  row.rx_queue = socket.rqueue;
  row.tx_queue = socket.wqueue;
  row.rcvbuf = memory_field(socket, SocketMemory::rcvbuf);
  row.sndbuf = memory_field(socket, SocketMemory::sndbuf);
  row.drops = as_counter(memory_field(socket, SocketMemory::drops));
  row.mark = socket.mark;
  row.cgroup_id = socket.cgroup_id;
  return row;
}

void fill_connection(const kernel::DiagSocket& socket, bool with_counters, ConnectionParts& parts,
                     facts::Connection& row) {
  row.cookie = socket.cookie;
  row.local = socket.local;
  row.remote = socket.remote;
  row.local_port = socket.local_port;
  row.remote_port = socket.remote_port;
  row.ifindex = socket.ifindex;
  row.inode = socket.inode;
  row.uid = socket.uid;
  row.rx_queue = socket.rqueue;
  row.tx_queue = socket.wqueue;
  row.timer_ms = socket.timer_ms;
  row.state = socket.state;
  row.timer = socket.timer;
  row.retransmits_now = socket.retransmits;
  if (socket.mark) {
    row.has_mark = true;
    row.mark = *socket.mark;
  }
  row.cgroup_id = socket.cgroup_id.value_or(0);
  if (socket.tos) row.tos = *socket.tos;
  if (socket.shutdown) row.shutdown = *socket.shutdown;
  if (socket.tcp_info.data() != nullptr) {
    facts::ConnectionInfo* info = parts.infos.add_uninitialised();
    kernel::copy_tcp_info(socket.tcp_info, *info);
    row.info = info;
  }
  if (socket.memory.data() != nullptr) {
    facts::SocketMemory* memory = parts.memories.add_uninitialised();
    kernel::copy_memory(socket.memory, *memory);
    row.memory = memory;
  }
  if (with_counters) row.counters = counters_of(row, parts);
}

}  // namespace hostcheck::gather
