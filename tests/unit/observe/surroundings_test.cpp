#include "core/observe/surroundings.h"

#include <gtest/gtest.h>

namespace hostcheck::observe {
namespace {

ListenerState at(std::uint64_t id, std::uint32_t queue, std::uint32_t drops, std::uint32_t half_open = 0) {
  ListenerState state;
  state.id = id;
  state.address = *IpAddress::parse("0.0.0.0");
  state.port = 80;
  state.inode = 1000 + id;
  state.queue = queue;
  state.limit = 8;
  state.drops = drops;
  state.half_open = half_open;
  return state;
}

class Samples : public ::testing::Test {
 protected:
  void take(std::vector<ListenerState> states) {
    ASSERT_TRUE(around_.sample([&] { return Result<std::vector<ListenerState>>(std::move(states)); }));
  }
  [[nodiscard]] const WatchedListener& listener(std::uint64_t id) const { return around_.listeners().at(id); }

  Surroundings around_{kernel::NetnsInfo{}};
};

TEST_F(Samples, KeepTheExtremesAndTheEnds) {
  take({at(1, 3, 10, 5)});
  take({at(1, 9, 12, 2)});
  take({at(1, 1, 14, 0)});
  const WatchedListener& seen = listener(1);
  EXPECT_EQ(seen.queue_first, 3U);
  EXPECT_EQ(seen.queue_max, 9U);
  EXPECT_EQ(seen.queue_min, 1U);
  EXPECT_EQ(seen.queue_last, 1U);
  EXPECT_EQ(seen.half_open_max, 5U);
  EXPECT_EQ(seen.drops(), 4U);
  EXPECT_EQ(seen.samples, 3U);
  EXPECT_EQ(seen.samples_full, 1U);
  EXPECT_EQ(seen.inode, 1001U);
}

TEST_F(Samples, AQueueAtItsLimitIsNotFull) {
  take({at(1, 8, 0)});
  EXPECT_EQ(listener(1).samples_full, 0U);
  take({at(1, 9, 0)});
  EXPECT_EQ(listener(1).samples_full, 1U);
}

TEST_F(Samples, AListenerThatCameLaterBeganWithNothing) {
  take({});
  take({at(1, 5, 7)});
  EXPECT_EQ(listener(1).queue_first, 0U);
  EXPECT_EQ(listener(1).drops(), 7U);
}

TEST_F(Samples, WhatTheKernelDoesNotCountIsNoDrop) {
  ListenerState silent = at(1, 0, 0);
  silent.drops.reset();
  take({silent});
  EXPECT_FALSE(listener(1).counts_drops);
  EXPECT_EQ(listener(1).drops(), 0U);
}

TEST_F(Samples, AFailedSampleChangesNothing) {
  take({at(1, 5, 7)});
  const Error error = make_error(ErrorCode::failed, "read", "listeners", "broken");
  const auto failed = around_.sample([&] { return Result<std::vector<ListenerState>>(unexpected(error)); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().detail, "broken");
  EXPECT_EQ(listener(1).samples, 1U);
}

}  // namespace
}  // namespace hostcheck::observe
