#include "core/observe/rounds.h"

#include <gtest/gtest.h>

#include "made_up.h"

namespace hostcheck::observe {
namespace {

constexpr std::uint64_t kSecond = 1000 * kMs;

observe_flow attempt(std::uint64_t at_ns) {
  observe_flow flow{};
  flow.first_ns = flow.last_ns = at_ns;
  flow.syns_in = 1;
  return flow;
}

TEST(Attempts, AreUndecidedUntilTheFirstRetransmissionIsDue) {
  observe_flow flow = attempt(kStart);
  EXPECT_EQ(attempt_of(flow, kStart + kSecond), Attempt::undecided);
  EXPECT_EQ(attempt_of(flow, kStart + kSecond + 1), Attempt::told);
  flow.syns_in = 2;
  EXPECT_EQ(attempt_of(flow, kStart + 1), Attempt::told);
}

TEST(Attempts, ThatSucceededAreFine) {
  observe_flow taken = attempt(kStart);
  taken.answered_ns = kStart + 1;
  taken.synacks_out = 1;
  EXPECT_EQ(attempt_of(taken, kStart + 2), Attempt::undecided);
  EXPECT_EQ(attempt_of(taken, kStart + 2 * kSecond), Attempt::fine);
  taken.completed = 1;
  EXPECT_EQ(attempt_of(taken, kStart + 2), Attempt::fine);
  observe_flow made = attempt(kStart);
  made.syns_in = 0;
  made.syns_out = 1;
  made.answered_ns = kStart + 1;
  made.synacks_in = 1;
  EXPECT_EQ(attempt_of(made, kStart + 2), Attempt::fine);
}

TEST(Attempts, WhoseLastAckWasRefusedAreTold) {
  observe_flow flow = attempt(kStart);
  flow.answered_ns = kStart + 1;
  flow.synacks_out = 1;
  flow.refused_acks = 1;
  EXPECT_EQ(attempt_of(flow, kStart + 2 * kSecond), Attempt::told);
}

class RoundsTest : public MadeUp {
 protected:
  TraceRecord next(std::uint64_t now) {
    TraceRecord whole = record_;
    whole.ended_ns = now;
    gone_ = {};
    return rounds_.next(std::move(whole), gone_);
  }
  Rounds rounds_;
  Outdated gone_;
};

TEST_F(RoundsTest, TellsAnAttemptInOneRoundOnly) {
  flow("10.0.0.9", 4000, "10.0.0.1", 80) = attempt(kStart + 10 * kMs);
  EXPECT_EQ(next(kStart + 100 * kMs).flows.size(), 0U) << "it may still be answered";
  EXPECT_TRUE(gone_.flows.empty());
  const TraceRecord second = next(kStart + 2 * kSecond);
  ASSERT_EQ(second.flows.size(), 1U);
  EXPECT_EQ(second.started_ns, kStart + 100 * kMs) << "a round begins where the former ended";
  EXPECT_EQ(gone_.flows.size(), 1U);
}

TEST_F(RoundsTest, TellsBothEndsOfASimultaneousOpenTogether) {
  flow("10.0.0.9", 4000, "10.0.0.1", 80) = attempt(kStart + 900 * kMs);
  observe_flow& other = flow("10.0.0.1", 80, "10.0.0.9", 4000);
  other = attempt(kStart + 900 * kMs);
  other.answered_ns = kStart + 901 * kMs;
  other.synacks_in = 1;
  EXPECT_TRUE(next(kStart + kSecond).flows.empty());
  EXPECT_EQ(next(kStart + 3 * kSecond).flows.size(), 2U);
}

TEST_F(RoundsTest, KeepsWhatIsFineForAWhileAndNotForEver) {
  flow("10.0.0.9", 4000, "10.0.0.1", 80).completed = 1;
  static_cast<void>(next(kStart + 10 * kSecond));
  EXPECT_TRUE(gone_.flows.empty());
  static_cast<void>(next(kStart + 100 * kSecond));
  EXPECT_EQ(gone_.flows.size(), 1U);
}

TEST_F(RoundsTest, TellsCountsSinceTheFormerRound) {
  established("10.0.0.1", 80, 7);
  EXPECT_EQ(next(kStart + kSecond).services.at(0).second.completed, 7U);
  record_.services.at(0).second.completed = 10;
  EXPECT_EQ(next(kStart + 2 * kSecond).services.at(0).second.completed, 3U);
  EXPECT_TRUE(gone_.services.empty());
  EXPECT_TRUE(next(kStart + 3 * kSecond).services.empty()) << "it did not move";
  EXPECT_EQ(gone_.services.size(), 1U);
  // The row was removed, and made anew by the next connection.
  record_.services.at(0).second.completed = 1;
  EXPECT_EQ(next(kStart + 4 * kSecond).services.at(0).second.completed, 1U);
}

TEST_F(RoundsTest, TellsADropAgainOnlyWhenItHappensAgain) {
  observe_drop_key key{};
  key.netns = kBlue;
  observe_drop drop{};
  drop.count = 5;
  drop.first_ns = kStart;
  record_.drops.emplace_back(key, drop);
  EXPECT_EQ(next(kStart + kSecond).drops.at(0).second.count, 5U);
  record_.drops.at(0).second.count = 6;
  const auto second = next(kStart + 2 * kSecond).drops;
  EXPECT_EQ(second.at(0).second.count, 1U);
  EXPECT_EQ(second.at(0).second.first_ns, kStart + kSecond);
}

TEST_F(RoundsTest, KeepsASourcesLastTimestamp) {
  observe_source source{};
  source.syns = 3;
  source.last_ns = kStart;
  record_.sources.emplace_back(observe_source_key{}, source);
  EXPECT_EQ(next(kStart + kSecond).sources.size(), 1U);
  EXPECT_TRUE(next(kStart + 30 * kSecond).sources.empty());
  EXPECT_TRUE(gone_.sources.empty());
  static_cast<void>(next(kStart + 1000 * kSecond));
  EXPECT_EQ(gone_.sources.size(), 1U);
}

TEST_F(RoundsTest, TellsLostEventsOnce) {
  record_.lost.flows = 4;
  EXPECT_EQ(next(kStart + kSecond).lost.flows, 4U);
  EXPECT_EQ(next(kStart + 2 * kSecond).lost.flows, 0U);
}

TEST(Crowding, RemovesOnlyWhatIsFineAndOnlyWhereRoomIsShort) {
  MapRows<observe_flow_key, observe_flow> flows(OBSERVE_FLOWS / 2);
  for (std::size_t i = 0; i < flows.size(); ++i) {
    flows[i].first.source_port = static_cast<__u16>(i);
    flows[i].second = attempt(kStart);
    flows[i].second.completed = i % 2;
  }
  EXPECT_TRUE(crowding_out(flows, kStart + 2 * kSecond).empty());
  flows.push_back(flows.front());
  EXPECT_EQ(crowding_out(flows, kStart + 2 * kSecond).size(), OBSERVE_FLOWS / 4);
  EXPECT_TRUE(crowding_out(flows, kStart + kMs).empty()) << "too young";
}

}  // namespace
}  // namespace hostcheck::observe
