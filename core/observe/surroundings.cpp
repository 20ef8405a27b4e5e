#include "core/observe/surroundings.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/kernel/local_addresses.h"
#include "core/kernel/procfs.h"

namespace hostcheck::observe {
namespace {

std::optional<std::int64_t> read_setting(std::string_view path) {
  const auto text = kernel::FileTree().read(path);
  return text ? parse_number<std::int64_t>(trim(*text)) : std::nullopt;
}

// TcpExt counters out of the pairs of lines of /proc/net/netstat; absent what the kernel does not have.
std::map<std::string_view, std::uint64_t> tcp_ext_counters(std::string_view text) {
  std::map<std::string_view, std::uint64_t> counters;
  std::vector<std::string_view> names;
  for (const std::string_view line : split_lines(text)) {
    if (!line.starts_with("TcpExt:")) continue;
    const auto fields = split_fields(line);
    if (names.empty()) {
      names = fields;
      continue;
    }
    for (std::size_t i = 0; i < std::min(names.size(), fields.size()); ++i) {
      if (const auto value = parse_number<std::uint64_t>(fields[i])) counters[names[i]] = *value;
    }
    break;
  }
  return counters;
}

}  // namespace

Result<void> Surroundings::sample() {
  const auto now = read_listeners();
  if (!now) return unexpected(now.error());
  note(*now);
  if (const auto count = read_setting("/proc/sys/net/netfilter/nf_conntrack_count")) {
    conntrack_count = std::max(conntrack_count.value_or(0), *count);
  }
  return {};
}

void Surroundings::note(const std::vector<ListenerState>& now) {
  for (const ListenerState& state : now) {
    const bool fresh = !listeners_.contains(state.cookie);
    WatchedListener& watched = listener(state.cookie);
    if (fresh) {
      watched.address = state.address;
      watched.port = state.port;
      // A socket that was not there when the window began has begun with nothing.
      watched.queue_first = sampled_ ? 0 : state.queue;
      watched.queue_min = state.queue;
    }
    watched.inode = state.inode;
    watched.accept_limit = state.limit;
    watched.queue_last = state.queue;
    watched.queue_max = std::max(watched.queue_max, state.queue);
    watched.queue_min = std::min(watched.queue_min, state.queue);
    if (state.drops) {
      if (!watched.counts_drops && !(fresh && sampled_)) watched.drops_first = *state.drops;
      watched.counts_drops = true;
      watched.drops_last = *state.drops;
    }
    ++watched.samples;
    if (state.queue > state.limit) ++watched.samples_full;
  }
  sampled_ = true;
}

Result<void> Surroundings::sample_half_open(int iterator_link) {
  if (iterator_link >= 0) {
    if (const auto counts = half_open_by_iterator(iterator_link)) {
      note(*counts);
      return {};
    }
  }
  std::vector<ListenerState> known;
  for (const auto& [cookie, watched] : listeners_) {
    ListenerState& state = known.emplace_back();
    state.cookie = cookie;
    state.address = watched.address;
    state.port = watched.port;
  }
  const auto counts = half_open_by_sock_diag(known);
  if (!counts) return unexpected(counts.error());
  note(*counts);
  return {};
}

void Surroundings::note(const HalfOpen& counts) {
  for (const auto& [cookie, count] : counts) {
    const auto found = listeners_.find(cookie);
    if (found != listeners_.end()) found->second.half_open_max = std::max(found->second.half_open_max, count);
  }
}

void Surroundings::read_counters() {
  if (const auto text = kernel::FileTree().read("/proc/net/netstat")) {
    const auto counters = tcp_ext_counters(*text);
    const auto told = [&](std::string_view name) {
      const auto found = counters.find(name);
      return found == counters.end() ? std::optional<std::uint64_t>() : found->second;
    };
    listen_overflows.add(told("ListenOverflows"));
    const auto established = told("PAWSEstab");
    if (established) paws.add(*established + told("PAWSTimewait").value_or(0));
  }
}

void Surroundings::read_limits() {
  syncookies = read_setting("/proc/sys/net/ipv4/tcp_syncookies");
  max_syn_backlog = read_setting("/proc/sys/net/ipv4/tcp_max_syn_backlog");
  conntrack_max = read_setting("/proc/sys/net/netfilter/nf_conntrack_max");
  if (const auto addresses = kernel::local_addresses()) addresses_.insert(addresses->begin(), addresses->end());
}

std::vector<const WatchedListener*> Surroundings::sockets_for(const IpAddress& address, std::uint16_t port) const {
  std::vector<const WatchedListener*> best;
  int best_rank = 0;
  for (const auto& [cookie, watched] : listeners_) {
    if (watched.port != port) continue;
    // A socket on :: takes IPv4 too unless it is told not to; one on 0.0.0.0 takes IPv4 only.
    const int rank = watched.address == address                     ? 3
                     : !watched.address.is_any()                    ? 0
                     : watched.address.family() == address.family() ? 2
                     : watched.address.family() == Family::ipv6     ? 1
                                                                    : 0;
    if (rank == 0 || rank < best_rank) continue;
    if (rank > best_rank) best.clear();
    best_rank = rank;
    best.push_back(&watched);
  }
  return best;
}

std::optional<WatchedListener> Surroundings::listener_for(const IpAddress& address, std::uint16_t port) const {
  std::optional<WatchedListener> all;
  std::uint64_t drops = 0;
  for (const WatchedListener* each : sockets_for(address, port)) {
    drops += each->drops();
    const bool fuller = !all || each->samples_full > all->samples_full ||
                        (each->samples_full == all->samples_full && each->queue_max > all->queue_max);
    const std::uint32_t half_open = std::max(each->half_open_max, all ? all->half_open_max : 0U);
    if (fuller) all = *each;
    all->half_open_max = half_open;
  }
  if (all) all->drops_last = all->drops_first + drops;
  return all;
}

bool Surroundings::is_local(const IpAddress& address) const {
  return address.is_loopback() || addresses_.contains(address);
}

}  // namespace hostcheck::observe
