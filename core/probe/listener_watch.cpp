#include "core/probe/listener_watch.h"

#include <algorithm>
#include <cstddef>

#include "core/facts/socket.h"
#include "core/kernel/netlink.h"
#include "core/kernel/sock_diag.h"

namespace hostcheck::probe {
namespace {

using facts::SocketState;

constexpr std::uint32_t kTickMs = 10;  // the longest tick that Linux is built with, and so the grain of ages

Result<kernel::NetlinkSocket> open_in(const kernel::NetnsInfo& netns) {
  const auto scope = kernel::NetnsScope::enter(netns);
  if (!scope) return unexpected(scope.error());
  return kernel::open_sock_diag();
}

// Whether a socket bound to `bound` takes connections to the address.
bool takes(const kernel::DiagSocket& listener, const IpAddress& address) {
  if (listener.local == address) return true;
  if (!listener.local.is_any()) return false;
  if (listener.local.family() == address.family()) return true;
  return listener.local.family() == Family::ipv6 && !listener.v6only.value_or(false);
}

std::uint32_t waiting_ms(const kernel::DiagSocket& socket) {
  constexpr std::size_t kEnd = offsetof(facts::TcpInfo, last_data_recv) + sizeof(std::uint32_t);
  if (socket.tcp_info.size() < kEnd) return 0;
  return kernel::read_number<std::uint32_t>(socket.tcp_info.subspan(kEnd - sizeof(std::uint32_t)));
}

std::uint32_t dropped(const kernel::DiagSocket& socket) {
  constexpr std::size_t kDrops = 8;  // SK_MEMINFO_DROPS
  constexpr std::size_t kEnd = (kDrops + 1) * sizeof(std::uint32_t);
  if (socket.memory.size() < kEnd) return 0;
  return kernel::read_number<std::uint32_t>(socket.memory.subspan(kEnd - sizeof(std::uint32_t)));
}

IpAddress without_mapping(const IpAddress& address) {
  return address.is_v4_mapped() ? IpAddress::from_bytes(address.bytes().last(4)) : address;
}

}  // namespace

Result<QueueLook> look_at_queue(const kernel::NetnsInfo& netns, const ListenerTarget& target) {
  auto netlink = open_in(netns);
  if (!netlink) return unexpected(netlink.error());
  QueueLook look;
  kernel::SocketQuery query;
  query.states = kernel::state_bit(SocketState::listen);
  query.local_ports = {target.port};
  query.memory = true;
  const auto take_listener = [&](const kernel::DiagSocket& socket) {
    if (!takes(socket, target.address)) return;
    ++look.listeners;
    look.queue += socket.rqueue;
    look.limit += socket.wqueue;
    look.drops += dropped(socket);
  };
  if (auto done = kernel::dump_sockets(*netlink, query, take_listener, [&] { look = {}; }); !done) {
    return unexpected(done.error());
  }
  if (look.queue == 0) return look;
  // The peer of one that waits may have closed it already.
  query.states = kernel::state_bit(SocketState::established) | kernel::state_bit(SocketState::close_wait);
  query.memory = false;
  query.tcp_info = true;
  struct Waiting {
    std::uint32_t ms;
    std::uint64_t cookie;
  };
  std::vector<Waiting> waiting;
  const auto take_waiting = [&](const kernel::DiagSocket& socket) {
    if (socket.inode != 0) return;
    waiting.push_back({waiting_ms(socket), socket.cookie});
  };
  if (auto done = kernel::dump_sockets(*netlink, query, take_waiting, [&] { waiting.clear(); }); !done) {
    return unexpected(done.error());
  }
  for (const Waiting& each : waiting) look.oldest_ms = std::max(look.oldest_ms, each.ms);
  for (const Waiting& each : waiting) {
    look.waiting.push_back(each.cookie);
    if (each.ms + kTickMs >= look.oldest_ms) look.oldest.push_back(each.cookie);
  }
  std::sort(look.waiting.begin(), look.waiting.end());
  std::sort(look.oldest.begin(), look.oldest.end());
  return look;
}

bool same_first(const QueueLook& look, const QueueLook& later) {
  if (look.oldest.empty()) return false;
  // Whichever of them was the first: had it been taken, one would be missing.
  return std::includes(later.waiting.begin(), later.waiting.end(), look.oldest.begin(), look.oldest.end());
}

QueueOutcome read_queue(std::span<const QueueLook> looks, std::uint32_t patience_ms) {
  const QueueLook& first = looks.front();
  const QueueLook& last = looks.back();
  if (last.queue == 0) return QueueOutcome::empty;
  if (same_first(first, last)) {
    // A long queue that moves slowly has old connections, too: its first has to stay while it is watched.
    const bool watched = 2 * (last.oldest_ms - std::min(first.oldest_ms, last.oldest_ms)) >= patience_ms;
    return last.oldest_ms >= patience_ms && watched ? QueueOutcome::not_accepting : QueueOutcome::unclear;
  }
  const bool full =
      std::any_of(looks.begin(), looks.end(), [](const QueueLook& each) { return each.queue > each.limit; });
  if (full || last.drops > first.drops) return QueueOutcome::overflow;
  return looks.size() > 1 ? QueueOutcome::slow : QueueOutcome::unclear;
}

Result<AcceptState> look_at_connection(const kernel::NetnsInfo& netns, const ListenerTarget& target,
                                       const IpAddress& source, std::uint16_t source_port) {
  auto netlink = open_in(netns);
  if (!netlink) return unexpected(netlink.error());
  kernel::SocketQuery query;
  query.states = kernel::kConnectionStates;
  query.local_ports = {target.port};
  query.remote_ports = {source_port};
  AcceptState state = AcceptState::gone;
  const auto take = [&](const kernel::DiagSocket& socket) {
    if (without_mapping(socket.remote) != source || without_mapping(socket.local) != target.address) return;
    if (socket.state == SocketState::syn_recv) {
      state = AcceptState::deferred;
    } else if (socket.inode != 0) {
      state = AcceptState::accepted;
    } else if (socket.state == SocketState::established || socket.state == SocketState::close_wait) {
      state = AcceptState::waiting;
    } else {
      state = AcceptState::accepted;  // closed by the program, which must have had it
    }
  };
  if (auto done = kernel::dump_sockets(*netlink, query, take, [&] { state = AcceptState::gone; }); !done) {
    return unexpected(done.error());
  }
  return state;
}

}  // namespace hostcheck::probe
