#include "core/probe/listener_watch.h"

#include <vector>

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

QueueLook look(std::uint32_t queue, std::uint64_t oldest, std::uint32_t oldest_ms, std::uint64_t drops = 0) {
  const auto cookies = oldest == 0 ? std::vector<std::uint64_t>{} : std::vector{oldest};
  return {1, queue, 8, drops, cookies, oldest_ms, cookies};
}

QueueOutcome outcome(const std::vector<QueueLook>& looks) {
  return read_queue(looks, 3000);
}

TEST(Queue, ThatGetsEmptyIsNoFault) {
  EXPECT_EQ(outcome({look(5, 1, 900), look(0, 0, 0)}), QueueOutcome::empty);
}

TEST(Queue, WhoseFirstStaysIsNotAccepted) {
  EXPECT_EQ(outcome({look(5, 1, 100), look(9, 1, 3000)}), QueueOutcome::not_accepting);
  EXPECT_EQ(outcome({look(5, 1, 100), look(5, 1, 2999)}), QueueOutcome::unclear) << "not long enough";
  EXPECT_EQ(outcome({look(9, 1, 5000, 1), look(9, 1, 8000, 7)}), QueueOutcome::not_accepting)
      << "drops are what a hung program leads to";
}

TEST(Queue, WhoseFirstCameTogetherMovesWhenOneOfThemIsGone) {
  QueueLook before = look(3, 1, 40);
  before.oldest = {1, 2, 3};
  QueueLook after = look(2, 1, 3040);
  after.waiting = {1, 3};
  EXPECT_EQ(outcome({before, after}), QueueOutcome::slow);
  after.waiting = {1, 2, 3, 4};
  EXPECT_EQ(outcome({before, after}), QueueOutcome::not_accepting);
}

TEST(Queue, ThatMovesAndIsFullOverflows) {
  EXPECT_EQ(outcome({look(5, 1, 900), look(9, 2, 900), look(8, 3, 900)}), QueueOutcome::overflow);
  EXPECT_EQ(outcome({look(8, 1, 900, 3), look(8, 2, 900, 4)}), QueueOutcome::overflow);
}

TEST(Queue, ThatMovesAndHasRoomIsSlow) {
  EXPECT_EQ(outcome({look(8, 1, 900, 3), look(8, 2, 900, 3)}), QueueOutcome::slow);
}

TEST(Queue, ThatWasLookedAtOnceIsNotJudged) {
  EXPECT_EQ(outcome({look(9, 1, 900)}), QueueOutcome::unclear);
  EXPECT_EQ(outcome({look(9, 1, 9000)}), QueueOutcome::unclear) << "a slow queue may be long";
  EXPECT_EQ(outcome({look(9, 1, 9000), look(9, 1, 9400)}), QueueOutcome::unclear);
}

}  // namespace
}  // namespace hostcheck::probe
