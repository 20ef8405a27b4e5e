#include "core/probe/trace_reading.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

using testing::HasSubstr;
using testing::Not;

// A way whose hops lose so many of a hundred; -1: the hop is silent. The target is behind the last.
TraceView way(const std::vector<int>& lost_of_hundred, LossCount target) {
  TraceView out;
  out.transport = Transport::tcp;
  out.port = 22;
  out.target = *IpAddress::parse("198.51.100.9");
  out.distance = static_cast<std::uint32_t>(lost_of_hundred.size() + 1);
  for (std::size_t i = 0; i < lost_of_hundred.size(); ++i) {
    TracedHop hop;
    hop.ttl = static_cast<std::uint32_t>(i + 1);
    hop.count = {100, 100};
    if (lost_of_hundred[i] >= 0) {
      hop.address = *IpAddress::parse("203.0.113." + std::to_string(i + 1));
      hop.count.lost = static_cast<std::uint32_t>(lost_of_hundred[i]);
    }
    out.hops.push_back(hop);
  }
  TracedFlow flow;
  flow.port = 40000;
  flow.count = target;
  out.flows = {flow};
  return out;
}

// The trace that was once read for days: hops 1-3 silent, hop 9 with 52 %, 10-15 with none, 16 and 17 silent, then 35
// to 86 % at every hop to the end.
TraceView recorded() {
  TraceView out = way({-1, -1, -1, 0, 0, 0, 0, 0, 52, 0, 0, 0, 0, 0, 0, -1, -1, 35, 47, 86, 41}, {100, 56});
  out.hops[17].network = "AS64501 Other Carrier";
  return out;
}

TEST(TraceReading, FindsWhereCarriedLossBegins) {
  const TraceReading reading = read_trace(recorded());
  EXPECT_EQ(reading.outcome, "loss");
  EXPECT_EQ(reading.loss_begins_ttl, 18U);
  EXPECT_EQ(reading.clean_until_ttl, 15U);
  EXPECT_THAT(reading.words, HasSubstr("56 of 100 (56 %)"));
  EXPECT_THAT(reading.words, HasSubstr("it begins at hop 18 (203.0.113.18, AS64501 Other Carrier)"));
  EXPECT_THAT(reading.words, HasSubstr("hop 15 (203.0.113.15) does not"));
  EXPECT_THAT(reading.words, HasSubstr("no answer from hops 1-3, 16-17"));
  EXPECT_THAT(reading.words, HasSubstr("hop 9 answers only now and then"));
}

TEST(TraceReading, BlamesTheFirstHopOfTheLossThoughItAnswersWorseThanTheRest) {
  TraceView view = recorded();
  view.hops[17].count.lost = 86;
  view.hops[19].count.lost = 35;
  EXPECT_EQ(read_trace(view).loss_begins_ttl, 18U);
}

TEST(TraceReading, ReportsNoLossThatIsNotCarriedOn) {
  for (const int loss : {5, 30, 52, 99}) {
    for (std::size_t hop = 0; hop < 6; ++hop) {
      std::vector<int> hops = {0, 0, 0, 0, 0, 0};
      hops[hop] = loss;
      const TraceReading reading = read_trace(way(hops, {40, 0}));
      EXPECT_EQ(reading.outcome, "clean");
      EXPECT_FALSE(reading.loss_begins_ttl);
    }
  }
}

TEST(TraceReading, TakesSilentHopsForNoFault) {
  const TraceReading reading = read_trace(way(std::vector<int>(12, -1), {18, 0}));
  EXPECT_EQ(reading.outcome, "clean");
  EXPECT_THAT(reading.words, HasSubstr("reaches 198.51.100.9 in 13 hops, none of 18 lost"));
  EXPECT_THAT(reading.words, HasSubstr("no answer from hops 1-12: a router that does not answer is no fault"));
}

TEST(TraceReading, TakesRoutersThatAllAnswerSeldomForNoFault) {
  EXPECT_EQ(read_trace(way({60, 55, 62, 58, 61}, {40, 0})).outcome, "clean");
}

