#include "core/conclude/separation.h"

#include <cmath>
#include <map>
#include <utility>

namespace hostcheck::conclude {
namespace {

template <typename Key>
double entropy_of(const std::map<Key, std::size_t>& counts, std::size_t total) {
  double bits = 0;
  for (const auto& [key, count] : counts) {
    const double share = static_cast<double>(count) / static_cast<double>(total);
    bits -= share * std::log2(share);
  }
  return bits;
}

}  // namespace

Separation separation_of(std::span<const std::size_t> groups, std::span<const std::size_t> values) {
  std::map<std::size_t, std::size_t> by_group;
  std::map<std::size_t, std::size_t> by_value;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> by_both;
  for (std::size_t at = 0; at < groups.size(); ++at) {
    ++by_group[groups[at]];
    ++by_value[values[at]];
    ++by_both[{groups[at], values[at]}];
  }
  if (by_group.size() < 2 || by_value.size() < 2) return {};
  const std::size_t total = groups.size();
  const double value_bits = entropy_of(by_value, total);
  Separation separation;
  separation.gain = entropy_of(by_group, total) + value_bits - entropy_of(by_both, total);
  if (separation.gain < 1e-9) return {};
  separation.ratio = separation.gain / value_bits;
  return separation;
}

}  // namespace hostcheck::conclude
