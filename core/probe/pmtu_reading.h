// What the ways of asking for a path's MTU say together. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/facts/probe_pmtu.h"

namespace hostcheck::probe {

struct PmtuReading {
  // "full", "smaller", "black_hole", "fragments_lost", "unanswered", "unclear", "not_tried"
  std::string_view outcome = "unanswered";
  std::string words;
  std::size_t decides = 0;  // index of the row that the outcome comes from; rows.size() where none does
};

// rows: those of one probe, one each method. The method by which the largest packet arrived decides: an arrival proves
// what a loss does not. Fragments are told beside it, and are the outcome where nothing else is wrong.
[[nodiscard]] PmtuReading read_pmtu(const std::vector<facts::ProbePmtu>& rows);

}  // namespace hostcheck::probe
