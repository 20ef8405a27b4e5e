// The journeys of a run as its report has them.
#pragma once

#include <string>
#include <vector>

#include "core/facts/facts.h"

namespace hostcheck::conclude {

// The journey of a packet to one address of a target through this host.
struct JourneyRecord {
  struct Step {
    std::string step;     // "rule", "route", "next_hop", ...
    std::string verdict;  // "passes", "stops", "unknown"
    std::string words;
    std::string source;  // where the kernel says so
  };
  std::string netns;
  std::string target;  // as it was named
  std::string address;
  std::string port;  // "" for none
  std::string protocol;
  std::string outcome;  // see facts::Journey
  std::string words;
  std::vector<Step> steps;  // in order
};

// From the tables journeys and path_steps; empty where there are none.
[[nodiscard]] std::vector<JourneyRecord> journey_records(const facts::Facts& facts);

}  // namespace hostcheck::conclude
