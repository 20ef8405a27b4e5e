#include "core/conclude/rounds.h"

#include <utility>

#include "core/conclude/roles.h"
#include "core/conclude/sample.h"

namespace hostcheck::conclude {
namespace {

// A watch lasts, and what it watches has to stay unharmed by it: a thousandth of a processor for all samples.
constexpr observe::Pace kPace{.sample_cost = 2000, .half_open_cost = 2000, .calm = 1};

std::uint64_t only_one(const gather::Options& namespaces, bool all) {
  return !all && namespaces.asked.size() == 1 ? namespaces.asked.front().inode : 0;
}

}  // namespace

void Rounds::ask(const facts::Request& request, const gather::Options& namespaces) {
  const facts::Request before = std::exchange(request_, request);
  if (request.contains("roles")) {
    for (const auto& [table, each] : roles_request()) request_[table].merge(each);
  }
  facts::Request fresh;
  std::map<std::string, Former, std::less<>> kept;
  for (const auto& [name, table] : request_) {
    if (!table.wants_observation()) continue;
    const auto asked = before.find(name);
    const auto former = former_.find(name);
    if (asked != before.end() && former != former_.end() && asked->second == table) {
      kept.insert(*former);
    } else {
      fresh.emplace(name, table);
    }
  }
  former_ = std::move(kept);
  const auto now = Clock::now();
  if (began_ == Clock::time_point{}) began_ = now;
  const auto first = std::make_shared<const facts::Facts>(gather::gather(fresh, namespaces));
  for (const auto& [name, table] : fresh) former_[name] = {first, now};
  const bool observes = observe::is_wanted(request_);
  if (!observes) {
    observation_.reset();
  } else if (observation_) {
    observation_->ask(request_);
  } else {
    observe(namespaces);
  }
}

void Rounds::observe(const gather::Options& namespaces) {
  observed_netns_ = only_one(namespaces, all_);
  observation_ = observe::Observation::prepare(request_, namespaces.asked, kPace, all_);
  observation_->begin();
  next_room_ = Clock::now() + observe::kRoomEvery;
}

facts::Facts& Rounds::next(const gather::Options& namespaces) {
  if (observation_) observation_->end_round(namespaces.asked);
  facts::Request sampled;
  for (const auto& [name, former] : former_) sampled.emplace(name, request_[name]);
  if (facts_) facts_->keep_only(sampled);
  const auto now = Clock::now();
  const auto span_since = [now](Clock::time_point then) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - then);
  };
  auto latest = std::make_shared<facts::Facts>(gather::gather(request_, namespaces));
  latest->observed = span_since(began_);
  for (auto& [name, former] : former_) {
    latest->fill_deltas_from(*former.facts, name, span_since(former.taken));
    former = {latest, now};
  }
  facts_ = std::move(latest);
  began_ = now;
  if (observation_) {
    observation_->fill(*facts_);
    observation_->begin_round(request_);
    // Another namespace by the same name: the programs look at the former one.
    if (observed_netns_ != only_one(namespaces, all_)) {
      observation_.reset();
      observe(namespaces);
    }
  }
  if (request_.contains("roles")) fill_roles(*facts_, roles_);
  return *facts_;
}

void Rounds::tick() {
  if (!observation_) return;
  observation_->sample();
  if (Clock::now() < next_room_) return;
  observation_->make_room();
  next_room_ = Clock::now() + observe::kRoomEvery;
}

std::vector<Capability> Rounds::methods() const {
  return observation_ ? capabilities_of(observation_->methods()) : std::vector<Capability>{};
}

}  // namespace hostcheck::conclude
