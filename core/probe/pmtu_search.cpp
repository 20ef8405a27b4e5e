#include "core/probe/pmtu_search.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace hostcheck::probe {
namespace {

// What links and tunnels are made with: IPv6's least, tunnels in 1500, PPPoE, Ethernet.
constexpr std::array<std::size_t, 8> kCandidates = {1280, 1400, 1420, 1452, 1472, 1480, 1492, 1500};
constexpr std::uint32_t kTries = 3;        // RFC 8899 MAX_PROBES
constexpr std::uint32_t kTriesInLoss = 6;  // where packets that fit are lost as well
constexpr std::uint32_t kMostRounds = 40;  // ends a search whose answers contradict each other
constexpr std::size_t kWideGap = 64;       // above it two sizes a round, below it one

}  // namespace

PmtuSearch::PmtuSearch(std::size_t small, std::size_t top, std::size_t hint, bool sparing)
    : small_(small), top_(top), hint_(hint), sparing_(sparing) {}

std::uint32_t PmtuSearch::losses(std::size_t size) const {
  const auto found = lost_.find(size);
  return found == lost_.end() ? 0 : found->second;
}

std::uint32_t PmtuSearch::tries() const {
  return by_chance_ == 0 ? kTries : kTriesInLoss;
}

std::vector<std::size_t> PmtuSearch::first() const {
  if (hinted()) return hint_ < top_ ? std::vector{hint_, hint_ + 1} : std::vector{hint_};
  return top_ > small_ ? std::vector{small_, top_} : std::vector{small_};
}

std::vector<std::size_t> PmtuSearch::usual(std::size_t low, std::size_t high) const {
  std::vector<std::size_t> out;
  std::copy_if(kCandidates.begin(), kCandidates.end(), std::back_inserter(out),
               [&](std::size_t each) { return each > low && each < high; });
  return out;
}

std::vector<std::size_t> PmtuSearch::between(std::size_t low, std::size_t high) const {
  const std::size_t gap = high - low;
  if (gap <= kWideGap) return {low + gap / 2};
  return {low + gap / 3, low + 2 * gap / 3};
}

std::size_t PmtuSearch::failing() const {
  std::size_t out = 0;
  for (const std::size_t each : {lost_.empty() ? 0 : lost_.begin()->first, told_.empty() ? 0 : told_.begin()->first}) {
    if (each != 0 && (out == 0 || each < out)) out = each;
  }
  return out;
}

std::uint32_t PmtuSearch::large_lost() const {
  std::uint32_t out = 0;
  for (const auto& [size, count] : lost_) out += count;
  return out;
}

// A router told what fits, and that passes.
bool PmtuSearch::settled() const {
  return std::any_of(told_.begin(), told_.end(), [&](const auto& each) { return each.second == passes_; });
}

std::vector<std::size_t> PmtuSearch::next() {
  if (++rounds_ > kMostRounds) return {};
  if (!begun_) {
    begun_ = true;
    return first();
  }
  if (passes_ == 0) {
    // A hint that was not answered is one try of what fits.
    const std::uint32_t tries = hinted() ? kTries - 1 : kTries;
    return small_sent_ < tries ? std::vector{small_} : std::vector<std::size_t>{};
  }
  if (passes_ >= top_ || settled()) return {};
  const std::size_t failed = failing();
  if (failed == 0) return {top_};  // a hint that passed, and so did what follows it
  // What a router says that fits is asked next.
  for (const auto& [size, mtu] : told_) {
    if (mtu > passes_ && mtu < failed) return {mtu};
  }
  if (!sparing_ && !std::exchange(asked_usual_, true)) {
    if (auto sizes = usual(passes_, failed); !sizes.empty()) return sizes;
  }
  if (failed - passes_ > 1) return between(passes_, failed);
  if (told_.contains(failed)) return {};
  if (losses(failed) >= tries()) return {};
  std::vector<std::size_t> out;
  for (std::uint32_t i = losses(failed); i < tries(); ++i) {
    out.push_back(failed);
    out.push_back(small_);
  }
  return out;
}

void PmtuSearch::answered(std::size_t size) {
  if (size == small_) {
    ++small_sent_;
    ++small_answered_;
  }
  if (size <= passes_) return;
  passes_ = size;
  // What is smaller passes too: its losses were chance.
  for (auto each = lost_.begin(); each != lost_.upper_bound(size); ++each) by_chance_ += each->second;
  lost_.erase(lost_.begin(), lost_.upper_bound(size));
  told_.erase(told_.begin(), told_.upper_bound(size));
}

void PmtuSearch::lost(std::size_t size) {
  if (size == small_) ++small_sent_;
  if (size <= passes_) ++by_chance_;
  if (size > passes_ && size != small_) ++lost_[size];
}

void PmtuSearch::too_big(std::size_t size, std::size_t mtu) {
  if (size > passes_ && size != small_) told_[size] = mtu;
}

PmtuSearch::Outcome PmtuSearch::outcome() const {
  if (passes_ == 0) return Outcome::unanswered;
  if (passes_ >= top_) return Outcome::full;
  const std::size_t failed = failing();
  if (settled() || (failed != 0 && told_.contains(failed))) return Outcome::smaller;
  const bool small_pass = small_answered_ * 2 > small_sent_;
  if (failed == passes_ + 1 && losses(failed) >= tries() && small_pass) return Outcome::black_hole;
  return Outcome::unclear;
}

}  // namespace hostcheck::probe
