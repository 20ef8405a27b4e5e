#include "core/probe/sweep_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hostcheck::probe {
namespace {

constexpr int kShuffles = 1999;
constexpr int kEnough = 40;  // shuffles as extreme as the sample after which it is no longer in doubt
constexpr std::size_t kWindow = 16;

// Picks count of the numbers below size by a part of a Fisher-Yates shuffle of deck.
void deal(std::vector<std::uint32_t>& deck, std::size_t count, std::mt19937_64& random) {
  for (std::size_t each = 0; each < count; ++each) {
    std::swap(deck[each], deck[each + random() % (deck.size() - each)]);
  }
}

std::vector<std::uint32_t> fresh_deck(std::size_t size) {
  std::vector<std::uint32_t> deck(size);
  std::iota(deck.begin(), deck.end(), 0U);
  return deck;
}

std::uint64_t sum_of_squares(const std::vector<std::uint32_t>& counts) {
  std::uint64_t sum = 0;
  for (const std::uint32_t each : counts) sum += std::uint64_t{each} * each;
  return sum;
}

}  // namespace

double uneven_chance(const std::vector<std::vector<bool>>& failed, std::mt19937_64& random) {
  if (failed.empty() || failed.front().size() < 2) return 1;
  const std::size_t ports = failed.front().size();
  std::vector<std::uint32_t> counts(ports);
  std::vector<std::size_t> of_round;
  for (const auto& round : failed) {
    std::size_t total = 0;
    for (std::size_t port = 0; port < ports; ++port) {
      if (!round[port]) continue;
      ++counts[port];
      ++total;
    }
    of_round.push_back(total);
  }
  // Q grows with the sum of the ports' squared counts; all else in it is the same in every permutation.
  const std::uint64_t seen = sum_of_squares(counts);
  auto deck = fresh_deck(ports);
  int extreme = 0;
  // Where most of a round failed it is quicker to deal the few that did not.
  const auto mostly = static_cast<std::uint32_t>(
      std::count_if(of_round.begin(), of_round.end(), [&](std::size_t total) { return 2 * total > ports; }));
  for (int shuffle = 1; shuffle <= kShuffles; ++shuffle) {
    std::fill(counts.begin(), counts.end(), mostly);
    for (const std::size_t total : of_round) {
      const bool most = 2 * total > ports;
      const std::size_t dealt = most ? ports - total : total;
      deal(deck, dealt, random);
      for (std::size_t each = 0; each < dealt; ++each) counts[deck[each]] += most ? ~0U : 1U;
    }
    if (sum_of_squares(counts) >= seen && ++extreme == kEnough) return (extreme + 1.0) / (shuffle + 1.0);
  }
  return (extreme + 1.0) / (kShuffles + 1.0);
}

TimeSpread time_spread(const std::vector<bool>& failed, std::mt19937_64& random) {
  TimeSpread out;
  const std::size_t windows = failed.size() / kWindow;
  const std::size_t used = windows * kWindow;
  if (windows < 4) return out;
  std::vector<std::uint32_t> counts(windows);
  std::size_t total = 0;
  for (std::size_t each = 0; each < used; ++each) {
    if (!failed[each]) continue;
    ++counts[each / kWindow];
    ++total;
  }
  if (total < 4 || total + 4 > used) return out;
  const std::uint64_t seen = sum_of_squares(counts);
  const double mean = static_cast<double>(total) / static_cast<double>(windows);
  const double variance = static_cast<double>(seen) / static_cast<double>(windows) - mean * mean;
  const double share = static_cast<double>(total) / static_cast<double>(used);
  out.dispersion = variance / (mean * (1 - share));
  // Windows with few failures are as unlike as windows with few successes: the fewer of both are dealt.
  const std::size_t dealt = std::min(total, used - total);
  const std::uint64_t limit = dealt == total ? seen : seen + windows * kWindow * kWindow - 2 * kWindow * total;
  auto deck = fresh_deck(used);
  int above = 0;
  int below = 0;
  int shuffles = 0;
  while (shuffles < kShuffles && (above < kEnough || below < kEnough)) {
    ++shuffles;
    std::fill(counts.begin(), counts.end(), 0U);
    deal(deck, dealt, random);
    for (std::size_t each = 0; each < dealt; ++each) ++counts[deck[each] / kWindow];
    const std::uint64_t sum = sum_of_squares(counts);
    if (sum >= limit) ++above;
    if (sum <= limit) ++below;
  }
  out.clustered = (above + 1.0) / (shuffles + 1.0);
  out.regular = (below + 1.0) / (shuffles + 1.0);
  return out;
}

double fewer_chance(std::uint32_t slow_lost, std::uint32_t slow_sent, std::uint32_t lost, std::uint32_t of,
                    double dispersion) {
  if (slow_sent == 0 || of == 0 || lost == 0) return 1;
  const double fast = static_cast<double>(lost) / of;
  const double slow = static_cast<double>(slow_lost) / slow_sent;
  const double pooled = static_cast<double>(lost + slow_lost) / (of + slow_sent);
  const double deviation = std::sqrt(std::max(1.0, dispersion) * pooled * (1 - pooled) * (1.0 / slow_sent + 1.0 / of));
  if (deviation == 0) return 1;
  return 0.5 * std::erfc((fast - slow) / deviation / std::sqrt(2.0));
}

}  // namespace hostcheck::probe
