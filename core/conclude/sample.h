// One run's look at the host: both samples of what counts, and between them the observation.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>

#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/gather/gather.h"

namespace hostcheck::conclude {

// Returns when the window is over, or earlier when the run is to end; calls tick about every `every`, when that is not
// zero.
using Wait = std::function<void(std::chrono::milliseconds window, std::chrono::milliseconds every,
                                const std::function<void()>& tick)>;

// Everything in the request, in the namespaces asked. roles: those that were set; empty: they are found out. window
// zero: one sample, and nothing that needs two is there.
[[nodiscard]] facts::Facts sample(const facts::Request& request, const gather::Options& namespaces,
                                  std::chrono::milliseconds window, const Wait& wait,
                                  std::span<const std::string> roles = {});

// A Wait that just lets the time pass.
void sleep_through(std::chrono::milliseconds window, std::chrono::milliseconds every,
                   const std::function<void()>& tick);

}  // namespace hostcheck::conclude
