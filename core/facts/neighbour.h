// Neighbours (ARP and NDP) and the tables that hold them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/nonzero.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// NUD_*: one bit each.
enum class NeighbourState : std::uint8_t {
  none = 0,
  incomplete = 0x01,
  reachable = 0x02,
  stale = 0x04,
  delay = 0x08,
  probe = 0x10,
  failed = 0x20,
  noarp = 0x40,
  permanent = 0x80,
};
[[nodiscard]] std::string_view name_of(NeighbourState state);

// A neighbour. There may be very many: no member allocates.
struct Neighbour {
  Symbol netns;
  Symbol ifname;
  std::uint64_t used_ms = 0, confirmed_ms = 0, updated_ms = 0;
  std::uint32_t ifindex = 0;
  std::uint32_t flags = 0;  // NTF_*, NTF_EXT_* << 8
  std::uint32_t refcount = 0;
  std::uint32_t probes = 0;
  NonZero<std::uint16_t> vlan;
  Family family = Family::none;
  NeighbourState state = NeighbourState::none;
  bool has_cacheinfo = false;
  IpAddress address;
  LinkAddress lladdr;
  static const TableInfo& table();
};

// How many neighbours of an interface are in a state. Proxy entries are not counted.
struct NeighbourSummary {
  Symbol netns;
  Family family = Family::none;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  NeighbourState state = NeighbourState::none;
  std::uint64_t neighbours = 0;
  static const TableInfo& table();
};

// The kernel's neighbour table of a family. It is one for all namespaces: the limits are global.
struct NeighbourTable {
  Symbol name;  // "arp_cache", "ndisc_cache"
  Family family = Family::none;
  std::uint32_t entries = 0;
  std::uint32_t gc_thresh1 = 0, gc_thresh2 = 0, gc_thresh3 = 0;
  std::uint64_t gc_interval_ms = 0;
  std::uint64_t hash_buckets = 0;
  Counter allocs, destroys, hash_grows, lookups, hits, res_failed, rcv_probes_mcast, rcv_probes_ucast, periodic_gc_runs,
      forced_gc_runs;
  std::optional<Counter> table_fulls;  // Linux 4.18
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
