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

namespace hostcheck::conclude {

// Returns when the window is over, or earlier when the run is to end; calls tick about every `every`, when that is not
// zero.
using Wait = std::function<void(std::chrono::milliseconds window, std::chrono::milliseconds every,
                                const std::function<void()>& tick)>;

// Everything in the request, in the namespaces asked. roles: those that were set; empty: they are found out. window
// zero: one sample, and nothing that needs two is there. methods, where it is not nullptr: gets what the observation
// could do, when there was one.
[[nodiscard]] facts::Facts sample(const facts::Request& request, const gather::Options& namespaces,
                                  std::chrono::milliseconds window, const Wait& wait,
                                  std::span<const std::string> roles = {}, std::vector<Capability>* methods = nullptr);
// The methods of the observation as a report has them.
[[nodiscard]] std::vector<Capability> capabilities_of(const std::vector<observe::Method>& methods);

// A Wait that just lets the time pass.
void sleep_through(std::chrono::milliseconds window, std::chrono::milliseconds every,
                   const std::function<void()>& tick);

}  // namespace hostcheck::conclude
