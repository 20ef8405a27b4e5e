// Runs plugins, each in a child process of its own that is confined (sandbox.h) before it loads the plugin's code. The
// child has the facts by fork: nothing is copied to it. What it says comes back through a pipe and is believed only
// when it is well formed (wire.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/plugin.h"
#include "core/plugin/wire.h"

namespace hostcheck::plugin {

using Clock = std::chrono::steady_clock;

// One input as the plugin sees it.
struct InputAnswer {
  std::string name;
  sql::Answer answer;
  std::string absent;  // why part or all of it could not be read; "" where all was
};

// What one child is started with. plugin outlives the Runner.
struct Job {
  const Plugin* plugin = nullptr;
  std::vector<InputAnswer> inputs;
  std::vector<std::string> wanted;  // ids of checks
  std::chrono::milliseconds observed{0};
};

struct JobResult {
  const Plugin* plugin = nullptr;
  Said said;           // empty when it failed
  std::string failed;  // why; "" when it did not
  std::chrono::microseconds duration{0};
  std::size_t peak_bytes = 0;  // largest resident size of the child, hostcheck's own pages in it included
};

// Not to be used from two threads; the process should have no other threads that hold locks while it forks.
class Runner {
 public:
  // Children that are not done at the deadline are ended. at_once: how many may run at the same time.
  explicit Runner(Clock::time_point deadline, std::size_t at_once = 8);
  ~Runner();  // ends what still runs
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Starts it now, or when another one ends.
  void add(Job job);
  // Takes in what has come, without waiting; starts what waits.
  void pump();
  // Waits until all are done or ended; results in the order of add().
  [[nodiscard]] std::vector<JobResult> finish();

 private:
  struct Child;
  void step(std::chrono::milliseconds wait);
  void before_the_first();
  void start_waiting();
  void start(Child& child);
  [[nodiscard]] std::size_t running() const;
  Clock::time_point deadline_;
  std::size_t at_once_;
  std::vector<std::unique_ptr<Child>> children_;
  std::vector<int> handled_signals_;  // that the children have to leave to the system again
};

}  // namespace hostcheck::plugin
