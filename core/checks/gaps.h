// What of the things that a query reads could not be read.
#pragma once

#include <optional>
#include <string>

#include "core/facts/facts.h"
#include "core/facts/request.h"

namespace hostcheck::checks {

struct Gaps {
  std::string reason;
  std::string remedy;
};
[[nodiscard]] std::optional<Gaps> find_gaps(const facts::Request& reads, const facts::Facts& facts);

// Whether it reads what only two samples or an observation can tell.
[[nodiscard]] bool reads_observation(const facts::Request& reads);

// The first table that was neither gathered nor reported absent.
[[nodiscard]] std::optional<std::string> not_gathered(const facts::Request& reads, const facts::Facts& facts);

// The first table that only probes or journeys fill and that none has filled.
[[nodiscard]] std::optional<std::string> not_asked(const facts::Request& reads, const facts::Facts& facts);

}  // namespace hostcheck::checks
