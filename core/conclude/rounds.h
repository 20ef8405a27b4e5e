// A watch's look at the host: samples one after the other, each the end of one round and the beginning of the next, and
// an observation that stays. So nothing that counts or happens is between two rounds.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/conclude/report.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/gather/gather.h"
#include "core/observe/observation.h"

namespace hostcheck::conclude {

class Rounds {
 public:
  // all: the namespaces asked for are all that there are, which may become more. roles: of the host; none: found out
  // each round.
  Rounds(bool all, std::vector<std::string> roles) : all_(all), roles_(std::move(roles)) {}

  // Asks for these tables from now on: takes the first sample of what was not asked for, and begins to observe. What
  // was asked for already goes on: the round is not broken off.
  void ask(const facts::Request& request, const gather::Options& namespaces);
  // Ends the round and begins the next: facts of now with their increase since the former sample, and what was observed
  // since. They are there until the following call, and may grow. namespaces: those of now.
  [[nodiscard]] facts::Facts& next(const gather::Options& namespaces);

  // Within a round: samples the listeners' queues and makes room for events where it is time to. To be called about
  // every kTick.
  void tick();
  static constexpr std::chrono::milliseconds kTick{500};

  // What the observation can do; empty where there is none.
  [[nodiscard]] std::vector<Capability> methods() const;

 private:
  using Clock = std::chrono::steady_clock;
  // The former sample of one table.
  struct Former {
    std::shared_ptr<const facts::Facts> facts;
    Clock::time_point taken;
  };
  void observe(const gather::Options& namespaces);

  bool all_ = false;
  std::vector<std::string> roles_;
  facts::Request request_;                             // with what finding the roles reads
  std::map<std::string, Former, std::less<>> former_;  // of the tables of which increases are asked
  std::shared_ptr<facts::Facts> facts_;                // the latest
  Clock::time_point began_;                            // the round
  std::optional<observe::Observation> observation_;
  std::uint64_t observed_netns_ = 0;  // inode number of the only one, 0: all
  Clock::time_point next_room_;
};

}  // namespace hostcheck::conclude
