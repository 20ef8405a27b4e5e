// From the facts of one run, or of one round of a watch, to its report: rules, plugins, probes, conclusions.
#pragma once

#include <chrono>
#include <span>

#include "core/cli/catalogue.h"
#include "core/cli/plan.h"
#include "core/conclude/probing.h"
#include "core/conclude/report.h"
#include "core/facts/facts.h"
#include "core/gather/gather.h"
#include "core/sql/database.h"

namespace hostcheck::cli {

// Everything that it points to outlives judge().
struct Judging {
  const Plan& plan;
  const Catalogue& catalogue;
  const gather::Options& namespaces;
  std::span<const conclude::Suppression> suppressions;
  bool recorded = false;                                  // the facts are a snapshot's
  std::chrono::steady_clock::time_point deadline;         // rules that have not run by then are unknown
  std::chrono::steady_clock::time_point plugin_deadline;  // plugins that are not done by then are ended
  conclude::ProbeOptions probes;                          // `answered` is set by judge()
};

// The report but for started, duration, snapshot and the methods of the observation. database is the one that the plan
// was made with; the facts grow by what plugins bring and probes find, and it uses them from here on.
[[nodiscard]] conclude::Report judge(const Judging& how, facts::Facts& facts, sql::Database& database);

// That each suppression is of some check of the catalogue, which is not planned yet; those that are over are told on
// standard error, since their findings are back.
[[nodiscard]] Result<void> check_suppressions(const Catalogue& catalogue,
                                              std::span<const conclude::Suppression> suppressions);

}  // namespace hostcheck::cli
