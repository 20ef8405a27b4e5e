#include "core/observe/timeline.h"

#include <algorithm>

namespace hostcheck::observe {
namespace {

bool alike(const QueuePoint& a, const QueuePoint& b) {
  return a.queue == b.queue && a.limit == b.limit && a.half_open == b.half_open && a.drops == b.drops;
}

QueuePoint together(const QueuePoint& first, const QueuePoint& second) {
  QueuePoint both = second;
  both.from_ms = first.from_ms;
  both.samples = first.samples + second.samples;
  both.queue = std::max(first.queue, second.queue);
  both.half_open = std::max(first.half_open, second.half_open);  // absent is least
  return both;
}

}  // namespace

void QueueSeries::add(std::uint32_t at_ms, const QueuePoint& sample) {
  if (!points_.empty() && alike(points_.back(), sample)) {
    points_.back().until_ms = at_ms;
    ++points_.back().samples;
    return;
  }
  if (points_.size() == kMostPoints) {
    for (std::size_t pair = 0; pair < kMostPoints / 2; ++pair) {
      points_[pair] = together(points_[2 * pair], points_[2 * pair + 1]);
    }
    points_.resize(kMostPoints / 2);
  }
  QueuePoint& point = points_.emplace_back(sample);
  point.from_ms = point.until_ms = at_ms;
  point.samples = 1;
}

void DropSeries::add(std::uint32_t at_ms, const MapRows<observe_drop_key, observe_drop>& so_far) {
  if (ends_.size() == kMostSlices) halve();
  const std::size_t number = ends_.size();
  ends_.push_back(at_ms);
  std::map<Key, std::uint64_t> now;
  for (const auto& [key, drop] : so_far) now[{key.netns, key.reason, key.place}] += drop.count;
  for (const auto& [key, total] : now) {
    std::uint64_t& before = totals_[key];
    if (total > before) slices_[key].push_back({number, total - before});
    before = std::max(before, total);
  }
}

void DropSeries::halve() {
  for (std::size_t pair = 0; pair < kMostSlices / 2; ++pair) ends_[pair] = ends_[2 * pair + 1];
  ends_.resize(kMostSlices / 2);
  for (auto& [key, slices] : slices_) {
    std::vector<Slice> wider;
    for (const Slice& each : slices) {
      if (!wider.empty() && wider.back().number == each.number / 2) {
        wider.back().packets += each.packets;
      } else {
        wider.push_back({each.number / 2, each.packets});
      }
    }
    slices = std::move(wider);
  }
}

std::pair<std::uint32_t, std::uint32_t> DropSeries::bounds(std::size_t number) const {
  return {number == 0 ? 0 : ends_.at(number - 1), ends_.at(number)};
}

}  // namespace hostcheck::observe
