// Waiting while the host is observed: within the budget, with a progress line, until somebody presses Ctrl-C.
#pragma once

#include <chrono>

#include "core/conclude/sample.h"

namespace hostcheck::cli {

using Clock = std::chrono::steady_clock;

class Window {
 public:
  // The run has to be over at deadline. progress: draw a line on standard error where that is a terminal.
  // From now on a first SIGINT ends the waiting early, and a second one the process.
  Window(Clock::time_point start, Clock::time_point deadline, bool progress);

  // Returns after the window, at an interrupt, or when what is left until the deadline is needed for the rest of the
  // run. tick as in conclude::Wait.
  void wait(std::chrono::milliseconds window, const conclude::Tick& tick) const;
  // Whether an interrupt came.
  [[nodiscard]] static bool interrupted();
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
  [[nodiscard]] bool over() const { return Clock::now() >= deadline_; }

 private:
  Clock::time_point start_;
  Clock::time_point deadline_;
  bool progress_ = false;
};

}  // namespace hostcheck::cli
