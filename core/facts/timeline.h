// The observation window as it went by, for plots and for rules that need to know when: queues of listeners and packets
// thrown away, over time. Nothing is sampled for these tables unless they are asked for.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/observation.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// Samples of one listener in a row that were alike: one that never changes has a single row. In a long window
// neighbouring rows are put together; the fullest of them is kept.
struct QueueSample {
  Symbol netns;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
  std::uint32_t from_ms = 0;               // time of the first of these samples, since the window began
  std::uint32_t until_ms = 0;              // of the last
  std::uint32_t samples = 0;               // at least 1
  std::uint32_t accept_queue = 0;          // connections that waited to be accepted
  std::uint32_t accept_limit = 0;          // backlog; the queue holds one more
  std::optional<std::uint32_t> half_open;  // at the latest count of them, which is made less often; NULL before it
  std::optional<std::uint64_t> drops;      // SK_MEMINFO_DROPS since the window began; NULL where the kernel counts none
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

// Packets that the kernel threw away for one reason at one place in a slice of the window; slices without any have no
// row. Over the window they add up to the rows of drops.
struct DropSample {
  Symbol netns;
  Symbol reason;  // as in drops
  Symbol place;   // as in drops
  std::uint32_t from_ms = 0;
  std::uint32_t until_ms = 0;
  std::uint64_t packets = 0;
  std::uint32_t span_ms = 0;
  Witness source = Witness::none;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
