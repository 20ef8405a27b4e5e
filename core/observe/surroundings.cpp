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

// What a sample reads by. Made once it costs a third of what it costs to be made each time, and entering a namespace
// slows down what other processors do.
struct Surroundings::Open {
  kernel::NetlinkSocket sock_diag;
  std::optional<kernel::SettingFile> conntrack_count;
};

Surroundings::Surroundings(kernel::NetnsInfo netns) : netns_(std::move(netns)) {}
Surroundings::Surroundings(Surroundings&&) noexcept = default;
Surroundings& Surroundings::operator=(Surroundings&&) noexcept = default;
Surroundings::~Surroundings() = default;

bool Surroundings::is_open() {
  if (open_ && !kernel::is_there(netns_)) open_.reset();
  return open_ != nullptr;
}

Result<void> Surroundings::sample(bool keep) {
  if (!open_) {
    auto sock_diag = kernel::open_sock_diag();
    if (!sock_diag) return unexpected(sock_diag.error());
    open_ = std::make_unique<Open>(Open{std::move(*sock_diag), std::nullopt});
    if (auto file = kernel::SettingFile::open("/proc/sys/net/netfilter/nf_conntrack_count")) {
      open_->conntrack_count.emplace(std::move(*file));
    }
  }
  const auto now = read_listeners(open_->sock_diag);
  if (now) {
    note(*now);
    const auto text = open_->conntrack_count ? open_->conntrack_count->read() : unexpected(Error{});
    if (const auto count = text ? parse_number<std::int64_t>(trim(*text)) : std::nullopt) {
      conntrack_count = std::max(conntrack_count.value_or(0), *count);
    }
  }
  if (!keep || !now) open_.reset();
  return now ? Result<void>() : Result<void>(unexpected(now.error()));
}

void Surroundings::note(const std::vector<ListenerState>& now) {
  present_.clear();
  lost_ = false;
  for (const ListenerState& state : now) {
    const bool fresh = !listeners_.contains(state.cookie);
    WatchedListener& watched = listener(state.cookie);
    present_.push_back(state.cookie);
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
      lost_ = lost_ || (watched.counts_drops && *state.drops != watched.drops_last);
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
  for (auto& [cookie, watched] : listeners_) watched.half_open_last = 0;
  for (const auto& [cookie, count] : counts) {
    const auto found = listeners_.find(cookie);
    if (found == listeners_.end()) continue;
    found->second.half_open_last = count;
    found->second.half_open_max = std::max(found->second.half_open_max, count);
  }
}

bool Surroundings::is_calm() const {
  return !lost_ && std::none_of(present_.begin(), present_.end(), [&](std::uint64_t cookie) {
    const WatchedListener& watched = listeners_.at(cookie);
    return std::max(watched.queue_last, watched.half_open_last.value_or(0)) > watched.accept_limit / 2;
  });
}

void Surroundings::keep_point(std::uint32_t at_ms) {
  for (const std::uint64_t cookie : present_) {
    const WatchedListener& watched = listeners_.at(cookie);
    QueuePoint point;
    point.queue = watched.queue_last;
    point.limit = watched.accept_limit;
    point.half_open = watched.half_open_last;
    if (watched.counts_drops) point.drops = watched.drops();
    queues_[cookie].add(at_ms, point);
  }
}

void Surroundings::begin_again() {
  const std::set<std::uint64_t> present(present_.begin(), present_.end());
  std::erase_if(listeners_, [&](const auto& each) { return !present.contains(each.first); });
  queues_.clear();
  for (auto& [cookie, watched] : listeners_) {
    watched.drops_first = watched.drops_last;
    watched.queue_first = watched.queue_max = watched.queue_min = watched.queue_last;
    watched.half_open_max = 0;
    watched.samples = 0;
    watched.samples_full = 0;
  }
  addresses_.clear();
  conntrack_count.reset();
  listen_overflows.begin_again();
  paws.begin_again();
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
