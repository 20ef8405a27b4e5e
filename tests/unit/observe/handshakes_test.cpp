#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/observe/made_up.h"

namespace hostcheck::observe {
namespace {

using facts::Certainty;
using facts::Direction;
using facts::HandshakeStage;
using facts::SynReason;
using ::testing::HasSubstr;
using Handshakes = MadeUp;

TEST_F(Handshakes, AnAttemptThatNobodyAnsweredIsARow) {
  listen("0.0.0.0", 80);
  observe_flow& one = flow("192.0.2.7", 4000, "10.0.0.1", 80);
  one.last_ns = kStart + 1500 * kMs;
  one.syns_in = 2;
  one.drops = 2;
  one.drop_reason = 8;
  one.drop_place = 0xffff1;
  one.has_timestamp = 1;
  one.ts_value = 99;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  const facts::UnansweredSyn& row = rows[0];
  EXPECT_EQ(row.netns.view(), "blue");
  EXPECT_EQ(row.direction, Direction::in);
  EXPECT_EQ(row.peer, ip("192.0.2.7"));
  EXPECT_EQ(row.peer_port, 4000);
  EXPECT_EQ(row.local, ip("10.0.0.1"));
  EXPECT_EQ(row.local_port, 80);
  EXPECT_TRUE(row.listening);
  EXPECT_EQ(row.attempts, 2U);
  EXPECT_EQ(row.first_ms, 500U);
  EXPECT_EQ(row.last_ms, 1500U);
  EXPECT_EQ(row.timestamp_value, 99U);
  EXPECT_EQ(row.ifname.view(), "eth0");
  EXPECT_EQ(row.reason, SynReason::firewall);
  EXPECT_EQ(row.certainty, Certainty::seen);
  EXPECT_EQ(row.drop_reason.view(), "NETFILTER_DROP");
  EXPECT_EQ(row.drop_place.view(), "nft_do_chain");
  EXPECT_EQ(row.span_ms, 2000U);
}

TEST_F(Handshakes, WhatGotAnyAnswerIsNoRow) {
  flow("192.0.2.7", 1, "10.0.0.1", 80).answered_ns = kStart + 501 * kMs;
  flow("192.0.2.7", 2, "10.0.0.1", 80).reset_out = 1;
  flow("192.0.2.7", 3, "10.0.0.1", 80).completed = 1;
  EXPECT_TRUE(unanswered().empty());
}

TEST_F(Handshakes, AYoungAttemptMayStillBeAnswered) {
  flow("192.0.2.7", 1, "10.0.0.1", 80).last_ns = record_.ended_ns - 50 * kMs;
  flow("10.0.0.1", 2, "192.0.2.7", 80).last_ns = record_.ended_ns - 900 * kMs;
  EXPECT_TRUE(unanswered().empty());
}

TEST_F(Handshakes, AYoungAttemptThatWasDroppedOrRepeatedIsARow) {
  observe_flow& dropped = flow("192.0.2.7", 1, "10.0.0.1", 80);
  dropped.last_ns = record_.ended_ns - kMs;
  dropped.drops = 1;
  observe_flow& repeated = flow("192.0.2.7", 2, "10.0.0.1", 80);
  repeated.last_ns = record_.ended_ns - kMs;
  repeated.syns_in = 2;
  EXPECT_EQ(unanswered().size(), 2U);
}

TEST_F(Handshakes, OutgoingAndForwardedAttemptsKeepTheirEnds) {
  observe_flow& out = flow("10.0.0.1", 4000, "192.0.2.7", 443);
  out.syns_in = 0;
  out.syns_out = 3;
  flow("192.0.2.8", 4001, "198.51.100.9", 443).syns_in = 2;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].direction, Direction::out);
  EXPECT_EQ(rows[0].peer, ip("192.0.2.7"));
  EXPECT_EQ(rows[0].local, ip("10.0.0.1"));
  EXPECT_EQ(rows[0].attempts, 3U);
  EXPECT_EQ(rows[0].reason, SynReason::no_answer);
  EXPECT_EQ(rows[1].direction, Direction::forwarded);
  EXPECT_EQ(rows[1].peer, ip("192.0.2.8"));
  EXPECT_EQ(rows[1].reason, SynReason::no_answer);
}

