#include "core/probe/loss_statistics.h"

#include <algorithm>
#include <cmath>

namespace hostcheck::probe {
namespace {

constexpr double kMissed = 0.05;

double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

// Probability of `least` or more of n with a chance of p each.
double upper_tail(std::uint32_t n, std::uint32_t least, double p) {
  double sum = 0;
  for (std::uint32_t k = least; k <= n; ++k) {
    sum += std::exp(log_choose(n, k) + k * std::log(p) + (n - k) * std::log1p(-p));
  }
  return sum;
}

// Probability that `flows` random choices leave out at least one of `hops` equal ones, by inclusion and exclusion.
double misses_one(std::uint32_t hops, std::uint32_t flows) {
  double sum = 0;
  for (std::uint32_t left_out = 1; left_out < hops; ++left_out) {
    const double one = std::exp(log_choose(hops, left_out) +
                                flows * std::log1p(-static_cast<double>(left_out) / static_cast<double>(hops)));
    sum += left_out % 2 == 1 ? one : -one;
  }
  return sum;
}

}  // namespace

double fisher_less(const LossCount& less, const LossCount& more) {
  const double all = less.sent + more.sent;
  const double lost = less.lost + more.lost;
  double sum = 0;
  const double from = std::max(0.0, lost - more.sent);
  for (double k = from; k <= less.lost; ++k) {
    sum += std::exp(log_choose(less.sent, k) + log_choose(more.sent, lost - k) - log_choose(all, lost));
  }
  return std::min(sum, 1.0);
}

double loss_lower_bound(const LossCount& count, double error) {
  if (count.lost == 0) return 0;
  double low = 0;
  double high = count.share();
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (upper_tail(count.sent, count.lost, middle) < error ? low : high) = middle;
  }
  return low;
}

double log_likelihood(const LossCount& count) {
  const double share = count.share();
  if (share <= 0 || share >= 1) return 0;
  return count.lost * std::log(share) + (count.sent - count.lost) * std::log1p(-share);
}

std::uint32_t flows_to_rule_out_more(std::uint32_t found) {
  std::uint32_t flows = found + 1;
  while (misses_one(found + 1, flows) > kMissed) ++flows;
  return flows;
}

}  // namespace hostcheck::probe