TEST(TraceReading, DoesNotGuessAPlaceWhereNoRouterAnswers) {
  const TraceReading reading = read_trace(way({-1, -1, -1}, {100, 30}));
  EXPECT_EQ(reading.outcome, "loss");
  EXPECT_FALSE(reading.loss_begins_ttl);
  EXPECT_THAT(reading.words, HasSubstr("where it begins cannot be told"));
}

TEST(TraceReading, NamesTheTargetWhereOnlyItHasTheLoss) {
  const TraceReading reading = read_trace(way({0, 0, 0}, {100, 30}));
  EXPECT_EQ(reading.loss_begins_ttl, 4U);
  EXPECT_EQ(reading.clean_until_ttl, 3U);
  EXPECT_THAT(reading.words, HasSubstr("only the target has it"));
}

TEST(TraceReading, NamesTheFirstHopWhereAllHaveTheLoss) {
  const TraceReading reading = read_trace(way({28, 33, 30, 29}, {100, 30}));
  EXPECT_EQ(reading.loss_begins_ttl, 1U);
  EXPECT_FALSE(reading.clean_until_ttl);
}

TEST(TraceReading, CallsOneLostPacketChance) {
  const TraceReading reading = read_trace(way({0, 0}, {40, 1}));
  EXPECT_EQ(reading.outcome, "clean");
  EXPECT_THAT(reading.words, HasSubstr("1 of 40 (2.5 %) lost, which may be chance"));
}

TEST(TraceReading, TellsFlowsThatAreDeadFromLoss) {
  TraceView view = way({0, 0, 0}, {4, 0});
  view.flows.clear();
  for (std::uint32_t i = 0; i < 6; ++i) {
    TracedFlow flow;
    flow.port = 30001 + i;
    flow.count = {4, i == 2 ? 4U : 0U};
    flow.last_ttl = i == 2 ? 1 : 3;
    flow.last_address = view.hops[flow.last_ttl - 1].address;
    view.flows.push_back(flow);
  }
  TraceReading reading = read_trace(view);
  EXPECT_EQ(reading.outcome, "flow_loss");
  EXPECT_EQ(reading.dead_flows, std::vector<std::uint32_t>{30003});
  EXPECT_EQ(reading.stops_after_ttl, 1U);
  EXPECT_THAT(reading.words, HasSubstr("last seen at hop 1 (203.0.113.1)"));
  view.flows[2].last_ttl = 3;
  EXPECT_THAT(read_trace(view).words, HasSubstr("on the last hop or on the way back"));
}

TEST(TraceReading, DoesNotCallAFlowDeadOnALossyPath) {
  TraceView view = way({0, 0, 0}, {4, 0});
  view.flows.clear();
  for (std::uint32_t i = 0; i < 6; ++i) {
    TracedFlow flow;
    flow.port = 30001 + i;
    flow.count = {4, i == 2 ? 4U : 2U};
    view.flows.push_back(flow);
  }
  EXPECT_EQ(read_trace(view).outcome, "loss");
}

TEST(TraceReading, SaysWhatAnswersLastWhereTheTargetIsSilent) {
  TraceView view = way({0, 0, 0}, {3, 3});
  view.distance.reset();
  TraceReading reading = read_trace(view);
  EXPECT_EQ(reading.outcome, "unreached");
  EXPECT_EQ(reading.stops_after_ttl, 3U);
  EXPECT_THAT(reading.words, HasSubstr("does not answer TCP to port 22"));
  view.refused_by = *IpAddress::parse("203.0.113.3");
  reading = read_trace(view);
  EXPECT_EQ(reading.outcome, "filtered");
  EXPECT_THAT(reading.words, HasSubstr("203.0.113.3 says that it does not let it pass"));
}

