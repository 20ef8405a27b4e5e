#include "core/observe/surroundings.h"

#include <gtest/gtest.h>

namespace hostcheck::observe {
namespace {

ListenerState at(std::uint64_t cookie, std::uint32_t queue, std::uint32_t drops) {
  ListenerState state;
  state.cookie = cookie;
  state.address = *IpAddress::parse("0.0.0.0");
  state.port = 80;
  state.inode = 1000 + cookie;
  state.queue = queue;
  state.limit = 8;
  state.drops = drops;
  return state;
}

class Samples : public ::testing::Test {
 protected:
  void take(const std::vector<ListenerState>& states) { around_.note(states); }
  [[nodiscard]] const WatchedListener& listener(std::uint64_t id) const { return around_.listeners().at(id); }

  Surroundings around_{kernel::NetnsInfo{}};
};

TEST_F(Samples, KeepTheExtremesAndTheEnds) {
  take({at(1, 3, 10)});
  take({at(1, 9, 12)});
  take({at(1, 1, 14)});
  const WatchedListener& seen = listener(1);
  EXPECT_EQ(seen.queue_first, 3U);
  EXPECT_EQ(seen.queue_max, 9U);
  EXPECT_EQ(seen.queue_min, 1U);
  EXPECT_EQ(seen.queue_last, 1U);
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

TEST_F(Samples, AreCalmUntilAQueueIsOverHalfFull) {
  take({at(1, 4, 0), at(2, 0, 0)});
  EXPECT_TRUE(around_.is_calm());
  take({at(1, 5, 0), at(2, 0, 0)});
  EXPECT_FALSE(around_.is_calm());
  take({at(1, 0, 0), at(2, 0, 0)});
  EXPECT_TRUE(around_.is_calm());
}

TEST_F(Samples, AreCalmAgainWhenNothingMoreIsDropped) {
  take({at(1, 0, 7)});
  EXPECT_TRUE(around_.is_calm());  // dropped before anybody looked
  take({at(1, 0, 8)});
  EXPECT_FALSE(around_.is_calm());
  take({at(1, 0, 8)});
  EXPECT_TRUE(around_.is_calm());
}

TEST_F(Samples, AreNotCalmWhileHandshakesPileUp) {
  take({at(1, 0, 0)});
  around_.note(HalfOpen{{1, 5}});
  EXPECT_FALSE(around_.is_calm());
  around_.note(HalfOpen{{1, 4}});
  EXPECT_TRUE(around_.is_calm());
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

TEST_F(Samples, HalfOpenQueuesKeepTheirLongest) {
  take({at(1, 0, 0), at(2, 0, 0)});
  around_.note(HalfOpen{{1, 5}, {3, 9}});
  around_.note(HalfOpen{{1, 2}});
  EXPECT_EQ(listener(1).half_open_max, 5U);
  EXPECT_EQ(listener(2).half_open_max, 0U);
  EXPECT_EQ(around_.listeners().size(), 2U) << "a socket that no sample has shown is not a listener yet";
}

}  // namespace
}  // namespace hostcheck::observe
