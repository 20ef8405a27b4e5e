// Words in one text.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hostcheck {

// "a, b, c" where between is ", "; "" of no words.
[[nodiscard]] inline std::string joined(std::span<const std::string> words, std::string_view between) {
  std::string all;
  for (const std::string& each : words) {
    if (&each != words.data()) all += between;
    all += each;
  }
  return all;
}

}  // namespace hostcheck
