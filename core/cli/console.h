// Standard output and error.
#pragma once

#include <string_view>

namespace hostcheck::cli {

// Writes all of it to standard output; false when that failed. A reader that went away is no error worth words.
[[nodiscard]] bool print(std::string_view text);
// "hostcheck: ..." and a newline on standard error.
void complain(std::string_view message);
// Words for standard error as they are.
void print_error(std::string_view text);

}  // namespace hostcheck::cli
