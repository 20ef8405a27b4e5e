// A report as a page that people look at and send on.
#pragma once

#include <string>

#include "core/conclude/report.h"

namespace hostcheck::report {

// One HTML file that needs nothing else: no script, nothing from the network; light and dark, on a phone too.
[[nodiscard]] std::string as_html(const conclude::Report& report, int exit_status);

}  // namespace hostcheck::report
