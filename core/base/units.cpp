#include "core/base/units.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace hostcheck {

std::string human_bytes(double bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (std::abs(bytes) >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  const bool whole = unit == 0 || bytes == std::floor(bytes) || std::abs(bytes) >= 100;
  return whole ? fmt::format("{:.0f} {}", bytes, kUnits[unit]) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string human_duration(double milliseconds) {
  if (milliseconds < 0) return fmt::format("-{}", human_duration(-milliseconds));
  if (milliseconds < 1000) return fmt::format("{:.0f} ms", milliseconds);
  if (milliseconds < 60'000) {
    const double seconds = std::floor(milliseconds / 100) / 10;
    return seconds == std::floor(seconds) ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.1f} s", seconds);
  }
  const auto pair = [](std::int64_t large, std::string_view large_unit, std::int64_t small,
                       std::string_view small_unit) {
    return small == 0 ? fmt::format("{} {}", large, large_unit)
                      : fmt::format("{} {} {} {}", large, large_unit, small, small_unit);
  };
  const auto seconds = static_cast<std::int64_t>(std::min(milliseconds / 1000, 1e15));
  if (seconds < 3600) return pair(seconds / 60, "min", seconds % 60, "s");
  if (seconds < 86'400) return pair(seconds / 3600, "h", seconds % 3600 / 60, "min");
  return pair(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

}  // namespace hostcheck
