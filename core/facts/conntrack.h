// Connection tracking: how full it is, what it counts, what is in it, how long it keeps entries.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One row a namespace; 0 entries and no limit where the kernel has no connection tracking.
struct Conntrack {
  Symbol netns;
  std::uint64_t entries = 0;
  std::optional<std::uint64_t> max;         // NULL where the kernel does not show it
  std::optional<std::uint64_t> buckets;     // one hash table for all namespaces
  std::optional<std::uint64_t> expect_max;  // NULL where the kernel does not show it
  static const TableInfo& table();
};

// One row a processor. A counter that this kernel does not have is NULL.
struct ConntrackCpu {
  Symbol netns;
  std::uint32_t cpu = 0;
  std::optional<Counter> found;
  std::optional<Counter> invalid;
  std::optional<Counter> insert;
  std::optional<Counter> insert_failed;
  std::optional<Counter> drop;
  std::optional<Counter> early_drop;
  std::optional<Counter> error;
  std::optional<Counter> search_restart;
  std::optional<Counter> clash_resolve;
  std::optional<Counter> chaintoolong;
  static const TableInfo& table();
};

// How many tracked connections there are of a kind; counted while they are dumped, never stored.
struct ConntrackEntries {
  Symbol netns;
  Family family = Family::none;
  Symbol protocol;  // "tcp", "udp", "icmp", "icmpv6", "gre", "sctp", "dccp", "udplite" or the number
  Symbol state;     // "ESTABLISHED", "SYN_SENT", ... as conntrack(8) writes them; NULL for protocols without states
  bool assured = false;
  bool unreplied = false;
  std::uint64_t entries = 0;
  static const TableInfo& table();
};

// One row a timeout that the namespace has.
struct ConntrackTimeout {
  Symbol netns;
  Symbol protocol;  // "tcp", "udp", "icmp", "generic", ...
  Symbol state;     // "established", "time_wait", "stream", ...; NULL for the protocol's only or general timeout
  std::uint64_t timeout_s = 0;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
