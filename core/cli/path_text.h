// Journeys to one target as text and JSON.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/checks/finding.h"
#include "core/conclude/report.h"
#include "core/facts/journey.h"

namespace hostcheck::cli {

struct PathReport {
  std::string target;
  std::string netns;
  std::string protocol;
  std::vector<facts::Journey> journeys;
  std::vector<facts::PathStep> steps;
  std::vector<checks::Finding> findings;
  std::vector<conclude::ProbeRecord> probes;
  std::chrono::milliseconds duration{0};
};

// Each journey's steps, one a line with the kernel's source, what became of it, findings, then what was probed.
[[nodiscard]] std::string path_as_text(const PathReport& report);
// One object: target, netns, journeys with their steps, findings and probes as in hostcheck.report/1.
[[nodiscard]] std::string path_as_json(const PathReport& report);

}  // namespace hostcheck::cli
