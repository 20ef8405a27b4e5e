#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/observe/observation.h"
#include "tests/unit/observe/made_up.h"

namespace hostcheck::observe {
namespace {

using facts::ResetBy;
using ::testing::HasSubstr;
using Tables = MadeUp;

TEST_F(Tables, ResetsSaySentByWhom) {
  observe_reset& stack = reset("10.0.0.1", "192.0.2.7", OBSERVE_OUT);
  stack.stack = 1;
  stack.reason = 2;
  stack.answers_syn = 1;
  reset("10.0.0.1", "192.0.2.8", OBSERVE_OUT);
  observe_reset& peer = reset("192.0.2.7", "10.0.0.1", OBSERVE_IN);
  peer.usual_ttl = 64;
  peer.state = 1;
  reset("192.0.2.8", "10.0.0.1", OBSERVE_IN).usual_ttl = 52;
  reset("192.0.2.9", "10.0.0.1", OBSERVE_IN);
  const auto& rows = made<facts::Reset>(fill_resets);
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].by, ResetBy::stack);
  EXPECT_EQ(rows[0].reason.view(), "NO_SOCKET");
  EXPECT_TRUE(rows[0].answers_syn);
  EXPECT_EQ(rows[0].local_port, 80);
  EXPECT_EQ(rows[1].by, ResetBy::firewall);
  EXPECT_EQ(rows[2].by, ResetBy::peer);
  EXPECT_EQ(rows[2].state.view(), "ESTABLISHED");
  EXPECT_EQ(rows[2].local_port, 4000);
  EXPECT_EQ(rows[3].by, ResetBy::something);
  EXPECT_FALSE(rows[3].ttl_fits);
  EXPECT_EQ(rows[3].usual_ttl, 52U);
  EXPECT_EQ(rows[4].by, ResetBy::unknown);
  EXPECT_TRUE(rows[4].ttl_fits) << "nothing to compare with is no misfit";
}

TEST_F(Tables, AResetThatPassesTwiceIsOneRow) {
  reset("192.0.2.7", "198.51.100.9", OBSERVE_IN);
  reset("192.0.2.7", "198.51.100.9", OBSERVE_OUT);
  reset("127.0.0.1", "127.0.0.1", OBSERVE_OUT).stack = 1;
  reset("127.0.0.1", "127.0.0.1", OBSERVE_IN);
  const auto& rows = made<facts::Reset>(fill_resets);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].by, ResetBy::forwarded);
  EXPECT_EQ(rows[1].by, ResetBy::stack);
}

TEST_F(Tables, DropsHaveTheKernelsWordsAndAnExample) {
  observe_drop_key key{};
  key.place = 0xffff1;
  key.netns = kBlue;
  key.reason = 8;
  key.ifindex = 3;
  key.port = 80;
  key.protocol = 6;
  key.family = 6;
  observe_drop drop{};
  drop.count = 3;
  drop.first_ns = kStart - kMs;  // before the window was said to begin
  drop.last_ns = kStart + 10 * kMs;
  drop.source = raw("2001:db8::7");
  drop.destination = raw("2001:db8::1");
  drop.tcp_flags = 0x12;
  record_.drops.emplace_back(key, drop);
  key.netns = kBlue + 1;
  record_.drops.emplace_back(key, drop);
  const auto& rows = made<facts::Drop>(fill_drops);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].reason.view(), "NETFILTER_DROP");
  EXPECT_EQ(rows[0].place.view(), "nft_do_chain");
  EXPECT_EQ(rows[0].family, Family::ipv6);
  EXPECT_EQ(rows[0].protocol.view(), "tcp");
  EXPECT_EQ(rows[0].example_flags.view(), "SYN,ACK");
  EXPECT_EQ(rows[0].example_source, ip("2001:db8::7"));
  EXPECT_EQ(rows[0].first_ms, 0U);
  EXPECT_EQ(rows[0].last_ms, 10U);
}

TEST_F(Tables, AReasonOfANumberThatTheKernelDoesNotNameIsNone) {
  observe_drop_key key{};
  key.netns = kBlue;
  key.reason = 8;
  record_.drops.emplace_back(key, observe_drop{});
  record_.has_drop_reasons = false;  // then the number is no reason at all
  const auto& rows = made<facts::Drop>(fill_drops);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].reason.view(), "");
}

TEST_F(Tables, TimestampsThatRanBackwards) {
  observe_source_key key{};
  key.address = raw("192.0.2.7");
  key.destination = raw("10.0.0.1");
  key.netns = kBlue;
  observe_source source{};
  source.syns = 9;
  record_.sources.emplace_back(key, source);
  source.backwards = 4;
  source.same_tuple = 2;
  source.largest_step = 700;
  record_.sources.emplace_back(key, source);
  const auto& rows = made<facts::TimestampBackwards>(fill_timestamps_backwards);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].backwards, 4U);
  EXPECT_EQ(rows[0].same_tuple, 2U);
  EXPECT_EQ(rows[0].largest_step, 700U);
}

