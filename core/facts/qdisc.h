// Queueing disciplines.
#pragma once

#include <cstdint>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

struct Qdisc {
  Symbol netns;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  Symbol kind;
  std::uint32_t handle = 0;  // major << 16 | minor
  std::uint32_t parent = 0;  // the same; TC_H_ROOT for a root
  std::uint32_t backlog_bytes = 0;
  std::uint32_t qlen = 0;
  Counter bytes, packets, drops, overlimits, requeues;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
