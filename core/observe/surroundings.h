// What stands around the events of one namespace: its listeners over time, its addresses, the limits that could bind.
// The witnesses by which a SYN's fate is told.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/kernel/netns.h"
#include "core/observe/listeners.h"
#include "core/observe/timeline.h"

namespace hostcheck::observe {

// A listening socket over the window.
struct WatchedListener {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
  std::uint64_t drops_first = 0;
  std::uint64_t drops_last = 0;
  bool counts_drops = false;  // the kernel tells SK_MEMINFO_DROPS
  std::uint32_t accept_limit = 0;
  std::uint32_t queue_first = 0;
  std::uint32_t queue_last = 0;
  std::uint32_t queue_max = 0;
  std::uint32_t queue_min = 0;
  std::uint32_t half_open_max = 0;
  std::optional<std::uint32_t> half_open_last;  // absent: never counted
  std::uint32_t samples = 0;
  std::uint32_t samples_full = 0;

  [[nodiscard]] std::uint64_t drops() const { return drops_last >= drops_first ? drops_last - drops_first : 0; }
};

class Surroundings {
 public:
  explicit Surroundings(kernel::NetnsInfo netns);
  Surroundings(Surroundings&&) noexcept;
  Surroundings& operator=(Surroundings&&) noexcept;
  ~Surroundings();

  // One sample of the listeners' accept queues and drops, and of what else moves fast. The calling thread must be in
  // the namespace, here and below, unless is_open(). keep: goes on with what is open now at the next sample.
  [[nodiscard]] Result<void> sample(bool keep);
  // Whether the next sample needs no thread in the namespace; closes what would keep a namespace that somebody deletes.
  [[nodiscard]] bool is_open();
  void note(const std::vector<ListenerState>& now);
  // One sample of their half-open queues: by the iterator behind the link (-1: there is none), else by sock_diag.
  [[nodiscard]] Result<void> sample_half_open(int iterator_link);
  void note(const HalfOpen& counts);
  // Whether the last samples found every queue at most half full, and no listener that lost something since the one
  // before.
  [[nodiscard]] bool is_calm() const;
  // Adds what these samples told last to the series of each listener that was there in the last one.
  void keep_point(std::uint32_t at_ms);
  // The window is over and the next one begins: what was last is its first, and what is gone is forgotten.
  void begin_again();
  // The same namespace, by the name and path that it has now.
  void know_as(const kernel::NetnsInfo& netns) { netns_ = netns; }
  // Counters that need to be known at both ends of the window only.
  void read_counters();
  // What is known of a listening socket; made where it is new.
  WatchedListener& listener(std::uint64_t cookie) { return listeners_[cookie]; }
  // Counts the address as one of the namespace's own.
  void add_address(const IpAddress& address) { addresses_.insert(address); }
  // What does not change in the window: addresses and limits. Likewise.
  void read_limits();

  [[nodiscard]] const kernel::NetnsInfo& netns() const { return netns_; }
  // By cookie.
  [[nodiscard]] const std::map<std::uint64_t, WatchedListener>& listeners() const { return listeners_; }
  // By cookie; empty where no point was kept.
  [[nodiscard]] const std::map<std::uint64_t, QueueSeries>& queues() const { return queues_; }
  // What takes SYNs to this address and port: bound to the address, or to any. Sockets that share the port
  // (SO_REUSEPORT) are told as one: their drops together, the queue of the fullest.
  [[nodiscard]] std::optional<WatchedListener> listener_for(const IpAddress& address, std::uint16_t port) const;
  // The sockets of listener_for(); more than one only where they share the port.
  [[nodiscard]] std::vector<const WatchedListener*> sockets_for(const IpAddress& address, std::uint16_t port) const;
  [[nodiscard]] bool is_local(const IpAddress& address) const;

  std::optional<std::int64_t> syncookies;       // net.ipv4.tcp_syncookies
  std::optional<std::int64_t> max_syn_backlog;  // net.ipv4.tcp_max_syn_backlog
  std::optional<std::int64_t> conntrack_count;  // highest over the window
  std::optional<std::int64_t> conntrack_max;
  // TcpExt counters of the namespace at the first and the last sample; absent where /proc/net/netstat has none.
  struct Moved {
    std::optional<std::uint64_t> first;
    std::optional<std::uint64_t> last;
    void add(std::optional<std::uint64_t> now) {
      last = now;
      if (!first) first = now;
    }
    void begin_again() { first = last; }
    [[nodiscard]] std::uint64_t by() const { return first && last && *last > *first ? *last - *first : 0; }
  };
  Moved listen_overflows;
  Moved paws;  // PAWSEstab and PAWSTimewait together

 private:
  kernel::NetnsInfo netns_;
  std::map<std::uint64_t, WatchedListener> listeners_;
  std::map<std::uint64_t, QueueSeries> queues_;
  std::vector<std::uint64_t> present_;  // cookies of the last sample
  std::set<IpAddress> addresses_;
  bool sampled_ = false;  // once at least
  bool lost_ = false;     // a listener's drops rose by the last sample
  struct Open;
  std::unique_ptr<Open> open_;  // between samples
};

}  // namespace hostcheck::observe
