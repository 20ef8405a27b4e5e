// Numbers with their units as people read them.
#pragma once

#include <string>

namespace hostcheck {

// "512 B", "1.5 MiB", "64 KiB": powers of 1024, one decimal where it tells something.
[[nodiscard]] std::string human_bytes(double bytes);
// "250 ms", "1.5 s", "2 min 5 s", "3 h 20 min", "4 d 2 h"
[[nodiscard]] std::string human_duration(double milliseconds);

}  // namespace hostcheck
