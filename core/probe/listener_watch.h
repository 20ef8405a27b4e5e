// What the kernel tells of one listener's accept queue, and what two or more looks at it amount to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/kernel/netns.h"

namespace hostcheck::probe {

struct ListenerTarget {
  IpAddress address;  // of this host, never 0.0.0.0 or ::
  std::uint16_t port = 0;
};

// One look at the queue.
struct QueueLook {
  std::uint32_t listeners = 0;  // sockets that take connections to the address and port
  std::uint32_t queue = 0;      // connections in their accept queues
  std::uint32_t limit = 0;      // of their accept queues, together
  std::uint64_t drops = 0;      // SK_MEMINFO_DROPS
  // Cookies of the connections that wait longest, sorted: the first in the queue is among them. Several where they came
  // within the kernel's tick; empty: none waits.
  std::vector<std::uint64_t> oldest;
  std::uint32_t oldest_ms = 0;
  std::vector<std::uint64_t> waiting;  // cookies of all that wait, sorted
};
// Whether the first in the queue at one look is still there at a later one.
[[nodiscard]] bool same_first(const QueueLook& look, const QueueLook& later);
[[nodiscard]] Result<QueueLook> look_at_queue(const kernel::NetnsInfo& netns, const ListenerTarget& target);

enum class QueueOutcome : std::uint8_t {
  empty,          // nobody waits any more
  not_accepting,  // the first has waited for patience_ms, and stayed the first for half of that while watched
  overflow,       // more wait than the limit, or SYNs were dropped, while some are accepted
  slow,           // the queue moves and does not get empty
  unclear,        // the time was too short to tell
};
// looks: in order, at least one; the first had somebody waiting. patience_ms: as in not_accepting.
[[nodiscard]] QueueOutcome read_queue(std::span<const QueueLook> looks, std::uint32_t patience_ms);

// What became of a connection of our own, seen at the listener's end.
enum class AcceptState : std::uint8_t {
  waiting,   // in the accept queue
  accepted,  // the program has it, or had it and closed it
  deferred,  // the kernel keeps it back until data comes
  gone,      // the kernel does not know it (any more)
};
// source: of the connection, as getsockname(2) tells the connecting end.
[[nodiscard]] Result<AcceptState> look_at_connection(const kernel::NetnsInfo& netns, const ListenerTarget& target,
                                                     const IpAddress& source, std::uint16_t source_port);

}  // namespace hostcheck::probe
