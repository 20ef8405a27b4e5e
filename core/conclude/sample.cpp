#include "core/conclude/sample.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "core/conclude/roles.h"
#include "core/observe/observation.h"

namespace hostcheck::conclude {

namespace {

facts::Facts take_samples(const facts::Request& request, const gather::Options& namespaces,
                          std::chrono::milliseconds window, const Wait& wait, Sampling* told) {
  if (window.count() == 0) return gather::gather(request, namespaces);
  const bool observes = observe::is_wanted(request);
  std::optional<observe::Observation> observation;
  if (observes) observation = observe::Observation::prepare(request, namespaces.asked);
  facts::Facts facts = gather::observe(request, namespaces, window, [&](std::chrono::milliseconds time) {
    if (!observes) {
      wait(time, {});
      return;
    }
    observation->begin();
    wait(time, [&] { return observation->sample(); });
    observation->end();
    if (told != nullptr && told->at_end) told->at_end();
  });
  if (observes) {
    observation->fill(facts);
    if (told != nullptr) {
      told->methods = capabilities_of(observation->methods());
      told->window = observation->window();
    }
  }
  return facts;
}

}  // namespace

facts::Facts sample(const facts::Request& request, const gather::Options& namespaces, std::chrono::milliseconds window,
                    const Wait& wait, std::span<const std::string> roles, Sampling* told) {
  if (!request.contains("roles")) return take_samples(request, namespaces, window, wait, told);
  facts::Request all = request;
  for (const auto& [table, each] : roles_request()) all[table].merge(each);
  facts::Facts facts = take_samples(all, namespaces, window, wait, told);
  fill_roles(facts, roles);
  return facts;
}

std::vector<Capability> capabilities_of(const std::vector<observe::Method>& methods) {
  std::vector<Capability> all;
  for (const observe::Method& each : methods) {
    all.push_back({std::string(kObserveMethod) + each.name, each.available, each.detail, each.lost});
  }
  return all;
}

void sleep_through(std::chrono::milliseconds window, const Tick& tick) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + window;
  while (Clock::now() < end) {
    const std::chrono::milliseconds pause = tick ? tick() : window;
    std::this_thread::sleep_until(std::min(Clock::now() + pause, end));
  }
}

}  // namespace hostcheck::conclude
