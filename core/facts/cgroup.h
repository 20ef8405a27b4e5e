// Control groups of the processes that listen, and how long work waits for processor, memory and disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// What a control group limits and how often its limits held something up. What the controller does not tell is absent.
struct CgroupLimits {
  std::optional<std::uint64_t> cpu_quota_us;  // absent: no limit
  std::optional<std::uint64_t> cpu_period_us;
  std::optional<Counter> cpu_periods, cpu_throttled_periods, cpu_throttled_ms, cpu_ms;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> memory_max_bytes;   // absent: no limit
  std::optional<std::uint64_t> memory_high_bytes;  // absent: no limit
  std::optional<Counter> memory_high_events, memory_max_events, oom_kills;
  std::optional<Counter> cpu_some_ms, memory_some_ms, memory_full_ms, io_some_ms, io_full_ms;
};

// A control group that a listening process is in (level 0), or one above it that has a limit.
struct Cgroup {
  Symbol netns;
  std::uint32_t pid = 0;
  Symbol process;
  std::string ports;
  Symbol cgroup;  // path in its hierarchy
  std::uint32_t level = 0;
  CgroupLimits limits;
  static const TableInfo& table();
};

// /proc/pressure: of the whole machine. Linux 4.20 with CONFIG_PSI.
struct Pressure {
  Symbol resource;  // cpu, memory, io
  std::optional<double> some_avg10, full_avg10;
  Counter some_ms;
  std::optional<Counter> full_ms;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
