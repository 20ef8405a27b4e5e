// The parts of compared_tables(); used by compared*.cpp and compare.cpp only.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "core/conclude/compared.h"

namespace hostcheck::conclude {

[[nodiscard]] std::vector<ComparedTable> compared_routing();
[[nodiscard]] std::vector<ComparedTable> compared_firewall();
[[nodiscard]] std::vector<ComparedTable> compared_interfaces();
[[nodiscard]] std::vector<ComparedTable> compared_services();
[[nodiscard]] std::vector<ComparedTable> compared_protocols();
[[nodiscard]] std::vector<ComparedTable> compared_machine();

// Tables that plugins bring, as they are described: key columns tell rows apart, the others differ. texts holds what
// the result refers to.
[[nodiscard]] std::vector<ComparedTable> compared_brought(std::deque<std::string>& texts);

inline constexpr Weight kWeak = Weight::weak;
inline constexpr Weight kMedium = Weight::medium;
inline constexpr Weight kStrong = Weight::strong;
inline constexpr Meaning kSetting = Meaning::setting;
inline constexpr Meaning kAmount = Meaning::amount;
inline constexpr Meaning kMoving = Meaning::moving;
inline constexpr Meaning kLevel = Meaning::level;

}  // namespace hostcheck::conclude
