// The observation window: starts the programs, samples the listeners, and turns what was seen into fact tables.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/kernel/netns.h"
#include "core/observe/trace.h"

namespace hostcheck::observe {

// Tables that this room fills.
[[nodiscard]] bool is_observation_table(std::string_view table);
// Whether the request reads any of them.
[[nodiscard]] bool is_wanted(const facts::Request& request);

// Least time between two samples of the listeners' queues; a sample that costs much is followed by a longer pause. A
// queue that is full for a shorter time is told by ListenOverflows.
inline constexpr std::chrono::milliseconds kSampleEvery{25};

class Observation {
 public:
  // Prepares what the request needs in the namespaces; the programs are loaded and not yet attached. Never fails: what
  // cannot run becomes absences of the tables that need it, and methods() says why.
  [[nodiscard]] static Observation prepare(const facts::Request& request, const std::vector<kernel::NetnsInfo>& asked);
  Observation(Observation&&) noexcept;
  Observation& operator=(Observation&&) noexcept;
  ~Observation();

  // The window: begin() once, sample() every kSampleEvery or so (it passes over calls that
  // would cost too much of the time), end() once. Nothing happens where nothing is wanted.
  void begin();
  void sample();
  void end();
  // Fills the tables of the request, and absences.
  void fill(facts::Facts& out);
  [[nodiscard]] const std::vector<Method>& methods() const;

 private:
  struct State;
  explicit Observation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What this kernel and this user could observe, without observing: for `hostcheck doctor`. Loads and attaches the
// programs for a moment.
[[nodiscard]] std::vector<Method> probe_methods();

}  // namespace hostcheck::observe
