// A report in one line, for monitoring that shows one.
#pragma once

#include <cstddef>
#include <string>

#include "core/conclude/report.h"

namespace hostcheck::report {

// At most size bytes of text, ended between two code points and with "..." where it was cut.
[[nodiscard]] std::string shortened(std::string text, std::size_t size);

// The summary of the first finding that counts, which explains most of the others, and how many others there are; what
// is clear where there is none; why a host could not be judged. Printable. size: most bytes of the summary or the
// reason.
[[nodiscard]] std::string status_line(const conclude::Report& report, std::size_t size);

}  // namespace hostcheck::report