TEST_F(Handshakes, LoopbackIsInward) {
  listen("127.0.0.1", 80);
  flow("127.0.0.1", 4000, "127.0.0.1", 80).syns_out = 1;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].direction, Direction::in);
  EXPECT_TRUE(rows[0].listening);
}

TEST_F(Handshakes, APortThatIsTranslatedElsewhereIsNotBlamedOnAnything) {
  listen("0.0.0.0", 8080).drops_last = 50;
  flow("192.0.2.7", 4000, "10.0.0.1", 80);
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FALSE(rows[0].listening);
  EXPECT_EQ(rows[0].reason, SynReason::unknown);
  EXPECT_EQ(rows[0].certainty, Certainty::unknown);
}

TEST_F(Handshakes, OtherNamespacesAreLeftOut) {
  flow("192.0.2.7", 4000, "10.0.0.1", 80, kBlue + 1);
  EXPECT_TRUE(unanswered().empty());
}

TEST_F(Handshakes, AListenerOnAnyAddressTakesItsFamily) {
  listen("0.0.0.0", 80);
  EXPECT_EQ(blue_->sockets_for(ip("10.0.0.1"), 80).size(), 1U);
  EXPECT_TRUE(blue_->sockets_for(ip("2001:db8::1"), 80).empty());
  EXPECT_FALSE(blue_->listener_for(ip("10.0.0.1"), 81));
  using ::testing::ElementsAre;
  WatchedListener& both = listen("::", 90);
  EXPECT_THAT(blue_->sockets_for(ip("10.0.0.1"), 90), ElementsAre(&both));
  WatchedListener& exact = listen("10.0.0.1", 90);
  EXPECT_THAT(blue_->sockets_for(ip("10.0.0.1"), 90), ElementsAre(&exact));
  EXPECT_THAT(blue_->sockets_for(ip("2001:db8::1"), 90), ElementsAre(&both));
}

TEST_F(Handshakes, SynsCountPeersAndAttempts) {
  flow("192.0.2.7", 1, "10.0.0.1", 80);
  flow("192.0.2.7", 2, "10.0.0.1", 80);
  flow("192.0.2.8", 1, "10.0.0.1", 80);
  flow("192.0.2.8", 1, "2001:db8::1", 80);
  observe_service_key key{};
  key.address = raw("10.0.0.1");
  key.port = 80;
  key.netns = kBlue;
  observe_service service{};
  service.syns = 12;
  service.repeated = 2;
  service.synacks = 8;
  service.answered = 7;
  service.completed = 6;
  record_.services.emplace_back(key, service);
  const auto& rows = made<facts::SynSummary>(fill_syns);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].received, 12U);
  EXPECT_EQ(rows[0].attempts, 10U);
  EXPECT_EQ(rows[0].answered, 7U);
  EXPECT_EQ(rows[0].unanswered, 3U);
  EXPECT_EQ(rows[0].peers, 2U);
  EXPECT_FALSE(rows[0].listening);
}

TEST_F(Handshakes, SynsOfAFloodComeFromThePortsOwnCounts) {
  observe_service_key key{};
  key.address = raw("10.0.0.1");
  key.port = 80;
  key.netns = kBlue;
  observe_service service{};
  service.syns = 100'000;
  service.synacks = 30'000;
  service.resets = 100;
  service.untracked = 60'000;
  record_.services.emplace_back(key, service);
  const auto& rows = made<facts::SynSummary>(fill_syns);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].unanswered, 69'900U);
  EXPECT_FALSE(rows[0].peers) << "nobody counted them";
}

