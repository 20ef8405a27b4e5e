// Processes that own sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// A process with at least one TCP or UDP socket in a namespace that the run looks at.
struct Process {
  std::uint32_t pid = 0;
  Symbol netns;  // the asked namespace that its sockets are in
  Symbol process;
  Symbol command;
  std::uint32_t uid = 0;
  Symbol user;
  Symbol state;  // "R", "S", "D", "T", "t", "Z", "I"
  std::uint32_t threads = 0;
  Counter cpu_ms;  // of all its threads, in user and kernel mode
  std::optional<std::uint64_t> fd_open;
  std::optional<std::uint64_t> fd_limit;       // absent: unlimited
  std::optional<std::uint64_t> fd_limit_hard;  // absent: unlimited
  Symbol cgroup;
  std::optional<std::uint64_t> start_age_s;
  std::optional<std::uint32_t> sockets;
  bool listens = false;
  std::string ports;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
