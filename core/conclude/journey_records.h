// The journeys of a run as its report has them.
#pragma once

#include <cstdint>
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
  std::uint16_t port = 0;  // 0: none
  std::string protocol;
  std::string source;    // address; "" where there is none to send from
  std::string ifname;    // that it leaves by; "" where it does not
  std::string next_hop;  // whose link-layer address is asked for; "" where the packet does not leave the host
  std::string outcome;   // see facts::Journey
  std::string words;
  std::vector<Step> steps;  // in order
};

// From the tables journeys and path_steps; empty where there are none.
[[nodiscard]] std::vector<JourneyRecord> journey_records(const facts::Facts& facts);

}  // namespace hostcheck::conclude
