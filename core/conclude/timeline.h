// The observation window as it went by, as a report shows it: the queues that matter and what was thrown away.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/checks/finding.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"

namespace hostcheck::conclude {

// One listener over the window; see facts::QueueSample.
struct QueueRecord {
  struct Point {
    std::uint32_t from_ms = 0;
    std::uint32_t until_ms = 0;
    std::uint32_t samples = 0;
    std::uint32_t queue = 0;
    std::uint32_t limit = 0;
    std::optional<std::uint32_t> half_open;
    std::optional<std::uint64_t> drops;
  };
  std::string netns;
  std::string local;          // "0.0.0.0:443", "[::]:443"
  std::string process;        // "" where it is not known
  std::vector<Point> points;  // in order, at least one
};

// Packets thrown away for one reason at one place; see facts::DropSample.
struct DropRecord {
  struct Slice {
    std::uint32_t from_ms = 0;
    std::uint32_t until_ms = 0;
    std::uint64_t packets = 0;
  };
  std::string netns;
  std::string reason;         // "" where the kernel tells none
  std::string place;          // "" where it is not known
  std::uint64_t packets = 0;  // all of its slices
  std::vector<Slice> slices;  // in order; those without packets are left out
};

struct Timeline {
  // At most so many; what matters less is counted in the more_ members.
  static constexpr std::size_t kMostQueues = 6;
  static constexpr std::size_t kMostReasons = 8;

  std::uint32_t span_ms = 0;  // 0: nothing was sampled
  std::size_t listeners = 0;  // sampled
  // Those that findings are about, in the findings' order; then those that dropped or whose queue was not always empty,
  // the fullest first. A listener that is neither is left out.
  std::vector<QueueRecord> queues;
  std::size_t more_queues = 0;
  std::vector<DropRecord> drops;  // the most packets first
  std::size_t more_drops = 0;
};

// From the tables queue_samples and drop_samples; span_ms 0 where there are none.
[[nodiscard]] Timeline timeline_of(const facts::Facts& facts, std::span<const checks::Finding> findings);
// What it is made from.
[[nodiscard]] facts::Request timeline_reads();

}  // namespace hostcheck::conclude
