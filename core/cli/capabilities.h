// What this host lets hostcheck do, as a report has it.
#pragma once

#include <vector>

#include "core/conclude/report.h"

namespace hostcheck::cli {

[[nodiscard]] std::vector<conclude::Capability> capabilities();

}  // namespace hostcheck::cli
