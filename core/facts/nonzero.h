// A number of which the kernel's 0 means "none": it reads as NULL. Four bytes where std::optional takes eight; for big
// tables.
#pragma once

namespace hostcheck::facts {

template <typename T>
struct NonZero {
  using value_type = T;
  T value{};
  NonZero() = default;
  NonZero(T number) : value(number) {}  // NOLINT(google-explicit-constructor): it is that number
  explicit operator bool() const { return value != T{}; }
  const T& operator*() const { return value; }
};

}  // namespace hostcheck::facts
