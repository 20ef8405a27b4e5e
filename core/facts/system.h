// What the whole machine's receive path, files and TCP memory are doing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One line of /proc/net/softnet_stat: a processor's receive backlog. Of all namespaces together.
struct Softnet {
  std::uint32_t cpu = 0;
  Counter processed;
  Counter dropped;       // the backlog was longer than netdev_max_backlog
  Counter time_squeeze;  // netdev_budget or netdev_budget_usecs ended a round with work left
  Counter received_rps;
  std::optional<Counter> flow_limit;         // since 3.11
  std::optional<std::uint32_t> backlog_len;  // since 5.10; 0 in the files of older kernels is absent here
  std::optional<std::uint32_t> input_qlen;   // since 6.1
  std::optional<std::uint32_t> process_qlen;
  static const TableInfo& table();
};

// One cell of /proc/softirqs.
struct Softirq {
  Symbol type;  // HI, TIMER, NET_TX, NET_RX, ...
  std::uint32_t cpu = 0;
  Counter value;
  static const TableInfo& table();
};

// One cell of /proc/interrupts that is not zero.
struct Interrupt {
  Symbol irq;                        // "24", "NMI", "LOC"
  std::optional<std::uint32_t> cpu;  // absent for ERR and MIS, which are counted for the machine
  Symbol chip;                       // e.g. PCI-MSI
  Symbol name;  // what handles it: virtio0-input.0, eth0-TxRx-3; for NMI, LOC, ... the words of the file
  Counter value;
  static const TableInfo& table();
};

// One row.
struct FileHandles {
  std::uint64_t allocated = 0;
  std::uint64_t free = 0;
  std::uint64_t max = 0;
  std::optional<std::uint64_t> inodes;
  std::optional<std::uint64_t> free_inodes;
  std::optional<std::uint64_t> process_max;  // fs.nr_open: ceiling of RLIMIT_NOFILE
  static const TableInfo& table();
};

// One row: TCP's memory and orphans against their limits. Of all namespaces together.
struct TcpMemory {
  std::uint64_t pages_used = 0;
  std::uint64_t low_pages = 0;
  std::uint64_t pressure_pages = 0;
  std::uint64_t high_pages = 0;
  std::uint64_t page_bytes = 0;
  std::uint64_t orphans = 0;
  std::optional<std::uint64_t> max_orphans;
  std::uint64_t sockets = 0;  // allocated, in any state
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
