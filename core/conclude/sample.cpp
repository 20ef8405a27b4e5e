#include "core/conclude/sample.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "core/conclude/roles.h"
#include "core/observe/observation.h"

namespace hostcheck::conclude {

namespace {

facts::Facts take_samples(const facts::Request& request, const gather::Options& namespaces,
                          std::chrono::milliseconds window, const Wait& wait, std::vector<Capability>* methods) {
  if (window.count() == 0) return gather::gather(request, namespaces);
  const bool observes = observe::is_wanted(request);
  std::optional<observe::Observation> observation;
  if (observes) observation = observe::Observation::prepare(request, namespaces.asked);
  facts::Facts facts = gather::observe(request, namespaces, window, [&](std::chrono::milliseconds time) {
    if (!observes) {
      wait(time, std::chrono::milliseconds{0}, {});
      return;
    }
    observation->begin();
    wait(time, observe::kSampleEvery, [&] { observation->sample(); });
    observation->end();
  });
  if (observes) {
    observation->fill(facts);
    if (methods != nullptr) *methods = capabilities_of(observation->methods());
  }
  return facts;
}

}  // namespace

facts::Facts sample(const facts::Request& request, const gather::Options& namespaces, std::chrono::milliseconds window,
                    const Wait& wait, std::span<const std::string> roles, std::vector<Capability>* methods) {
  if (!request.contains("roles")) return take_samples(request, namespaces, window, wait, methods);
  facts::Request all = request;
  for (const auto& [table, each] : roles_request()) all[table].merge(each);
  facts::Facts facts = take_samples(all, namespaces, window, wait, methods);
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

void sleep_through(std::chrono::milliseconds window, std::chrono::milliseconds every,
                   const std::function<void()>& tick) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + window;
  if (every.count() == 0) every = window;
  while (Clock::now() < end) {
    std::this_thread::sleep_until(std::min(Clock::now() + every, end));
    if (tick) tick();
  }
}

}  // namespace hostcheck::conclude
