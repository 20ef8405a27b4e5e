// Values that live as long as the process.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace hostcheck::cli {

// Keeps a value until the process ends. For the large ones of a run: the kernel takes back all memory at once,
// destructors take milliseconds to do it piece by piece.
template <typename T>
T& keep_until_exit(T value) {
  // Reachable to the end, so that a leak checker does not call it a leak.
  static auto& kept = *std::make_unique<std::vector<std::shared_ptr<void>>>().release();
  auto holder = std::make_shared<T>(std::move(value));
  kept.push_back(holder);
  return *holder;
}

}  // namespace hostcheck::cli