TEST_F(Tables, IcmpErrorsAreNamedByFamily) {
  const auto add = [&](std::uint8_t family, std::uint8_t type, std::uint8_t code, std::uint32_t mtu) {
    observe_icmp_key key{};
    key.sender = raw("192.0.2.1");
    key.target = raw("192.0.2.7");
    key.netns = kBlue;
    key.family = family;
    key.type = type;
    key.code = code;
    key.protocol = 6;
    observe_icmp icmp{};
    icmp.count = 1;
    icmp.mtu = mtu;
    record_.icmp_errors.emplace_back(key, icmp);
  };
  add(4, 3, 4, 1400);
  add(4, 3, 1, 0);
  add(4, 11, 0, 0);
  add(6, 2, 0, 1280);
  add(6, 1, 0, 0);
  add(6, 3, 0, 0);
  using facts::IcmpError;
  std::vector<IcmpError> errors;
  const auto& rows = made<facts::IcmpErrorCount>(fill_icmp_errors);
  for (const auto& row : rows) errors.push_back(row.error);
  EXPECT_THAT(errors, ::testing::ElementsAre(IcmpError::fragmentation_needed, IcmpError::unreachable,
                                             IcmpError::time_exceeded, IcmpError::fragmentation_needed,
                                             IcmpError::unreachable, IcmpError::time_exceeded));
  EXPECT_EQ(rows[0].mtu, 1400U);
  EXPECT_FALSE(rows[1].mtu);
}

TEST_F(Tables, AListenersDropsAreThoseOfTheWindow) {
  WatchedListener& listener = listen("0.0.0.0", 80);
  listener.drops_first = 10;
  listener.drops_last = 14;
  fill_listener_drops(around_, std::chrono::milliseconds(2000), facts_);
  const auto& rows = facts_.rows<facts::ListenerWatch>();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].drops, 4U);
}

TEST_F(Tables, TakenIsWhatCameLessWhatTheQueueGrewBy) {
  WatchedListener& listener = listen("0.0.0.0", 80);
  listener.queue_first = 2;
  listener.queue_last = 5;
  established("10.0.0.1", 80, 10);
  const auto& rows = made<facts::Accepts>(fill_accepts);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].sockets, 1U);
  EXPECT_EQ(rows[0].established, 10U);
  EXPECT_EQ(rows[0].taken, 7U);
  EXPECT_EQ(rows[0].accept_queue_start, 2U);
  EXPECT_EQ(rows[0].accept_queue_end, 5U);
  EXPECT_EQ(rows[0].span_ms, 2000U);
  EXPECT_FALSE(rows[0].pid);
}

TEST_F(Tables, SocketsThatShareAPortAreOneRowOfAccepts) {
  listen("0.0.0.0", 80).queue_first = 4;
  listen("0.0.0.0", 80).queue_last = 1;
  listen("2001:db8::1", 80);
  established("10.0.0.1", 80, 6);
  const auto& rows = made<facts::Accepts>(fill_accepts);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].sockets, 2U);
  EXPECT_EQ(rows[0].taken, 9U);
  EXPECT_EQ(rows[1].taken, 0U);
}

TEST(ObservationTables, TellTheirSpanAndSource) {
  for (const facts::TableInfo* info : facts::catalogue()) {
    if (!is_observation_table(info->name)) continue;
    EXPECT_TRUE(info->column("span_ms")) << info->name;
    EXPECT_TRUE(info->column("source")) << info->name;
  }
}

TEST_F(Tables, WhatDidNotFitIsToldAsAbsence) {
  facts::Request request;
  request["unanswered_syns"];
  request["drops"];
  record_.lost.flows = 7;
  record_.lost.resets = 9;  // nobody asked for resets
  note_lost(record_.lost, request, facts_);
  ASSERT_EQ(facts_.absences().size(), 1U);
  EXPECT_EQ(facts_.absences()[0].table, "unanswered_syns");
  EXPECT_EQ(facts_.absences()[0].code, ErrorCode::limit);
  EXPECT_THAT(facts_.absences()[0].reason, HasSubstr("7 events did not fit its 32768 rows"));
  const auto& rows = made<facts::LostEvents>(fill_lost_events);
  ASSERT_EQ(rows.size(), 7U);
  EXPECT_EQ(rows[0].map.view(), "unanswered_syns");
  EXPECT_EQ(rows[0].lost, 7U);
}

}  // namespace
}  // namespace hostcheck::observe
