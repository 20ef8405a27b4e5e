// Storage for many small objects that live and die together: one allocation for each thousand of them.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace hostcheck {

// Objects stay where they are until the pool goes. Only for types that need no destructor.
template <typename T>
class BlockPool {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  // The object's memory, not initialised: the caller constructs what it needs (T must be an implicit-lifetime type).
  [[nodiscard]] T* add_uninitialised() {
    if (used_ == kBlock) {
      blocks_.push_back(std::make_unique_for_overwrite<Slot[]>(kBlock));
      used_ = 0;
    }
    return reinterpret_cast<T*>(&blocks_.back()[used_++]);
  }
  [[nodiscard]] T* add() { return new (add_uninitialised()) T(); }
  // Forgets every object.
  void clear() {
    blocks_.clear();
    used_ = kBlock;
  }

 private:
  struct alignas(T) Slot {
    std::byte bytes[sizeof(T)];
  };
  static constexpr std::size_t kBlock = 1024;
  std::vector<std::unique_ptr<Slot[]>> blocks_;
  std::size_t used_ = kBlock;
};

}  // namespace hostcheck
