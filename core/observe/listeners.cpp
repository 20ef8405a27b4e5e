#include "core/observe/listeners.h"

#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include <bpf/bpf.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "core/kernel/sock_diag.h"
#include "core/observe/tables.h"
#include "ebpf/observe.h"

namespace hostcheck::observe {
namespace {

using HalfOpen = std::map<std::pair<std::uint16_t, IpAddress>, std::uint32_t>;

Result<HalfOpen> half_open_by_sock_diag(kernel::NetlinkSocket& netlink) {
  HalfOpen half_open;
  kernel::SocketQuery query;
  query.states = kernel::state_bit(facts::SocketState::syn_recv);
  const auto dumped = kernel::dump_sockets(
      netlink, query,
      [&](const kernel::DiagSocket& socket) {
        ++half_open[{socket.local_port, socket.local}];
      },
      [&] { half_open.clear(); });
  if (!dumped) return unexpected(dumped.error());
  return half_open;
}

ListenerState state_of(const kernel::DiagSocket& socket) {
  ListenerState state;
  state.id = socket.cookie;
  state.address = socket.local;
  state.port = socket.local_port;
  state.inode = socket.inode;
  state.queue = socket.rqueue;
  state.limit = socket.wqueue;
  facts::SocketMemory memory;
  kernel::copy_memory(socket.memory, memory);
  if (memory.count > facts::SocketMemory::drops) state.drops = memory.value[facts::SocketMemory::drops];
  return state;
}

ListenerState state_of(const observe_listener& row) {
  ListenerState state;
  state.id = row.id;
  state.address = row.family == 6 ? IpAddress::from_bytes(row.address.bytes) : address_of(row.address);
  state.port = row.port;
  state.inode = row.inode;
  state.drops = row.drops;
  state.queue = row.queue;
  state.limit = row.limit;
  state.half_open = row.half_open;
  return state;
}

}  // namespace

Result<std::vector<ListenerState>> listeners_by_sock_diag() {
  // Opened anew each time: a socket costs microseconds, its buffer kept for hundreds of namespaces would cost memory.
  auto netlink = kernel::open_sock_diag();
  if (!netlink) return unexpected(netlink.error());
  std::map<std::uint64_t, ListenerState> now;
  kernel::SocketQuery query;
  query.states = kernel::state_bit(facts::SocketState::listen);
  query.memory = true;
  const auto dumped = kernel::dump_sockets(
      *netlink, query, [&](const kernel::DiagSocket& socket) { now[socket.cookie] = state_of(socket); },
      [&] { now.clear(); });
  if (!dumped) return unexpected(dumped.error());
  const auto half_open = half_open_by_sock_diag(*netlink);
  if (!half_open) return unexpected(half_open.error());
  std::vector<ListenerState> states;
  for (auto& [cookie, state] : now) {
    for (const auto& [where, count] : *half_open) {
      const bool its = state.port == where.first && (state.address == where.second || state.address.is_any());
      if (its) state.half_open = std::max(state.half_open, count);
    }
    states.push_back(std::move(state));
  }
  return states;
}

Result<std::vector<ListenerState>> listeners_by_iterator(int link_fd) {
  // The iterator is of the namespace in which it is made.
  const UniqueFd iterator(bpf_iter_create(link_fd));
  if (!iterator.valid()) return unexpected(errno_error(errno, "open", "BPF iterator of listeners"));
  std::vector<ListenerState> states;
  std::array<observe_listener, OBSERVE_LISTENERS_READ> rows{};
  auto* const bytes = reinterpret_cast<char*>(rows.data());
  std::size_t have = 0;
  while (true) {
    const ssize_t got = ::read(iterator.get(), bytes + have, sizeof rows - have);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return unexpected(errno_error(errno, "read", "BPF iterator of listeners"));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
    const std::size_t whole = have / sizeof(observe_listener);
    for (std::size_t i = 0; i < whole; ++i) {
      if (rows[i].end != 0) return states;
      states.push_back(state_of(rows[i]));
    }
    // The kernel hands over bytes: a row may come in two parts.
    have -= whole * sizeof(observe_listener);
    if (have > 0) rows[0] = rows[whole];
  }
  return states;
}

}  // namespace hostcheck::observe
