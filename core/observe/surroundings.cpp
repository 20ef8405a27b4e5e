#include "core/observe/surroundings.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/kernel/local_addresses.h"
#include "core/kernel/procfs.h"
#include "core/kernel/sock_diag.h"

namespace hostcheck::observe {
namespace {

std::optional<std::int64_t> read_setting(std::string_view path) {
  const auto text = kernel::FileTree().read(path);
  return text ? parse_number<std::int64_t>(trim(*text)) : std::nullopt;
}

// One TcpExt counter out of the pairs of lines of /proc/net/netstat.
std::optional<std::uint64_t> tcp_ext_counter(std::string_view wanted) {
  const auto text = kernel::FileTree().read("/proc/net/netstat");
  if (!text) return std::nullopt;
  std::vector<std::string_view> names;
  for (const std::string_view line : split_lines(*text)) {
    if (!line.starts_with("TcpExt:")) continue;
    const auto fields = split_fields(line);
    if (names.empty()) {
      names = fields;
      continue;
    }
    const auto found = std::find(names.begin(), names.end(), wanted);
    const auto index = static_cast<std::size_t>(found - names.begin());
    return index < fields.size() ? parse_number<std::uint64_t>(fields[index]) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<void> Surroundings::sample() {
  // Opened anew each time: a socket costs microseconds, its buffer kept for hundreds of namespaces would cost memory.
  auto netlink = kernel::open_sock_diag();
  if (!netlink) return unexpected(netlink.error());
  std::map<std::uint64_t, kernel::DiagSocket> now;
  std::map<std::uint64_t, std::uint32_t> drops;
  kernel::SocketQuery query;
  query.states = kernel::state_bit(facts::SocketState::listen);
  query.memory = true;
  auto dumped = kernel::dump_sockets(
      *netlink, query,
      [&](const kernel::DiagSocket& socket) {
        now[socket.cookie] = socket;
        facts::SocketMemory memory;
        kernel::copy_memory(socket.memory, memory);
        if (memory.count > facts::SocketMemory::drops) {
          drops[socket.cookie] = memory.value[facts::SocketMemory::drops];
        }
      },
      [&] {
        now.clear();
        drops.clear();
      });
  if (!dumped) return dumped;

  std::map<std::pair<std::uint16_t, IpAddress>, std::uint32_t> half_open;
  kernel::SocketQuery waiting;
  waiting.states = kernel::state_bit(facts::SocketState::syn_recv);
  dumped = kernel::dump_sockets(
      *netlink, waiting,
      [&](const kernel::DiagSocket& socket) {
        ++half_open[{socket.local_port, socket.local}];
      },
      [&] { half_open.clear(); });
  if (!dumped) return dumped;

  for (const auto& [cookie, socket] : now) {
    const bool fresh = !listeners_.contains(cookie);
    WatchedListener& watched = listener(cookie);
    if (fresh) {
      watched.address = socket.local;
      watched.port = socket.local_port;
      // A socket that was not there when the window began has begun with nothing.
      watched.queue_first = sampled_ ? 0 : socket.rqueue;
      watched.queue_min = socket.rqueue;
    }
    watched.inode = socket.inode;
    watched.accept_limit = socket.wqueue;
    watched.queue_last = socket.rqueue;
    watched.queue_max = std::max(watched.queue_max, socket.rqueue);
    watched.queue_min = std::min(watched.queue_min, socket.rqueue);
    if (const auto found = drops.find(cookie); found != drops.end()) {
      if (!watched.counts_drops && !(fresh && sampled_)) watched.drops_first = found->second;
      watched.counts_drops = true;
      watched.drops_last = found->second;
    }
    ++watched.samples;
    if (socket.rqueue > socket.wqueue) ++watched.samples_full;
  }
  sampled_ = true;
  for (const auto& [where, count] : half_open) {
    for (auto& [cookie, watched] : listeners_) {
      if (watched.port == where.first && (watched.address == where.second || watched.address.is_any())) {
        watched.half_open_max = std::max(watched.half_open_max, count);
      }
    }
  }
  listen_overflows.last = tcp_ext_counter("ListenOverflows");
  if (!listen_overflows.first) listen_overflows.first = listen_overflows.last;
  if (const auto count = read_setting("/proc/sys/net/netfilter/nf_conntrack_count")) {
    conntrack_count = std::max(conntrack_count.value_or(0), *count);
  }
  return {};
}

void Surroundings::read_limits() {
  syncookies = read_setting("/proc/sys/net/ipv4/tcp_syncookies");
  max_syn_backlog = read_setting("/proc/sys/net/ipv4/tcp_max_syn_backlog");
  conntrack_max = read_setting("/proc/sys/net/netfilter/nf_conntrack_max");
  if (const auto addresses = kernel::local_addresses()) addresses_.insert(addresses->begin(), addresses->end());
}

const WatchedListener* Surroundings::listener_for(const IpAddress& address, std::uint16_t port) const {
  const WatchedListener* best = nullptr;
  for (const auto& [cookie, watched] : listeners_) {
    if (watched.port != port) continue;
    if (watched.address == address) return &watched;
    // A socket on :: takes IPv4 too unless it is told not to; one on 0.0.0.0 takes IPv4 only.
    const bool takes = watched.address.is_any() &&
                       (watched.address.family() == address.family() || watched.address.family() == Family::ipv6);
    if (takes && (best == nullptr || watched.address.family() == address.family())) best = &watched;
  }
  return best;
}

bool Surroundings::is_local(const IpAddress& address) const {
  return address.is_loopback() || addresses_.contains(address);
}

}  // namespace hostcheck::observe
