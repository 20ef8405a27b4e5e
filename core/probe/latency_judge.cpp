#include "core/probe/latency_judge.h"

#include <algorithm>

#include <fmt/format.h>

namespace hostcheck::probe {
namespace {

constexpr std::uint32_t kFewest = 5;  // answers without load, to know the distance by

std::uint32_t count_above(const Delays& delays, double limit_ms) {
  return static_cast<std::uint32_t>(
      std::count_if(delays.ms.begin(), delays.ms.end(), [&](double each) { return each >= limit_ms; }));
}

// A processor that is busy elsewhere makes one or two late, a queue makes all of them late that wait in it.
bool many_above(const Delays& delays, double limit_ms) {
  const std::uint32_t above = count_above(delays, limit_ms);
  return above >= 5 && 5 * above >= delays.answered();
}

// Questions went on while answers did not: else it was this host that stood still.
bool stalls(const DelaySeries& series, double stall_ms) {
  constexpr double kQuestionsPerSecond = 10;
  constexpr std::uint32_t kAfter = 3;
  return series.gap_ms >= stall_ms && series.gap_after >= kAfter &&
         static_cast<double>(series.gap_sent) >= kQuestionsPerSecond * series.gap_ms / 1000;
}

std::string series_words(const DelaySeries& series) {
  return fmt::format("{:.1f} ms at the median, {:.1f} ms at the most", *series.delays.median(), *series.delays.max());
}

}  // namespace

DelaySeries read_series(std::span<const DelaySample> samples) {
  DelaySeries series;
  std::vector<double> answers;
  for (const DelaySample& each : samples) {
    ++series.delays.sent;
    if (!each.answered_ms) continue;
    series.delays.add(*each.answered_ms - each.sent_ms);
    answers.push_back(*each.answered_ms);
  }
  if (answers.empty()) return series;
  std::sort(answers.begin(), answers.end());
  double from = samples.front().sent_ms;
  for (std::size_t at = 0; at < answers.size(); ++at) {
    const double gap = answers[at] - from;
    if (gap > series.gap_ms) {
      series.gap_ms = gap;
      series.gap_after = static_cast<std::uint32_t>(answers.size() - at);
      series.gap_sent = static_cast<std::uint32_t>(std::count_if(samples.begin(), samples.end(), [&](const auto& each) {
        return each.sent_ms >= from && each.sent_ms < answers[at];
      }));
    }
    from = answers[at];
  }
  return series;
}

DelayReading read_delays(std::span<const DelaySample> idle, std::span<const DelaySample> loaded,
                         std::optional<double> known_base_ms, const DelayThresholds& thresholds) {
  DelayReading reading;
  reading.idle = read_series(idle);
  reading.loaded = read_series(loaded);
  const auto shortest = reading.idle.delays.min();
  if (!shortest) {
    reading.outcome = "silent";
    reading.words = fmt::format("none of {} questions was answered", reading.idle.delays.sent);
    return reading;
  }
  reading.base_ms = std::min(*shortest, known_base_ms.value_or(*shortest));
  const double limit = std::max(*reading.base_ms + thresholds.queue_ms, 2 * *reading.base_ms);
  const std::string base = fmt::format("{:.1f} ms at the least", *reading.base_ms);
  const DelaySeries& under = reading.loaded;
  if (reading.idle.delays.answered() < kFewest || under.delays.sent == 0) {
    reading.outcome = "unclear";
    reading.words = fmt::format("{} of {} questions were answered, which is too few to tell",
                                reading.idle.delays.answered(), reading.idle.delays.sent);
  } else if (stalls(under, thresholds.stall_ms) && reading.idle.gap_ms < thresholds.stall_ms / 2) {
    reading.outcome = "stalls";
    reading.words =
        fmt::format("under a small load nothing was answered for {:.0f} ms, then answers went on; without load {}",
                    under.gap_ms, series_words(reading.idle));
  } else if (many_above(reading.idle.delays, limit)) {
    reading.outcome = "queueing";
    reading.words = fmt::format("the delay is {} without a load of the probe's own, and {}: a queue is full already",
                                series_words(reading.idle), base);
  } else if (under.delays.answered() > 0 && many_above(under.delays, limit)) {
    reading.outcome = "queueing";
    reading.words = fmt::format("under a small load the delay grows to {}; without load {}", series_words(under),
                                series_words(reading.idle));
  } else if (under.delays.answered() < kFewest) {
    reading.outcome = "unclear";
    reading.words = fmt::format("under load {} of {} questions were answered, which is too few to tell",
                                under.delays.answered(), under.delays.sent);
  } else {
    reading.outcome = "steady";
    reading.words =
        fmt::format("{} without load, {} under a small load", series_words(reading.idle), series_words(under));
  }
  return reading;
}

}  // namespace hostcheck::probe