TEST_F(Handshakes, ALastAckThatWasDroppedIsARow) {
  names_.drop_reasons[90] = "TCP_LISTEN_OVERFLOW";
  names_.places[0xffff2] = "tcp_v4_rcv";
  listen("0.0.0.0", 80);
  observe_flow& one = flow("192.0.2.7", 4000, "10.0.0.1", 80);
  one.answered_ns = one.first_ns;
  one.synacks_out = 2;
  one.ack_drops = 3;
  one.ack_drop_reason = 90;
  one.ack_drop_place = 0xffff2;
  observe_flow& completed = flow("192.0.2.7", 4001, "10.0.0.1", 80);
  completed = one;
  completed.completed = 1;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].stage, HandshakeStage::ack);
  EXPECT_EQ(rows[0].reason, SynReason::accept_queue_full);
  EXPECT_EQ(rows[0].certainty, Certainty::seen);
  EXPECT_EQ(rows[0].dropped, 3U);
  EXPECT_EQ(rows[0].attempts, 1U);
  EXPECT_EQ(rows[0].drop_place.view(), "tcp_v4_rcv");
}

TEST_F(Handshakes, ABareAckThatIsDeferredIsNoLoss) {
  listen("0.0.0.0", 80);
  observe_flow& one = flow("192.0.2.7", 4000, "10.0.0.1", 80);
  one.answered_ns = one.first_ns;
  one.synacks_out = 3;
  one.ack_drops = 1;
  one.ack_drop_place = 0xffff2;
  names_.places[0xffff2] = "tcp_v4_rcv";
  EXPECT_TRUE(unanswered().empty());
}

TEST_F(Handshakes, AnAnswerThatIsSentAgainWasLost) {
  listen("0.0.0.0", 80);
  observe_flow& once = flow("192.0.2.7", 4000, "10.0.0.1", 80);
  once.answered_ns = once.first_ns;
  once.synacks_out = 1;
  observe_flow& again = flow("192.0.2.7", 4001, "10.0.0.1", 80);
  again.answered_ns = again.first_ns;
  again.synacks_out = 2;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].peer_port, 4001);
  EXPECT_EQ(rows[0].stage, HandshakeStage::synack);
  EXPECT_EQ(rows[0].reason, SynReason::answer_lost);
}

TEST_F(Handshakes, AnAnswerThatIsDroppedOnItsWayOutNamesWhoDid) {
  listen("0.0.0.0", 80);
  observe_flow& one = flow("192.0.2.7", 4000, "10.0.0.1", 80);
  one.last_ns = record_.ended_ns - kMs;
  one.synack_drops = 1;
  one.synack_drop_reason = 8;
  one.synack_drop_place = 0xffff1;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].stage, HandshakeStage::synack);
  EXPECT_EQ(rows[0].reason, SynReason::firewall);
  EXPECT_THAT(rows[0].witnesses.view(), HasSubstr("the SYN-ACK"));
}

TEST_F(Handshakes, EarlierAttemptsOnTheSamePortsAreNotForgotten) {
  listen("0.0.0.0", 80);
  observe_flow& answered = flow("192.0.2.7", 4000, "10.0.0.1", 80);
  answered.earlier_attempts = 2;
  answered.earlier_syns = 5;
  answered.answered_ns = answered.first_ns;
  answered.completed = 1;
  observe_flow& again = flow("192.0.2.7", 4001, "10.0.0.1", 80);
  again.earlier_attempts = 1;
  again.earlier_syns = 1;
  again.syns_in = 2;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].attempts, 5U);
  EXPECT_EQ(rows[1].attempts, 3U);
  observe_service_key key{};
  key.address = raw("10.0.0.1");
  key.port = 80;
  key.netns = kBlue;
  observe_service service{};
  service.syns = 8;
  record_.services.emplace_back(key, service);
  EXPECT_EQ(made<facts::SynSummary>(fill_syns).at(0).unanswered, 4U);
}

TEST_F(Handshakes, SocketsThatShareAPortAreOneListener) {
  WatchedListener& idle = listen("0.0.0.0", 80);
  idle.accept_limit = 128;
  WatchedListener& full = listen("0.0.0.0", 80);
  full.drops_last = 7;
  full.samples_full = 3;
  full.queue_max = 129;
  flow("192.0.2.7", 4000, "10.0.0.1", 80).syns_in = 2;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].reason, SynReason::accept_queue_full);
}

}  // namespace
}  // namespace hostcheck::observe
