// All that the tables of the observation are made from, and how its parts are read.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/address.h"
#include "core/facts/facts.h"
#include "core/facts/observation.h"
#include "core/observe/surroundings.h"
#include "core/observe/timeline.h"
#include "core/observe/trace.h"

namespace hostcheck::observe {

struct Names {
  std::map<std::uint64_t, std::string> places;                                // kernel address -> function
  std::map<std::uint32_t, std::string> drop_reasons;                          // of the running kernel
  std::map<std::uint32_t, std::string> reset_reasons;                         // likewise
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> interfaces;  // (netns inode, ifindex) -> name
};

// All that the tables are made from.
struct Seen {
  const TraceRecord& record;
  const std::map<std::uint32_t, Surroundings>& around;  // by netns inode; events of other namespaces are left out
  const Names& names;
  std::chrono::milliseconds span{0};
  const DropSeries* drops_over_time = nullptr;  // nullptr: not asked for
};

// An address of a map; IPv4 where it is mapped.
[[nodiscard]] IpAddress address_of(const observe_address& raw);
// nullptr for a namespace that nobody asked for.
[[nodiscard]] const Surroundings* around_of(const Seen& seen, std::uint32_t netns);
// CLOCK_MONOTONIC nanoseconds as milliseconds since the window's start; 0 before it.
[[nodiscard]] std::uint32_t since_start(const Seen& seen, std::uint64_t ns);
// Name of an interface; empty where it is not known.
[[nodiscard]] Symbol interface_of(const Seen& seen, facts::Facts& out, std::uint32_t netns, std::uint32_t ifindex);
// Kernel function at an address; "" where it is not known.
[[nodiscard]] std::string_view place_of(const Seen& seen, std::uint64_t address);
// The running kernel's word for a number of enum skb_drop_reason; "" where it tells none.
[[nodiscard]] std::string_view drop_word(const Seen& seen, std::uint32_t reason);
// Length of the window in milliseconds.
[[nodiscard]] std::uint32_t span_of(const Seen& seen);
// Towards this namespace, from it, or through it.
[[nodiscard]] facts::Direction direction_of(const Surroundings& around, const IpAddress& source,
                                            const IpAddress& destination);

}  // namespace hostcheck::observe
