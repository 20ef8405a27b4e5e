// How well a fact tells groups of hosts apart.
#pragma once

#include <cstddef>
#include <span>

namespace hostcheck::conclude {

struct Separation {
  double gain = 0;   // information gain, bits: how much less unsure one is of a host's group once the fact is known
  double ratio = 0;  // gain per bit that the fact itself holds (gain ratio), 0 to 1: a fact that is different on every
                     // host tells the groups apart by accident and has a low one. 1: one value for each group
};

// groups and values: one number a host, equal for equal group and equal value. Same size.
[[nodiscard]] Separation separation_of(std::span<const std::size_t> groups, std::span<const std::size_t> values);

}  // namespace hostcheck::conclude
