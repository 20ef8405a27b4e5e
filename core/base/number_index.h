// Where each number of a list stands in it: one allocation, no node for each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hostcheck {

class NumberIndex {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  NumberIndex() = default;
  // numbers: not 0. Of equal ones the first counts.
  explicit NumberIndex(std::span<const std::uint32_t> numbers) {
    std::size_t size = 16;
    while (size < numbers.size() * 2) size *= 2;
    slots_.resize(size);
    for (std::size_t at = 0; at < numbers.size(); ++at) {
      Slot& slot = slots_[slot_of(numbers[at])];
      if (slot.number == 0) slot = {numbers[at], static_cast<std::uint32_t>(at)};
    }
  }

  // Its position in the list, kNone where it is not in it.
  [[nodiscard]] std::size_t find(std::uint32_t number) const {
    if (slots_.empty() || number == 0) return kNone;
    const Slot& slot = slots_[slot_of(number)];
    return slot.number == number ? slot.position : kNone;
  }

 private:
  struct Slot {
    std::uint32_t number = 0;
    std::uint32_t position = 0;
  };
  // The slot that holds the number or, where there is none, the free one where it belongs.
  [[nodiscard]] std::size_t slot_of(std::uint32_t number) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = number * 2654435761U & mask;
    while (slots_[at].number != 0 && slots_[at].number != number) at = (at + 1) & mask;
    return at;
  }
  std::vector<Slot> slots_;
};

}  // namespace hostcheck
