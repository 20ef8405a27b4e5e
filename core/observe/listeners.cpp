#include "core/observe/listeners.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include <bpf/bpf.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "core/kernel/sock_diag.h"
#include "ebpf/observe.h"

namespace hostcheck::observe {
namespace {

ListenerState state_of(const kernel::DiagSocket& socket) {
  ListenerState state;
  state.cookie = socket.cookie;
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

}  // namespace

Result<std::vector<ListenerState>> read_listeners(kernel::NetlinkSocket& netlink) {
  std::vector<ListenerState> states;
  kernel::SocketQuery query;
  query.states = kernel::state_bit(facts::SocketState::listen);
  query.memory = true;
  const auto dumped = kernel::dump_sockets(
      netlink, query, [&](const kernel::DiagSocket& socket) { states.push_back(state_of(socket)); },
      [&] { states.clear(); });
  if (!dumped) return unexpected(dumped.error());
  return states;
}

Result<HalfOpen> half_open_by_sock_diag(const std::vector<ListenerState>& listeners) {
  auto netlink = kernel::open_sock_diag();
  if (!netlink) return unexpected(netlink.error());
  std::map<std::pair<std::uint16_t, IpAddress>, std::uint32_t> counts;
  kernel::SocketQuery query;
  query.states = kernel::state_bit(facts::SocketState::syn_recv);
  const auto dumped = kernel::dump_sockets(
      *netlink, query,
      [&](const kernel::DiagSocket& socket) {
        ++counts[{socket.local_port, socket.local}];
      },
      [&] { counts.clear(); });
  if (!dumped) return unexpected(dumped.error());
  HalfOpen half_open;
  for (const auto& [where, count] : counts) {
    for (const ListenerState& listener : listeners) {
      const bool takes =
          listener.port == where.first && (listener.address == where.second || listener.address.is_any());
      if (takes) half_open[listener.cookie] = std::max(half_open[listener.cookie], count);
    }
  }
  return half_open;
}

Result<HalfOpen> half_open_by_iterator(int link_fd) {
  // The iterator is of the namespace in which it is made.
  const UniqueFd iterator(bpf_iter_create(link_fd));
  if (!iterator.valid()) return unexpected(errno_error(errno, "open", "BPF iterator of listeners"));
  HalfOpen half_open;
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
      if (rows[i].end != 0) return half_open;
      if (rows[i].cookie != 0) half_open[rows[i].cookie] = rows[i].half_open;
    }
    // The kernel hands over bytes: a row may come in two parts.
    have -= whole * sizeof(observe_listener);
    if (have > 0) rows[0] = rows[whole];
  }
  return half_open;
}

}  // namespace hostcheck::observe
