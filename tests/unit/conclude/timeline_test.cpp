#include "core/conclude/timeline.h"

#include <gtest/gtest.h>

#include "core/facts/timeline.h"

namespace hostcheck::conclude {
namespace {

class TimelineRecords : public ::testing::Test {
 protected:
  void sample(std::uint16_t port, std::uint32_t from_ms, std::uint32_t queue, std::uint64_t drops = 0) {
    facts::QueueSample row;
    row.netns = facts_.intern("init");
    row.address = *IpAddress::parse("0.0.0.0");
    row.port = port;
    row.inode = port;
    row.from_ms = row.until_ms = from_ms;
    row.samples = 1;
    row.accept_queue = queue;
    row.accept_limit = 8;
    row.drops = drops;
    row.span_ms = 2000;
    facts_.rows<facts::QueueSample>().push_back(row);
  }
  void drop(std::string_view reason, std::uint32_t from_ms, std::uint64_t packets) {
    facts::DropSample row;
    row.netns = facts_.intern("init");
    row.reason = facts_.intern(reason);
    row.from_ms = from_ms;
    row.until_ms = from_ms + 50;
    row.packets = packets;
    row.span_ms = 2000;
    facts_.rows<facts::DropSample>().push_back(row);
  }
  void finding(const std::string& local, checks::Status status = checks::Status::confirmed,
               const std::string& netns = "init") {
    checks::Finding& made = findings_.emplace_back();
    made.status = status;
    made.subject = {{"netns", netns}, {"local", local}};
  }
  [[nodiscard]] std::vector<std::string> locals() const {
    std::vector<std::string> out;
    for (const QueueRecord& each : timeline_of(facts_, findings_).queues) out.push_back(each.local);
    return out;
  }

  facts::Facts facts_;
  std::vector<checks::Finding> findings_;
};

using Names = std::vector<std::string>;

TEST_F(TimelineRecords, AreNothingWhereNothingWasSampled) {
  const Timeline none = timeline_of(facts_, findings_);
  EXPECT_EQ(none.span_ms, 0U);
  EXPECT_TRUE(none.queues.empty());
}

TEST_F(TimelineRecords, ListenersOfFindingsComeFirstAndQuietOnesAreLeftOut) {
  sample(80, 0, 7);
  sample(81, 0, 0);
  sample(82, 0, 0);
  sample(83, 0, 2, 5);
  finding("0.0.0.0:82");
  finding("0.0.0.0:81", checks::Status::refuted);
  finding("0.0.0.0:81", checks::Status::confirmed, "another");
  EXPECT_EQ(locals(), (Names{"0.0.0.0:82", "0.0.0.0:83", "0.0.0.0:80"}));
  EXPECT_EQ(timeline_of(facts_, findings_).listeners, 4U);
}

TEST_F(TimelineRecords, PointsAreInOrderOfTime) {
  sample(80, 500, 2);
  sample(80, 25, 1);
  const Timeline timeline = timeline_of(facts_, findings_);
  ASSERT_EQ(timeline.queues.size(), 1U);
  ASSERT_EQ(timeline.queues[0].points.size(), 2U);
  EXPECT_EQ(timeline.queues[0].points[0].queue, 1U);
  EXPECT_EQ(timeline.span_ms, 2000U);
  EXPECT_FALSE(timeline.queues[0].points[0].half_open);
}

TEST_F(TimelineRecords, AreBoundedAndSayHowManyAreLeftOut) {
  for (std::uint16_t port = 1; port <= 10; ++port) sample(port, 0, port);
  for (int reason = 0; reason < 10; ++reason) drop("REASON_" + std::to_string(reason), 0, 10U + reason);
  const Timeline timeline = timeline_of(facts_, findings_);
  EXPECT_EQ(timeline.queues.size(), Timeline::kMostQueues);
  EXPECT_EQ(timeline.more_queues, 10 - Timeline::kMostQueues);
  EXPECT_EQ(timeline.queues[0].local, "0.0.0.0:10");
  EXPECT_EQ(timeline.drops.size(), Timeline::kMostReasons);
  EXPECT_EQ(timeline.more_drops, 10 - Timeline::kMostReasons);
  EXPECT_EQ(timeline.drops[0].reason, "REASON_9");
}

TEST_F(TimelineRecords, DropsOfOneReasonAreAddedUp) {
  drop("NO_SOCKET", 100, 3);
  drop("NO_SOCKET", 50, 4);
  const Timeline timeline = timeline_of(facts_, findings_);
  ASSERT_EQ(timeline.drops.size(), 1U);
  EXPECT_EQ(timeline.drops[0].packets, 7U);
  EXPECT_EQ(timeline.drops[0].slices[0].from_ms, 50U);
}

}  // namespace
}  // namespace hostcheck::conclude
