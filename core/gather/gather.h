// Runs the sources that a request needs, in each namespace, once or as two samples.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/gather/source.h"

namespace hostcheck::gather {

struct Options {
  // Namespaces to look at, from kernel::list_namespaces or kernel::find_namespace.
  std::vector<kernel::NetnsInfo> asked;
  // Every namespace known; the asked ones among them.
  std::vector<kernel::NetnsInfo> known;
  kernel::FileTree files;
};

// The namespaces for `--netns`: "" for the present one, "all", or a name. scan: whether every process is looked at too
// (for the table namespaces; "all" does so anyway).
[[nodiscard]] Result<Options> plan_namespaces(std::string_view netns, bool scan);

// One sample of everything in the request.
[[nodiscard]] facts::Facts gather(const facts::Request& request, const Options& options);

// Two samples, window apart, of the tables of which deltas are asked; one of the others. window zero: one sample of
// all, and every column that needs two is absent (not asked). wait is called once between the two and returns when the
// window is over, or earlier when the run is to end.
[[nodiscard]] facts::Facts observe(const facts::Request& request, const Options& options,
                                   std::chrono::milliseconds window,
                                   const std::function<void(std::chrono::milliseconds)>& wait);

}  // namespace hostcheck::gather
