// What probes of kind listener found about this host's own listeners.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

struct ProbeListener {
  std::uint32_t probe = 0;
  Symbol netns;
  IpAddress address;
  std::uint16_t port = 0;
  Symbol outcome;  // "accepting", "slow", "not_accepting", "overflow", "closed", "no_answer", "no_reply", "deferred",
                   // "unclear"
  std::uint32_t listeners = 0;  // sockets that take connections to the address and port
  // Of these listeners together; absent without one.
  std::optional<std::uint32_t> queue_before, queue_limit, queue_after, queue_max;
  std::optional<std::uint32_t> oldest_before_ms, oldest_after_ms;
  std::optional<bool> same_oldest;     // the first in the queue stayed there all the while
  std::optional<std::uint64_t> drops;  // SYNs and ACKs dropped while it was watched
  std::uint32_t watched_ms = 0;
  std::uint32_t connects = 0;
  std::uint32_t accepted = 0;
  std::optional<double> accept_median_ms, accept_max_ms;
  std::optional<std::uint32_t> sent_bytes;  // of send=, on the first connection
  std::optional<double> answer_ms;          // from then to the first byte that came back
  std::string answer;                       // the first line of that, as far as it can be printed
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
