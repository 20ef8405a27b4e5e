#include "core/facts/cgroup.h"

namespace hostcheck::facts {
namespace {

template <auto Member>
Cell limit(const Cgroup& row, std::string&) {
  const auto& value = row.limits.*Member;
  return value ? integer_cell(static_cast<std::int64_t>(*value)) : Cell{};
}

template <auto Member>
Counter* slot(Cgroup& row) {
  auto& value = row.limits.*Member;
  return value ? &*value : nullptr;
}

Cell cpus_allowed(const Cgroup& row, std::string&) {
  const auto& quota = row.limits.cpu_quota_us;
  const auto& period = row.limits.cpu_period_us;
  return quota && period && *period > 0 ? real_cell(static_cast<double>(*quota) / static_cast<double>(*period))
                                        : Cell{};
}

}  // namespace

const TableInfo& Cgroup::table() {
  static const TableInfo info = [] {
    using L = CgroupLimits;
    constexpr std::string_view kCpu = "cpu.stat of the cgroup";
    constexpr std::string_view kMemory = "memory.events of the cgroup";
    TableBuilder<Cgroup> table("cgroups", "Control groups of the processes that listen, and those above with limits");
    table.key<&Cgroup::netns>("netns", "", "/proc/PID/fd, sock_diag", "Network namespace of the listening sockets")
        .key<&Cgroup::pid>("pid", "", "/proc", "Process that listens")
        .column<&Cgroup::process>("process", "", "/proc/PID/comm", "Its name")
        .column<&Cgroup::ports>("ports", "", "sock_diag", "TCP ports it listens on, \"80,443\"")
        .key<&Cgroup::cgroup>("cgroup", "", "/proc/PID/cgroup", "Control group")
        .column<&Cgroup::level>("level", "", "/proc/PID/cgroup", "0: the process's own; 1: the one above; and so on")
        .computed<&limit<&L::cpu_quota_us>>("cpu_quota_us", Type::integer, "us", "cpu.max, cpu.cfs_quota_us",
                                            "Processor time it may use in each period; NULL: no limit")
        .computed<&limit<&L::cpu_period_us>>("cpu_period_us", Type::integer, "us", "cpu.max, cpu.cfs_period_us",
                                             "Length of a period")
        .computed<&cpus_allowed>("cpus_allowed", Type::real, "processors", "cpu.max", "Quota for each period")
        .counter_from<&slot<&L::cpu_periods>>("cpu_periods", "periods", kCpu, "Periods in which it wanted to run")
        .counter_from<&slot<&L::cpu_throttled_periods>>("cpu_throttled_periods", "periods", kCpu,
                                                        "Periods in which it was stopped at its quota")
        .counter_from<&slot<&L::cpu_throttled_ms>>("cpu_throttled_ms", "ms", kCpu,
                                                   "Time it was stopped, of all processors together")
        .counter_from<&slot<&L::cpu_ms>>("cpu_ms", "ms", "cpu.stat usage_usec", "Processor time used; cgroup v2 only")
        .computed<&limit<&L::memory_bytes>>("memory_bytes", Type::integer, "bytes", "memory.current", "Memory in use")
        .computed<&limit<&L::memory_max_bytes>>("memory_max_bytes", Type::integer, "bytes", "memory.max",
                                                "Memory it may use; NULL: no limit")
        .computed<&limit<&L::memory_high_bytes>>("memory_high_bytes", Type::integer, "bytes", "memory.high",
                                                 "Memory from which on it is slowed down; NULL: no limit")
        .counter_from<&slot<&L::memory_high_events>>("memory_high_events", "events", kMemory,
                                                     "Times it was slowed down at memory.high")
        .counter_from<&slot<&L::memory_max_events>>("memory_max_events", "events", kMemory,
                                                    "Times it was about to pass its memory limit")
        .counter_from<&slot<&L::oom_kills>>("oom_kills", "processes", kMemory, "Processes killed for lack of memory")
        .counter_from<&slot<&L::cpu_some_ms>>("cpu_some_ms", "ms", "cpu.pressure of the cgroup",
                                              "Time in which some of its tasks waited for a processor")
        .counter_from<&slot<&L::memory_some_ms>>("memory_some_ms", "ms", "memory.pressure of the cgroup",
                                                 "Time in which some of its tasks waited for memory")
        .counter_from<&slot<&L::memory_full_ms>>("memory_full_ms", "ms", "memory.pressure of the cgroup",
                                                 "Time in which all of its tasks that could run waited for memory")
        .counter_from<&slot<&L::io_some_ms>>("io_some_ms", "ms", "io.pressure of the cgroup",
                                             "Time in which some of its tasks waited for input or output")
        .counter_from<&slot<&L::io_full_ms>>("io_full_ms", "ms", "io.pressure of the cgroup",
                                             "Time in which all of its tasks that could run waited for it");
    return table.build();
  }();
  return info;
}

const TableInfo& Pressure::table() {
  static const TableInfo info =
      TableBuilder<Pressure>("pressure", "How much the machine's work waits for a resource (PSI)")
          .key<&Pressure::resource>("resource", "", "/proc/pressure", "cpu, memory or io")
          .column<&Pressure::some_avg10>("some_avg10", "%", "/proc/pressure some",
                                         "Share of the last 10 s in which some task waited for it")
          .column<&Pressure::full_avg10>("full_avg10", "%", "/proc/pressure full",
                                         "Share of the last 10 s in which all tasks that could run waited for it")
          .counter<&Pressure::some_ms>("some_ms", "ms", "/proc/pressure some", "Time in which some task waited for it")
          .counter<&Pressure::full_ms>("full_ms", "ms", "/proc/pressure full",
                                       "Time in which all tasks that could run waited for it")
          .build();
  return info;
}

}  // namespace hostcheck::facts
