// What is new from one round of a watch to the next, and what is over: with hysteresis, so that what comes and goes is
// told once. No I/O.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/checks/finding.h"
#include "core/conclude/report.h"

namespace hostcheck::conclude {

struct Change {
  enum class State : std::uint8_t {
    found,     // "new": a finding that was not there
    changed,   // its severity or status is another
    cleared,   // it has not been there for kRoundsToClear rounds that could judge it
    unjudged,  // checks could not be judged, all for the same reason
    judged,    // they can again
  };
  State state = State::found;
  checks::Finding finding;                      // found, changed: as it is now; cleared: as it was last
  std::chrono::system_clock::time_point since;  // when the finding, or that it could not be judged, was first told
  std::vector<std::string> checks;              // unjudged, judged: ids
  std::string reason;                           // unjudged: why
  std::string remedy;                           // unjudged: what would let it be judged; may be ""
};
// "new", "changed", "cleared", "unjudged", "judged"
[[nodiscard]] std::string_view name_of(Change::State state);

class Changes {
 public:
  static constexpr unsigned kRoundsToClear = 2;  // also before a milder severity or status is told

  // What the report's findings and checks change against the former reports. A finding is known by its id and its
  // subject; a refuted or suppressed one is none. It is new at once, and cleared by kRoundsToClear rounds in a row
  // without it; a round in which its check could not judge counts for neither, unless it could judge no more than that
  // when it found it. What a probe showed holds in the rounds that send none.
  [[nodiscard]] std::vector<Change> next(const Report& report);

  // Findings that are there.
  [[nodiscard]] std::size_t open() const { return known_.size(); }

 private:
  struct Known {
    checks::Finding finding;
    std::chrono::system_clock::time_point since;
    std::string gap;       // what its check could not judge when it found it
    bool probed = false;   // it was judged in a round that sent probes
    unsigned missing = 0;  // rounds in a row without it
    unsigned milder = 0;   // rounds in a row in which it was milder than told
  };
  struct Gap {
    std::chrono::system_clock::time_point since;
    unsigned judged = 0;  // rounds in a row that could judge
  };
  void look_at_findings(const Report& report, std::vector<Change>& out);
  void look_for_cleared(const Report& report, std::vector<Change>& out);
  void look_at_checks(const Report& report, std::vector<Change>& out);

  std::map<std::string, Known> known_;  // by id and subject
  std::map<std::string, Gap> gaps_;     // by id
  std::set<std::string> refuted_;       // by id and subject: what the latest probes showed not to be so
};

}  // namespace hostcheck::conclude
