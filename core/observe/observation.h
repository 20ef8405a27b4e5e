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
// Within a round of unknown length: the time in which a busy host may half fill the map of attempts.
inline constexpr std::chrono::milliseconds kRoomEvery{2000};

// How much of a processor's time the samples may take.
struct Pace {
  // Of the listeners: one part in so many. With hundreds of namespaces they cost milliseconds, and what they take of a
  // busy processor, a connection that is served there loses twice, as both of its ends wait.
  int sample_cost = 400;
  // Of the half-open queues, for which the kernel walks its whole table of connections at a stretch. A queue that is
  // full stays so for a second at least, until the SYN-ACK is sent again.
  int half_open_cost = 1000;
  // How many times as long the pauses are while all is calm (Surroundings::is_calm()): then there is little to see.
  int calm = 4;
};

class Observation {
 public:
  // Prepares what the request needs in the namespaces; the programs are loaded and not yet attached. Never fails: what
  // cannot run becomes absences of the tables that need it, and methods() says why.
  // all: other namespaces may be asked for in later rounds.
  [[nodiscard]] static Observation prepare(const facts::Request& request, const std::vector<kernel::NetnsInfo>& asked,
                                           Pace pace = {}, bool all = false);
  Observation(Observation&&) noexcept;
  Observation& operator=(Observation&&) noexcept;
  ~Observation();

  // The window: begin() once, sample() again and again (it passes over calls that would cost too much of the time, and
  // returns after how long the next one is of use), end() once. Nothing happens where nothing is wanted.
  void begin();
  std::chrono::milliseconds sample();
  void end();
  // Fills the tables of the request, and absences.
  void fill(facts::Facts& out);
  [[nodiscard]] const std::vector<Method>& methods() const;
  // What the tables are of, packet by packet: CLOCK_REALTIME; both zero where the programs did not run.
  struct Window {
    std::chrono::nanoseconds began{0};
    std::chrono::nanoseconds ended{0};
  };
  [[nodiscard]] Window window() const;

  // Round after round in place of end(): end_round(), fill(), begin_round(), and again. Nothing that happens between
  // two rounds is lost: a round lasts until its end_round(), and the next one has begun then. asked: the namespaces of
  // that moment; events of new ones count from then on.
  void end_round(const std::vector<kernel::NetnsInfo>& asked);
  void begin_round(const facts::Request& request);
  // From now on; what is observed stays the same.
  void ask(const facts::Request& request);
  // Makes room for more events; to be called every kRoomEvery or so within a round.
  void make_room();

 private:
  struct State;
  explicit Observation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What this kernel and this user could observe, without observing: for `hostcheck doctor`. Loads and attaches the
// programs for a moment.
[[nodiscard]] std::vector<Method> probe_methods();

}  // namespace hostcheck::observe