TEST(TraceReading, FindsThePlaceOfLossInALikelihoodOfCases) {
  std::mt19937 random(7);
  int placed = 0;
  int right = 0;
  int near = 0;
  for (int run = 0; run < 300; ++run) {
    const int begins = static_cast<int>(random() % 10);
    const double loss = 0.1 + 0.1 * (random() % 6);
    TraceView view = way(std::vector<int>(10, 0), {100, 0});
    std::binomial_distribution<std::uint32_t> hop(30, loss);
    for (int i = 0; i < 10; ++i) {
      view.hops[static_cast<std::size_t>(i)].count = {30, i >= begins ? std::min(29U, hop(random)) : 0};
    }
    if (begins > 1) view.hops[random() % static_cast<std::size_t>(begins - 1)].count.lost = 20;  // a slow router
    view.flows[0].count.lost = std::binomial_distribution<std::uint32_t>(100, loss)(random);
    const TraceReading reading = read_trace(view);
    if (!reading.loss_begins_ttl) continue;
    ++placed;
    right += static_cast<int>(*reading.loss_begins_ttl) == begins + 1;
    near += static_cast<int>(reading.clean_until_ttl.value_or(0)) <= begins;
  }
  EXPECT_GE(placed, 270);
  EXPECT_GE(right, placed * 85 / 100);
  EXPECT_GE(near, placed * 99 / 100) << "never calls a hop clean that has the loss";
}

// The hop before the target happened to lose none of 13 while half the packets to the target were lost: its own loss
// may still be a third, and of the many traces in the world some look like this.
TEST(TraceReading, DoesNotExcludeAHopThatWasLuckyFor13Packets) {
  TraceView view = way({-1, -1, 0, 0, 0, 0}, {62, 32});
  for (TracedHop& hop : view.hops) hop.count = {13, hop.address.empty() ? 13U : 0U};
  view.hops[4].count.lost = 4;
  const TraceReading reading = read_trace(view);
  EXPECT_FALSE(reading.place_is_sharp);
  EXPECT_LT(reading.loss_may_begin_ttl, 7U);
  EXPECT_LT(reading.clean_until_ttl, 5U);
  EXPECT_THAT(reading.words, HasSubstr("most likely only the target has it"));
}

TEST(TraceReading, BlamesNobodyOnHealthyPaths) {
  std::mt19937 random(11);
  for (int run = 0; run < 500; ++run) {
    TraceView view = way({}, {42, 0});
    view.distance = 12;
    for (std::uint32_t ttl = 1; ttl < 12; ++ttl) {
      TracedHop hop;
      hop.ttl = ttl;
      hop.address = *IpAddress::parse("203.0.113." + std::to_string(ttl));
      const double slow = random() % 3 == 0 ? 0.1 * (random() % 10) : 0;
      hop.count = {10, std::binomial_distribution<std::uint32_t>(10, slow)(random)};
      view.hops.push_back(hop);
    }
    EXPECT_EQ(read_trace(view).outcome, "clean");
  }
}

TEST(LossStatistics, AgreesWithPublishedFigures) {
  // The lady tasting tea: 3 of 4 right against 1 of 4.
  EXPECT_NEAR(fisher_less({4, 1}, {4, 3}), 17.0 / 70, 1e-9);
  EXPECT_NEAR(fisher_less({10, 0}, {10, 10}), 1.0 / 184756, 1e-12);
  EXPECT_NEAR(fisher_less({10, 5}, {10, 5}), 0.6718591, 1e-6);
  // Clopper and Pearson: 1 of 10 with 95 % one-sided.
  EXPECT_NEAR(loss_lower_bound({10, 1}, 0.05), 0.0051162, 1e-6);
  EXPECT_NEAR(loss_lower_bound({10, 10}, 0.05), 0.7411344, 1e-6);
  EXPECT_EQ(loss_lower_bound({10, 0}, 0.05), 0);
}

TEST(LossStatistics, KnowsHowManyFlowsRuleOutAnotherNextHop) {
  const std::vector<std::uint32_t> published = {6, 11, 16, 21, 27, 33, 38, 44, 51};
  for (std::uint32_t found = 1; found <= published.size(); ++found) {
    EXPECT_EQ(flows_to_rule_out_more(found), published[found - 1]) << found;
  }
  EXPECT_EQ(flows_to_rule_out_more(15), 90U);
  EXPECT_EQ(flows_to_rule_out_more(31), 203U);
}

}  // namespace
}  // namespace hostcheck::probe
