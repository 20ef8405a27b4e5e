// One run's look at the host: both samples of what counts, and between them the observation.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/conclude/report.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/gather/gather.h"
#include "core/observe/methods.h"
#include "core/observe/observation.h"

namespace hostcheck::conclude {

// What is done within the window; returns after how long it is to be done again, more than zero.
using Tick = std::function<std::chrono::milliseconds()>;
// Returns when the window is over, or earlier when the run is to end; calls tick, when it is not empty, at once and
// then about as often as it asks for.
using Wait = std::function<void(std::chrono::milliseconds window, const Tick& tick)>;

// What else is to be known of the observation, when there was one.
struct Sampling {
  std::vector<Capability> methods;      // what it could do
  observe::Observation::Window window;  // of its tables
  std::function<void()> at_end;         // called as soon as the window is over; may be empty
};

// Everything in the request, in the namespaces asked. roles: those that were set; empty: they are found out. window
// zero: one sample, and nothing that needs two is there. told: nullptr for no more than the facts.
[[nodiscard]] facts::Facts sample(const facts::Request& request, const gather::Options& namespaces,
                                  std::chrono::milliseconds window, const Wait& wait,
                                  std::span<const std::string> roles = {}, Sampling* told = nullptr);
// The methods of the observation as a report has them.
[[nodiscard]] std::vector<Capability> capabilities_of(const std::vector<observe::Method>& methods);

// A Wait that just lets the time pass.
void sleep_through(std::chrono::milliseconds window, const Tick& tick);

}  // namespace hostcheck::conclude
