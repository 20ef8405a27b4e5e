#include "core/observe/tables.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/observe/observation.h"

namespace hostcheck::observe {
namespace {

using facts::Certainty;
using facts::Direction;
using facts::ResetBy;
using facts::SynReason;
using ::testing::HasSubstr;

constexpr std::uint32_t kBlue = 4026532001;
constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kStart = 5'000'000'000;

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

observe_address raw(std::string_view text) {
  observe_address made{};
  const IpAddress address = ip(text);
  if (address.family() == Family::ipv4) {
    made.bytes[10] = made.bytes[11] = 0xff;
    std::memcpy(made.bytes + 12, address.bytes().data(), 4);
  } else {
    std::memcpy(made.bytes, address.bytes().data(), 16);
  }
  return made;
}

// A namespace "blue" with the address 10.0.0.1 and 2001:db8::1, and a window of two seconds.
class Tables : public ::testing::Test {
 protected:
  Tables() {
    kernel::NetnsInfo info;
    info.name = "blue";
    info.inode = kBlue;
    blue_ = &around_.emplace(kBlue, Surroundings(info)).first->second;
    blue_->add_address(ip("10.0.0.1"));
    blue_->add_address(ip("2001:db8::1"));
    record_.started_ns = kStart;
    record_.ended_ns = kStart + 2000 * kMs;
    record_.has_drop_reasons = true;
    record_.has_reset_reasons = true;
    names_.drop_reasons = {{5, "NO_SOCKET"}, {8, "NETFILTER_DROP"}};
    names_.reset_reasons = {{2, "NO_SOCKET"}};
    names_.places = {{0xffff1, "nft_do_chain"}};
    names_.interfaces = {{{kBlue, 3}, "eth0"}};
  }

  observe_flow& flow(std::string_view from, std::uint16_t from_port, std::string_view to, std::uint16_t to_port,
                     std::uint32_t netns = kBlue) {
    observe_flow_key key{};
    key.source = raw(from);
    key.destination = raw(to);
    key.source_port = from_port;
    key.destination_port = to_port;
    key.netns = netns;
    observe_flow made{};
    made.first_ns = made.last_ns = kStart + 500 * kMs;
    made.syns_in = 1;
    made.ifindex = 3;
    record_.flows.emplace_back(key, made);
    return record_.flows.back().second;
  }

  observe_reset& reset(std::string_view from, std::string_view to, observe_direction direction) {
    observe_reset_key key{};
    key.source = raw(from);
    key.destination = raw(to);
    key.source_port = 80;
    key.destination_port = 4000;
    key.netns = kBlue;
    key.direction = static_cast<__u8>(direction);
    observe_reset made{};
    made.wire = 1;
    made.ttl = 64;
    record_.resets.emplace_back(key, made);
    return record_.resets.back().second;
  }

  WatchedListener& listen(std::string_view address, std::uint16_t port) {
    WatchedListener& listener = blue_->listener(++cookie_);
    listener.address = ip(address);
    listener.port = port;
    return listener;
  }

  void established(std::string_view address, std::uint16_t port, std::uint64_t count) {
    observe_service_key key{};
    key.address = raw(address);
    key.port = port;
    key.netns = kBlue;
    observe_service service{};
    service.completed = count;
    record_.services.emplace_back(key, service);
  }

  template <typename Row>
  const std::vector<Row>& made(void (*fill)(const Seen&, facts::Facts&)) {
    fill({record_, around_, names_, std::chrono::milliseconds(2000)}, facts_);
    return facts_.rows<Row>();
  }
  const std::vector<facts::UnansweredSyn>& unanswered() { return made<facts::UnansweredSyn>(fill_unanswered_syns); }

  TraceRecord record_;
  std::map<std::uint32_t, Surroundings> around_;
  Surroundings* blue_ = nullptr;
  Names names_;
  facts::Facts facts_;
  std::uint64_t cookie_ = 0;
};

TEST_F(Tables, AnAttemptThatNobodyAnsweredIsARow) {
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

TEST_F(Tables, WhatGotAnyAnswerIsNoRow) {
  flow("192.0.2.7", 1, "10.0.0.1", 80).answered_ns = kStart + 501 * kMs;
  flow("192.0.2.7", 2, "10.0.0.1", 80).reset_out = 1;
  flow("192.0.2.7", 3, "10.0.0.1", 80).completed = 1;
  EXPECT_TRUE(unanswered().empty());
}

TEST_F(Tables, AYoungAttemptMayStillBeAnswered) {
  flow("192.0.2.7", 1, "10.0.0.1", 80).last_ns = record_.ended_ns - 50 * kMs;
  flow("10.0.0.1", 2, "192.0.2.7", 80).first_ns = record_.ended_ns - 900 * kMs;
  EXPECT_TRUE(unanswered().empty());
}

TEST_F(Tables, AYoungAttemptThatWasDroppedOrRepeatedIsARow) {
  observe_flow& dropped = flow("192.0.2.7", 1, "10.0.0.1", 80);
  dropped.last_ns = record_.ended_ns - kMs;
  dropped.drops = 1;
  observe_flow& repeated = flow("192.0.2.7", 2, "10.0.0.1", 80);
  repeated.last_ns = record_.ended_ns - kMs;
  repeated.syns_in = 2;
  EXPECT_EQ(unanswered().size(), 2U);
}

TEST_F(Tables, OutgoingAndForwardedAttemptsKeepTheirEnds) {
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

TEST_F(Tables, LoopbackIsInward) {
  listen("127.0.0.1", 80);
  flow("127.0.0.1", 4000, "127.0.0.1", 80).syns_out = 1;
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].direction, Direction::in);
  EXPECT_TRUE(rows[0].listening);
}

TEST_F(Tables, APortThatIsTranslatedElsewhereIsNotBlamedOnAnything) {
  listen("0.0.0.0", 8080).drops_last = 50;
  flow("192.0.2.7", 4000, "10.0.0.1", 80);
  const auto& rows = unanswered();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FALSE(rows[0].listening);
  EXPECT_EQ(rows[0].reason, SynReason::unknown);
  EXPECT_EQ(rows[0].certainty, Certainty::unknown);
}

TEST_F(Tables, OtherNamespacesAreLeftOut) {
  flow("192.0.2.7", 4000, "10.0.0.1", 80, kBlue + 1);
  EXPECT_TRUE(unanswered().empty());
}

TEST_F(Tables, AListenerOnAnyAddressTakesItsFamily) {
  listen("0.0.0.0", 80);
  EXPECT_NE(blue_->listener_for(ip("10.0.0.1"), 80), nullptr);
  EXPECT_EQ(blue_->listener_for(ip("2001:db8::1"), 80), nullptr);
  EXPECT_EQ(blue_->listener_for(ip("10.0.0.1"), 81), nullptr);
  WatchedListener& both = listen("::", 90);
  EXPECT_EQ(blue_->listener_for(ip("10.0.0.1"), 90), &both);
  WatchedListener& exact = listen("10.0.0.1", 90);
  EXPECT_EQ(blue_->listener_for(ip("10.0.0.1"), 90), &exact);
  EXPECT_EQ(blue_->listener_for(ip("2001:db8::1"), 90), &both);
}

TEST_F(Tables, SynsCountPeersAndAttempts) {
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

TEST_F(Tables, SynsOfAFloodComeFromThePortsOwnCounts) {
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
