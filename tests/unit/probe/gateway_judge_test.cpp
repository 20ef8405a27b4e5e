#include "core/probe/gateway_judge.h"

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

LinkAddress mac(std::uint8_t last, std::array<std::uint8_t, 5> start = {2, 0, 0, 0, 0}) {
  std::array<std::uint8_t, 6> bytes{};
  std::copy(start.begin(), start.end(), bytes.begin());
  bytes[5] = last;
  return LinkAddress::from_bytes(bytes);
}

LinkOutcome outcome(const std::vector<LinkAnswer>& answers, unsigned questions = 5) {
  return read_answers(questions, answers).outcome;
}

TEST(VirtualRouter, IsKnownByItsMacAddress) {
  EXPECT_EQ(virtual_router(mac(7, {0x00, 0x00, 0x5e, 0x00, 0x01})), "VRRP 7");
  EXPECT_EQ(virtual_router(mac(9, {0x00, 0x00, 0x5e, 0x00, 0x02})), "VRRP for IPv6 9");
  EXPECT_EQ(virtual_router(mac(3, {0x00, 0x00, 0x0c, 0x07, 0xac})), "HSRP 3");
  EXPECT_EQ(virtual_router(mac(0x86, {0x00, 0x00, 0x0c, 0x9f, 0xf0})), "HSRPv2 134");
  EXPECT_EQ(virtual_router(mac(0x01, {0x00, 0x00, 0x0c, 0x9f, 0xff})), "HSRPv2 3841");
  EXPECT_EQ(virtual_router(mac(0x05, {0x00, 0x05, 0x73, 0xa0, 0x00})), "HSRPv2 for IPv6 5");
  EXPECT_EQ(virtual_router(mac(0x02, {0x00, 0x07, 0xb4, 0x00, 0x01})), "GLBP");
  EXPECT_EQ(virtual_router(mac(0x02, {0x02, 0xbf, 10, 0, 0})), "NLB");
  EXPECT_EQ(virtual_router(mac(0x02, {0x00, 0x00, 0x0c, 0x9e, 0xf0})), "");
  EXPECT_EQ(virtual_router({}), "");
}

TEST(LinkAnswers, OfOneMacAddressAreHealthy) {
  const auto reading = read_answers(5, std::vector<LinkAnswer>{{0, mac(1)}, {1, mac(1)}, {3, mac(1)}});
  EXPECT_EQ(reading.outcome, LinkOutcome::answers);
  EXPECT_EQ(reading.answered, 3U);
  EXPECT_EQ(reading.counts, std::vector<unsigned>{3});
}

TEST(LinkAnswers, NoneIsSilence) {
  EXPECT_EQ(outcome({}), LinkOutcome::silent);
}

TEST(LinkAnswers, OfTwoToEachQuestionAreADuplicate) {
  std::vector<LinkAnswer> answers;
  for (unsigned round = 0; round < 5; ++round) {
    answers.push_back({round, mac(1)});
    answers.push_back({round, mac(2)});
  }
  EXPECT_EQ(outcome(answers), LinkOutcome::duplicate);
}

TEST(LinkAnswers, OfTwoAreADuplicateWhenSomeAreLost) {
  EXPECT_EQ(outcome({{0, mac(1)}, {1, mac(2)}, {1, mac(1)}, {2, mac(1)}, {3, mac(1)}, {4, mac(2)}}),
            LinkOutcome::duplicate);
}

TEST(LinkAnswers, ThatChangeOnceAreAFailover) {
  EXPECT_EQ(outcome({{0, mac(1)}, {1, mac(1)}, {2, mac(2)}, {3, mac(2)}, {4, mac(2)}}), LinkOutcome::failover);
}

TEST(LinkAnswers, InTurnAreNoDuplicate) {
  EXPECT_EQ(outcome({{0, mac(1)}, {1, mac(2)}, {2, mac(1)}, {3, mac(2)}, {4, mac(1)}}), LinkOutcome::several);
}

TEST(LinkAnswers, OneStrayAnswerIsNoDuplicate) {
  EXPECT_EQ(outcome({{0, mac(1)}, {1, mac(1)}, {1, mac(2)}, {2, mac(1)}, {3, mac(1)}, {4, mac(1)}}),
            LinkOutcome::several);
}

TEST(LinkAnswers, OfAGlbpGroupAreHealthy) {
  constexpr std::array<std::uint8_t, 5> kGlbp = {0x00, 0x07, 0xb4, 0x00, 0x01};
  EXPECT_EQ(outcome({{0, mac(1, kGlbp)}, {1, mac(2, kGlbp)}, {2, mac(1, kGlbp)}, {3, mac(2, kGlbp)}}),
            LinkOutcome::answers);
}

TEST(OneHost, IsTheOneThatCountsItsPacketsOnce) {
  EXPECT_EQ(one_host(std::vector<std::uint16_t>{65530, 65534, 3, 9, 200}), true);
  EXPECT_EQ(one_host(std::vector<std::uint16_t>{100, 40000, 101, 40001}), false);
  EXPECT_EQ(one_host(std::vector<std::uint16_t>{0, 0, 0, 0}), std::nullopt);
  EXPECT_EQ(one_host(std::vector<std::uint16_t>{1, 2, 3}), std::nullopt);
}

TEST(Delays, SummarizeASeries) {
  Delays delays;
  EXPECT_EQ(delays.median(), std::nullopt);
  for (const double each : {5.0, 1.0, 3.0, 100.0}) delays.add(each);
  EXPECT_EQ(delays.min(), 1.0);
  EXPECT_EQ(delays.median(), 4.0);
  EXPECT_EQ(delays.high(), 100.0);
  delays.add(-1.0);  // the clocks of two CPUs may differ by a tick
  EXPECT_EQ(delays.min(), 0.0);
}

}  // namespace
}  // namespace hostcheck::probe
