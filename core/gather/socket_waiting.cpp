#include "core/gather/socket_waiting.h"

#include <algorithm>

namespace hostcheck::gather {
namespace {

using facts::Listener;

// The IPv4 address that a v4-mapped IPv6 one stands for; any other address as it is.
IpAddress unmapped(const IpAddress& address) {
  return address.is_v4_mapped() ? IpAddress::from_bytes(address.bytes().subspan(12)) : address;
}

// How well a listener on the connection's port fits, as in the kernel's compute_score(); 0: not at all.
int score(const Listener& listener, const WaitingConnection& waiting, const IpAddress& local) {
  if (listener.ifindex != 0 && listener.ifindex != waiting.ifindex) return 0;
  int points = listener.ifindex != 0 ? 5 : 1;
  const bool crosses = listener.family == Family::ipv6 && local.family() == Family::ipv4;
  if (listener.family == Family::ipv4 && local.family() == Family::ipv6) return 0;
  if (crosses && listener.v6only.value_or(false)) return 0;
  if (!crosses) points += 1;
  if (listener.address.is_any()) return points;
  return unmapped(listener.address) == local ? points + 2 : 0;
}

bool same_place(const Listener& a, const Listener& b) {
  return a.port == b.port && a.address == b.address && a.ifindex == b.ifindex;
}

void count(const WaitingConnection& waiting, CountWhat what, Listener& listener) {
  if (waiting.half_open) {
    if (what.half_open) ++*listener.half_open;
    return;
  }
  if (!what.unaccepted) return;
  ++*listener.unaccepted;
  if (waiting.abandoned) ++*listener.abandoned;
  if (waiting.age_ms)
    listener.oldest_unaccepted_ms = std::max(listener.oldest_unaccepted_ms.value_or(0), *waiting.age_ms);
}

// accept(2) takes the connection first that has waited longest. Ages are those of the last data in jiffies and move
// together, so the same connections are near the longest in both samples unless one was accepted.
constexpr std::uint32_t kNearOldestMs = 1000;

void identify_oldest(const WaitingConnection& waiting, Listener& listener) {
  if (waiting.half_open || !waiting.age_ms || !listener.oldest_unaccepted_ms) return;
  if (*waiting.age_ms + kNearOldestMs < *listener.oldest_unaccepted_ms) return;
  constexpr std::uint64_t kFitsSql = 0x3fff'ffff'ffff'ffff;
  const std::uint64_t sum = listener.oldest_unaccepted ? listener.oldest_unaccepted->value : 0;
  listener.oldest_unaccepted = facts::Counter((sum + waiting.cookie) & kFitsSql);
}

// Calls visit for each listener at which the kernel may have queued the connection.
template <typename Visit>
void find_listeners(const std::vector<Listener*>& by_port, const WaitingConnection& waiting, Visit visit) {
  const IpAddress local = unmapped(waiting.local);
  auto at = std::lower_bound(by_port.begin(), by_port.end(), waiting.port,
                             [](const Listener* listener, std::uint16_t port) { return listener->port < port; });
  auto best = by_port.end();
  int best_score = 0;
  for (; at != by_port.end() && (*at)->port == waiting.port; ++at) {
    const int points = score(**at, waiting, local);
    if (points <= best_score) continue;
    best = at;
    best_score = points;
  }
  // best is the first of those that share its place.
  for (at = best; at != by_port.end() && same_place(**at, **best); ++at) visit(**at);
}

}  // namespace

void count_waiting(std::span<const WaitingConnection> waiting, CountWhat what, std::span<Listener> listeners) {
  std::vector<Listener*> by_port;
  by_port.reserve(listeners.size());
  for (Listener& each : listeners) {
    if (what.half_open) each.half_open = 0;
    if (what.unaccepted) each.unaccepted = each.abandoned = 0;
    by_port.push_back(&each);
  }
  const auto before = [](const Listener* a, const Listener* b) {
    if (a->port != b->port) return a->port < b->port;
    if (a->address != b->address) return a->address < b->address;
    return a->ifindex < b->ifindex;
  };
  std::sort(by_port.begin(), by_port.end(), before);
  for (auto first = by_port.begin(); first != by_port.end();) {
    const auto end =
        std::find_if(first, by_port.end(), [&](const Listener* each) { return !same_place(*each, **first); });
    const auto sharing = static_cast<std::uint32_t>(end - first);
    for (; first != end; ++first) (*first)->sharing = sharing;
  }
  for (const WaitingConnection& each : waiting) {
    find_listeners(by_port, each, [&](Listener& listener) { count(each, what, listener); });
  }
  if (!what.unaccepted) return;
  for (const WaitingConnection& each : waiting) {
    find_listeners(by_port, each, [&](Listener& listener) { identify_oldest(each, listener); });
  }
}

}  // namespace hostcheck::gather
