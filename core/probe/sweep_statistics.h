// The statistics of sweeps. Pure and repeatable: the random numbers are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace hostcheck::probe {

// Cochran's Q by permutation: chance that failures as uneven over ports come about when each round's are dealt to the
// ports by chance. failed[round][port]. 1 where nothing or everything failed.
[[nodiscard]] double uneven_chance(const std::vector<std::vector<bool>>& failed, std::mt19937_64& random);

// How a sequence of failures is spread over time, in windows of 16.
struct TimeSpread {
  double clustered = 1;   // chance of as much clustering, were they independent
  double regular = 1;     // chance of as much regularity
  double dispersion = 1;  // variance of the windows' counts against that of independent failures
};
[[nodiscard]] TimeSpread time_spread(const std::vector<bool>& failed, std::mt19937_64& random);

// Chance of so few losses among `sent` or fewer, if the true share were that of `lost` of `of`; variances are widened
// by dispersion (at least 1).
[[nodiscard]] double fewer_chance(std::uint32_t slow_lost, std::uint32_t slow_sent, std::uint32_t lost,
                                  std::uint32_t of, double dispersion);

}  // namespace hostcheck::probe
