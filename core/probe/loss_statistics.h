// What counts of lost packets prove. Pure.
#pragma once

#include <cstdint>

namespace hostcheck::probe {

struct LossCount {
  std::uint32_t sent = 0;
  std::uint32_t lost = 0;
  [[nodiscard]] double share() const { return sent == 0 ? 0 : static_cast<double>(lost) / sent; }
  LossCount& operator+=(const LossCount& other) {
    sent += other.sent;
    lost += other.lost;
    return *this;
  }
};

// Fisher's exact test, one-sided: the probability that `less` would lose as few as it did if both lost alike.
[[nodiscard]] double fisher_less(const LossCount& less, const LossCount& more);
// Clopper and Pearson's lower bound of the loss, for a probability of `error` to be wrong.
[[nodiscard]] double loss_lower_bound(const LossCount& count, double error);
// Log-likelihood of the count at its own share.
[[nodiscard]] double log_likelihood(const LossCount& count);

// How many flows have to be answered at a hop before a (found + 1)-th equal next hop is ruled out with 95 %: 6, 11, 16,
// 21, 27, ... (Veitch, Augustin, Friedman, Teixeira: Failure control in multipath route tracing, INFOCOM 2009).
// found: 1 to 64.
[[nodiscard]] std::uint32_t flows_to_rule_out_more(std::uint32_t found);

}  // namespace hostcheck::probe
