#include "core/observe/timeline.h"

#include <gtest/gtest.h>

#include "core/facts/timeline.h"
#include "tests/unit/observe/made_up.h"

namespace hostcheck::observe {
namespace {

QueuePoint queue_of(std::uint32_t queue, std::uint64_t drops = 0) {
  QueuePoint point;
  point.queue = queue;
  point.limit = 8;
  point.drops = drops;
  return point;
}

MapRows<observe_drop_key, observe_drop> counted(std::uint32_t reason, std::uint64_t count, std::uint16_t port = 80) {
  observe_drop_key key{};
  key.netns = kBlue;
  key.reason = reason;
  key.place = 0xffff1;
  key.port = port;
  observe_drop drop{};
  drop.count = count;
  return {{key, drop}};
}

TEST(QueueSeries, SamplesThatAreAlikeAreOnePoint) {
  QueueSeries series;
  series.add(0, queue_of(0));
  series.add(25, queue_of(0));
  series.add(50, queue_of(3));
  series.add(75, queue_of(0));
  ASSERT_EQ(series.points().size(), 3U);
  EXPECT_EQ(series.points()[0].from_ms, 0U);
  EXPECT_EQ(series.points()[0].until_ms, 25U);
  EXPECT_EQ(series.points()[0].samples, 2U);
  EXPECT_EQ(series.points()[1].queue, 3U);
  EXPECT_EQ(series.points()[2].from_ms, 75U);
}

TEST(QueueSeries, ADropAloneIsAnotherPoint) {
  QueueSeries series;
  series.add(0, queue_of(8, 1));
  series.add(25, queue_of(8, 2));
  EXPECT_EQ(series.points().size(), 2U);
}

TEST(QueueSeries, ALongWindowKeepsTheFullestAndEverySample) {
  QueueSeries series;
  constexpr std::uint32_t kSamples = 10'000;
  for (std::uint32_t at = 0; at < kSamples; ++at) series.add(at, queue_of(at == 4321 ? 9 : at % 2, at));
  ASSERT_LE(series.points().size(), QueueSeries::kMostPoints);
  EXPECT_GT(series.points().size(), QueueSeries::kMostPoints / 4);
  std::uint32_t most = 0;
  std::uint32_t samples = 0;
  std::uint32_t before = 0;
  for (const QueuePoint& each : series.points()) {
    most = std::max(most, each.queue);
    samples += each.samples;
    EXPECT_LE(each.from_ms, each.until_ms);
    EXPECT_TRUE(samples == each.samples || each.from_ms > before);
    before = each.until_ms;
  }
  EXPECT_EQ(most, 9U);
  EXPECT_EQ(samples, kSamples);
  EXPECT_EQ(series.points().front().from_ms, 0U);
  EXPECT_EQ(series.points().back().until_ms, kSamples - 1);
  EXPECT_EQ(series.points().back().drops, kSamples - 1);
}

TEST(DropSeries, ASliceHasWhatCameInIt) {
  DropSeries series;
  series.add(50, counted(5, 0));
  series.add(100, counted(5, 7));
  series.add(150, counted(5, 7));
  series.add(200, counted(5, 9));
  ASSERT_EQ(series.slices().size(), 1U);
  const auto& slices = series.slices().begin()->second;
  ASSERT_EQ(slices.size(), 2U);  // nothing came in the first and the third
  EXPECT_EQ(slices[0].packets, 7U);
  EXPECT_EQ(series.bounds(slices[0].number), std::pair(50U, 100U));
  EXPECT_EQ(slices[1].packets, 2U);
  EXPECT_EQ(series.bounds(slices[1].number), std::pair(150U, 200U));
}

TEST(DropSeries, PortsAndInterfacesOfOneReasonAreTogether) {
  DropSeries series;
  auto rows = counted(5, 3, 80);
  rows.push_back(counted(5, 4, 443).front());
  series.add(50, rows);
  ASSERT_EQ(series.slices().size(), 1U);
  EXPECT_EQ(series.slices().begin()->second.front().packets, 7U);
  EXPECT_EQ(series.bounds(0), std::pair(0U, 50U));
}

TEST(DropSeries, ALongWindowLosesNoPacket) {
  DropSeries series;
  std::uint64_t total = 0;
  for (std::uint32_t at = 1; at <= 5000; ++at) {
    if (at % 3 == 0) total += at;
    series.add(at, counted(5, total));
  }
  std::uint64_t sum = 0;
  const auto& slices = series.slices().begin()->second;
  EXPECT_LE(slices.size(), DropSeries::kMostSlices);
  std::uint32_t before = 0;
  for (const auto& each : slices) {
    sum += each.packets;
    const auto [from, until] = series.bounds(each.number);
    EXPECT_GE(from, before);
    EXPECT_LT(from, until);
    before = until;
  }
  EXPECT_EQ(sum, total);
  EXPECT_GE(before, 4998U);
  EXPECT_LE(before, 5000U);
}

class Timeline : public MadeUp {};

TEST_F(Timeline, DropsAreNamedAsInTheTableOfDrops) {
  DropSeries series;
  series.add(100, counted(8, 5));
  const Seen seen{record_, around_, names_, std::chrono::milliseconds(2000), &series};
  fill_drop_samples(seen, facts_);
  const auto& rows = facts_.rows<facts::DropSample>();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].netns.view(), "blue");
  EXPECT_EQ(rows[0].reason.view(), "NETFILTER_DROP");
  EXPECT_EQ(rows[0].place.view(), "nft_do_chain");
  EXPECT_EQ(rows[0].packets, 5U);
  EXPECT_EQ(rows[0].until_ms, 100U);
  EXPECT_EQ(rows[0].span_ms, 2000U);
}

TEST_F(Timeline, AListenerThatIsGoneHasNoMoreSamples) {
  ListenerState state;
  state.cookie = 7;
  state.address = ip("0.0.0.0");
  state.port = 80;
  state.queue = 2;
  state.limit = 8;
  blue_->note({state});
  blue_->keep_point(0);
  blue_->note(HalfOpen{{7, 4}});
  blue_->note({state});
  blue_->keep_point(25);
  blue_->note(std::vector<ListenerState>{});
  blue_->keep_point(50);
  fill_queue_samples(around_, std::chrono::milliseconds(2000), facts_);
  const auto& rows = facts_.rows<facts::QueueSample>();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_FALSE(rows[0].half_open);
  EXPECT_EQ(rows[1].half_open, 4U);
  EXPECT_FALSE(rows[1].drops);  // the kernel told none
  EXPECT_EQ(rows[1].until_ms, 25U);
  EXPECT_EQ(rows[1].accept_queue, 2U);
  EXPECT_EQ(rows[1].accept_limit, 8U);
}

}  // namespace
}  // namespace hostcheck::observe
