// Values over the window, kept in bounded memory however long it is. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/observe/trace.h"

namespace hostcheck::observe {

// Of one listener: samples in a row that were alike.
struct QueuePoint {
  std::uint32_t from_ms = 0;  // first and last sample, since the window began
  std::uint32_t until_ms = 0;
  std::uint32_t samples = 1;
  std::uint32_t queue = 0;
  std::uint32_t limit = 0;
  std::optional<std::uint32_t> half_open;  // absent: not counted yet
  std::optional<std::uint64_t> drops;      // since the window began; absent where the kernel tells none
};

class QueueSeries {
 public:
  static constexpr std::size_t kMostPoints = 256;

  // One sample, later than those before it. Beyond kMostPoints neighbours are put together by two, each pair as the
  // fuller of them with the drops of the later.
  void add(std::uint32_t at_ms, const QueuePoint& sample);
  [[nodiscard]] const std::vector<QueuePoint>& points() const { return points_; }

 private:
  std::vector<QueuePoint> points_;
};

// Of the packets thrown away: how many came to each reason and place from one reading of the map to the next.
class DropSeries {
 public:
  static constexpr std::size_t kMostSlices = 256;
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;  // netns inode, reason, kernel address
  struct Slice {
    std::size_t number = 0;
    std::uint64_t packets = 0;
  };

  // All that was counted since the window began, at a time later than those before it: ends a slice. Beyond kMostSlices
  // slices are put together by two.
  void add(std::uint32_t at_ms, const MapRows<observe_drop_key, observe_drop>& so_far);
  // Slices without packets are left out.
  [[nodiscard]] const std::map<Key, std::vector<Slice>>& slices() const { return slices_; }
  // Begin and end of a slice, in ms since the window began.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> bounds(std::size_t number) const;

 private:
  void halve();

  std::vector<std::uint32_t> ends_;
  std::map<Key, std::uint64_t> totals_;
  std::map<Key, std::vector<Slice>> slices_;
};

}  // namespace hostcheck::observe
