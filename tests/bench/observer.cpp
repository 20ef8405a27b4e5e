// The observation alone, switched on and off by its standard input, for the benchmark.
//   observer NETNS [programs|costs]
//   observer statistics
// Each line "on" prepares and begins an observation of the namespace with all its tables, and is answered by
//   on LOAD_US LOAD_BUSY_US ATTACH_US
// (until the programs are loaded, of that on a processor, until they are attached). Each line "off" ends it:
//   off DETACH_US
// With "programs" only the BPF programs run and nothing samples the listeners. With "costs" the kernel counts their
// time meanwhile (BPF_ENABLE_STATS, for as long as this process holds it), and "off" is followed by a line for each
// program, "cost NAME RUNS NANOSECONDS", and a line "end".
#include <atomic>
#include <chrono>
#include <ctime>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include <bpf/bpf.h>
#include <unistd.h>

#include "core/facts/request.h"
#include "core/facts/table.h"
#include "core/kernel/netns.h"
#include "core/observe/observation.h"
#include "core/observe/trace.h"

namespace {

using namespace hostcheck;
using Clock = std::chrono::steady_clock;

long since(Clock::time_point start) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

long busy_us() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

facts::Request every_table() {
  facts::Request request;
  for (const facts::TableInfo* info : facts::catalogue()) {
    if (!observe::is_observation_table(info->name)) continue;
    const auto names = info->column_names();
    request[info->name].add_reader({names.begin(), names.end()}, {});
  }
  return request;
}

int failed(const Error& error) {
  std::cerr << "observer: " << error.message() << "\n";
  return 3;
}

// One observation, sampled by a thread of its own until it is ended.
int observe_window(const kernel::NetnsInfo& netns) {
  const auto start = Clock::now();
  const long busy = busy_us();
  auto observation = observe::Observation::prepare(every_table(), {netns});
  const long load_us = since(start);
  const long load_busy_us = busy_us() - busy;
  for (const observe::Method& each : observation.methods()) {
    if (each.name != "handshake trace" || each.available) continue;
    std::cerr << "observer: " << each.detail << "\n";
    return 3;
  }
  const auto attach = Clock::now();
  observation.begin();
  std::cout << "on " << load_us << ' ' << load_busy_us << ' ' << since(attach) << std::endl;
  std::atomic<bool> over = false;
  std::thread sampler([&] {
    while (!over.load()) {
      std::this_thread::sleep_for(observation.sample());
    }
  });
  std::string line;
  std::getline(std::cin, line);
  over.store(true);
  sampler.join();
  const auto detach = Clock::now();
  observation.end();
  std::cout << "off " << since(detach) << std::endl;
  return 0;
}

int trace_window(const kernel::NetnsInfo& netns, bool costs) {
  const auto start = Clock::now();
  const long busy = busy_us();
  auto trace = observe::Trace::open(static_cast<std::uint32_t>(netns.inode));
  if (!trace) return failed(trace.error());
  const long load_us = since(start);
  const long load_busy_us = busy_us() - busy;
  const auto attach = Clock::now();
  if (auto started = trace->start(); !started) return failed(started.error());
  std::cout << "on " << load_us << ' ' << load_busy_us << ' ' << since(attach) << std::endl;
  std::string line;
  std::getline(std::cin, line);
  const auto detach = Clock::now();
  if (auto record = trace->stop(); !record) return failed(record.error());
  std::cout << "off " << since(detach) << std::endl;
  if (!costs) return 0;
  for (const observe::ProgramCost& each : trace->costs()) {
    std::cout << "cost " << each.program << ' ' << each.runs << ' ' << each.nanoseconds << "\n";
  }
  std::cout << "end" << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool count_only = argc == 2 && std::string(argv[1]) == "statistics";
  const std::string what = argc == 3 ? argv[2] : "";
  const bool costs = what == "costs" || count_only;
  if (argc < 2 || argc > 3 || (argc == 3 && !costs && what != "programs")) {
    std::cerr << "usage: observer NETNS [programs|costs]\n";
    return 64;
  }
  if (costs && bpf_enable_stats(BPF_STATS_RUN_TIME) < 0) {
    std::cerr << "observer: BPF_ENABLE_STATS failed\n";
    return 3;
  }
  if (count_only) {
    while (std::cin.get() != EOF) {
    }
    return 0;
  }
  const auto netns = kernel::find_namespace(argv[1]);
  if (!netns) return failed(netns.error());
  for (std::string line; std::getline(std::cin, line);) {
    if (line != "on") continue;
    if (const int status = argc == 3 ? trace_window(*netns, costs) : observe_window(*netns); status != 0) return status;
  }
  return 0;
}
