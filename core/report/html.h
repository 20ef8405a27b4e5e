// A report as a page that people look at and send on.
#pragma once

#include <string>
#include <vector>

#include "core/conclude/journey_records.h"
#include "core/conclude/report.h"

namespace hostcheck::report {

// One HTML file that needs nothing else: no script, nothing from the network; light and dark, on a phone too.
[[nodiscard]] std::string as_html(const conclude::Report& report, const std::vector<conclude::JourneyRecord>& journeys,
                                  int exit_status);

}  // namespace hostcheck::report
