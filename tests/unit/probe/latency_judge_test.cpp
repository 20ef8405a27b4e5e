#include "core/probe/latency_judge.h"

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

using Samples = std::vector<DelaySample>;

// count questions, one every 25 ms, each answered after so long.
Samples series(unsigned count, double delay_ms, double from_ms = 0) {
  Samples samples;
  for (unsigned number = 0; number < count; ++number) {
    const double sent = from_ms + 25.0 * number;
    samples.push_back({sent, sent + delay_ms});
  }
  return samples;
}

std::string_view outcome(const Samples& idle, const Samples& loaded, std::optional<double> base = {}) {
  return read_delays(idle, loaded, base, {}).outcome;
}

TEST(Delay, ThatIsFarIsSteady) {
  EXPECT_EQ(outcome(series(40, 290), series(40, 295)), "steady");
}

TEST(Delay, ThatGrowsUnderLoadIsAQueue) {
  EXPECT_EQ(outcome(series(40, 10), series(40, 111)), "queueing");
  EXPECT_EQ(outcome(series(40, 10), series(40, 109)), "steady");
  EXPECT_EQ(outcome(series(40, 150), series(40, 290)), "steady") << "not twice as long";
}

TEST(Delay, OfAFewIsABusyProcessor) {
  Samples loaded = series(40, 10);
  for (unsigned number = 0; number < 4; ++number) *loaded[number].answered_ms += 500;
  EXPECT_EQ(outcome(series(40, 10), loaded), "steady");
}

TEST(Delay, ThatIsLongerThanKnownIsAQueueAlready) {
  EXPECT_EQ(outcome(series(40, 300), series(40, 300)), "steady");
  EXPECT_EQ(outcome(series(40, 300), series(40, 300), 20), "queueing");
}

TEST(Delay, WithAGapUnderLoadIsAStall) {
  Samples loaded = series(80, 10);
  for (unsigned number = 10; number < 60; ++number) loaded[number].answered_ms.reset();
  EXPECT_EQ(outcome(series(40, 10), loaded), "stalls");
  Samples idle = series(80, 10);
  for (unsigned number = 10; number < 60; ++number) idle[number].answered_ms.reset();
  EXPECT_NE(outcome(idle, loaded), "stalls") << "it falls silent without load, too";
}

TEST(Delay, WithAGapThatDoesNotEndIsNoStall) {
  Samples loaded = series(80, 10);
  for (unsigned number = 10; number < 80; ++number) loaded[number].answered_ms.reset();
  EXPECT_NE(outcome(series(40, 10), loaded), "stalls");
}

TEST(Delay, WithAGapInWhichNothingWasAskedIsThisHosts) {
  Samples loaded = series(20, 10);
  const Samples later = series(20, 10, 2500);
  loaded.insert(loaded.end(), later.begin(), later.end());
  EXPECT_EQ(outcome(series(40, 10), loaded), "steady");
}

TEST(Delay, OfNoAnswerIsNotJudged) {
  Samples nothing = series(40, 0);
  for (DelaySample& each : nothing) each.answered_ms.reset();
  EXPECT_EQ(outcome(nothing, {}), "silent");
  EXPECT_EQ(outcome(series(4, 10), series(40, 10)), "unclear");
  EXPECT_EQ(outcome(series(40, 10), nothing), "unclear");
}

}  // namespace
}  // namespace hostcheck::probe
