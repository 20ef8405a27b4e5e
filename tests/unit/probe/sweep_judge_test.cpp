#include "core/probe/sweep_judge.h"

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/probe/sweep_statistics.h"

namespace hostcheck::probe {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int kRuns = 100;
#else
constexpr int kRuns = 400;
#endif
constexpr std::size_t kPorts = 160;
constexpr double kGapMs = 2;

// Whether a SYN from a port, sent at a time (ms), is answered.
using Network = std::function<bool(std::size_t port, double at_ms)>;
using Maker = std::function<Network(std::mt19937_64& random)>;

SweepJudge sweep(std::size_t ports, std::uint64_t seed, const Network& network, std::mt19937_64& random) {
  SweepJudge judge(ports, seed);
  double now = 0;
  std::uniform_real_distribution<double> jitter(0, 0.3);
  for (auto stage = judge.next(); stage.count > 0; stage = judge.next()) {
    for (std::size_t each = stage.first; each < stage.first + stage.count; ++each) {
      now += (stage.slow ? 8 : 1) * kGapMs + jitter(random);
      if (network(judge.shots()[each].port, now)) judge.answered(each);
    }
    now += 250;
  }
  return judge;
}

struct Count {
  std::map<std::string, int> outcomes;
  int wrong_ports = 0;  // runs in which a port is called dead that is not, or the other way round
  std::size_t most_shots = 0;
};

// dead: which ports the network made last loses all of; empty for none.
Count runs(const Maker& maker, std::vector<bool>* dead = nullptr, std::size_t ports = kPorts) {
  Count out;
  for (int run = 0; run < kRuns; ++run) {
    std::mt19937_64 random(static_cast<std::uint64_t>(run) * 7919 + 17);
    const Network network = maker(random);
    const auto judge = sweep(ports, random(), network, random);
    const auto verdict = judge.verdict();
    ++out.outcomes[std::string(name_of(verdict.outcome))];
    out.most_shots = std::max(out.most_shots, judge.shots().size());
    bool wrong = false;
    for (std::size_t port = 0; port < ports; ++port) {
      wrong |= (verdict.ports[port] == PortVerdict::dead) != (dead != nullptr && (*dead)[port]);
    }
    if (wrong) ++out.wrong_ports;
  }
  return out;
}

std::string told(const Count& count) {
  std::string out;
  for (const auto& [outcome, times] : count.outcomes) out += fmt::format("{} {}, ", outcome, times);
  return out + fmt::format("wrong ports {}, at most {} SYNs", count.wrong_ports, count.most_shots);
}

// Right in at least 99 of 100 runs, and the ports too.
void expect_mostly(const Count& count, const std::string& outcome) {
  const auto found = count.outcomes.find(outcome);
  EXPECT_GE(found == count.outcomes.end() ? 0 : found->second, kRuns * 99 / 100) << told(count);
  EXPECT_LE(count.wrong_ports, kRuns / 100) << told(count);
  EXPECT_LE(count.most_shots, 6000U);
}

bool chance(std::mt19937_64& random, double share) {
  return std::uniform_real_distribution<double>(0, 1)(random) < share;
}

// One path of k is dead, flows are dealt to paths by chance; random loss on top.
Maker one_dead_of(int paths, double loss, std::vector<bool>& dead) {
  return [paths, loss, &dead](std::mt19937_64& random) -> Network {
    dead.assign(kPorts, false);
    for (std::size_t port = 0; port < kPorts; ++port) dead[port] = random() % static_cast<unsigned>(paths) == 0;
    return [&dead, loss, &random](std::size_t port, double) { return !dead[port] && !chance(random, loss); };
  };
}

Maker random_loss(double loss) {
  return [loss](std::mt19937_64& random) -> Network {
    return [loss, &random](std::size_t, double) { return !chance(random, loss); };
  };
}

class OneDeadPath : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Paths, OneDeadPath, testing::Values(2, 4, 8, 16, 32));

TEST_P(OneDeadPath, AloneIsDeterministic) {
  std::vector<bool> dead;
  expect_mostly(runs(one_dead_of(GetParam(), 0, dead), &dead), "deterministic");
}
TEST_P(OneDeadPath, WithOnePercentOfRandomLossIsBoth) {
  std::vector<bool> dead;
  expect_mostly(runs(one_dead_of(GetParam(), 0.01, dead), &dead), "both");
}
TEST_P(OneDeadPath, WithFivePercentOfRandomLossIsBoth) {
  std::vector<bool> dead;
  expect_mostly(runs(one_dead_of(GetParam(), 0.05, dead), &dead), "both");
}
TEST_P(OneDeadPath, WithTwentyPercentOfRandomLossIsBoth) {
  std::vector<bool> dead;
  expect_mostly(runs(one_dead_of(GetParam(), 0.20, dead), &dead), "both");
}

TEST(Sweep, NoLossIsNone) {
  expect_mostly(runs(random_loss(0)), "none");
}
TEST(Sweep, OnePercentIsRandom) {
  expect_mostly(runs(random_loss(0.01)), "random");
}
TEST(Sweep, FivePercentIsRandom) {
  expect_mostly(runs(random_loss(0.05)), "random");
}
TEST(Sweep, TwentyPercentIsRandom) {
  expect_mostly(runs(random_loss(0.20)), "random");
}
TEST(Sweep, HalfIsNeverCalledDead) {
  const Count count = runs(random_loss(0.5));
  EXPECT_LE(count.wrong_ports, kRuns / 100) << told(count);
  EXPECT_EQ(count.outcomes.count("deterministic") + count.outcomes.count("both"), 0U) << told(count);
}
TEST(Sweep, EverythingLostIsAll) {
  const Count count = runs(random_loss(1));
  expect_mostly(count, "all");
  EXPECT_EQ(count.most_shots, 48U);
}

// So many SYNs a second are answered, and a burst of others.
class RateLimit : public testing::TestWithParam<std::pair<double, double>> {};
INSTANTIATE_TEST_SUITE_P(PerSecondAndBurst, RateLimit,
                         testing::Values(std::pair(50.0, 5.0), std::pair(100.0, 5.0), std::pair(100.0, 50.0),
                                         std::pair(200.0, 1.0), std::pair(200.0, 20.0), std::pair(300.0, 20.0),
                                         std::pair(400.0, 5.0)));
TEST_P(RateLimit, IsSeenAsOne) {
  const auto [per_second, burst] = GetParam();
  expect_mostly(runs([per_second, burst](std::mt19937_64&) -> Network {
                  return [per_second, burst, tokens = burst, last = 0.0](std::size_t, double at) mutable {
                    tokens = std::min(burst, tokens + (at - last) * per_second / 1000);
                    last = at;
                    if (tokens < 1) return false;
                    tokens -= 1;
                    return true;
                  };
                }),
                "rate_limited");
}

// The queue is full for some time and has room for some time, in turns whose lengths vary: SYNs from all ports are
// dropped, then none.
TEST(Sweep, AQueueThatIsFullAtTimesIsBursts) {
  expect_mostly(runs([](std::mt19937_64& random) -> Network {
                  return [&random, full = false, until = 0.0](std::size_t, double at) mutable {
                    while (at > until) {
                      full = !full;
                      until += std::uniform_real_distribution<double>(60, 160)(random);
                    }
                    return !full;
                  };
                }),
                "bursts");
}
TEST(Sweep, AQueueThatStaysFullIsAll) {
  expect_mostly(runs([](std::mt19937_64&) -> Network { return [](std::size_t, double) { return false; }; }), "all");
}

TEST(Sweep, ALossyPathOfFourIsUneven) {
  const Count count = runs([](std::mt19937_64& random) -> Network {
    std::vector<bool> bad(kPorts);
    for (auto each : bad) each = false;
    for (std::size_t port = 0; port < kPorts; ++port) bad[port] = random() % 4 == 0;
    return [bad, &random](std::size_t port, double) { return !(bad[port] && chance(random, 0.4)); };
  });
  // A port that loses so much is at times silent by chance: the loss of the others does not tell of that.
  EXPECT_GE(count.outcomes.at("uneven"), kRuns * 85 / 100) << told(count);
  EXPECT_EQ(count.outcomes.count("deterministic"), 0U) << told(count);
}

TEST(Sweep, ARangeOfPortsIsAFilter) {
  std::mt19937_64 random(3);
  const auto range = sweep(
                         kPorts, 1, [](std::size_t port, double) { return port < 40 || port > 60; }, random)
                         .verdict();
  EXPECT_EQ(range.outcome, SweepOutcome::deterministic);
  EXPECT_TRUE(range.range);
  const auto scattered = sweep(
                             kPorts, 1, [](std::size_t port, double) { return port % 7 != 0; }, random)
                             .verdict();
  EXPECT_EQ(scattered.outcome, SweepOutcome::deterministic);
  EXPECT_FALSE(scattered.range);
  EXPECT_LE(scattered.error_rate, 0.001);
  EXPECT_EQ(scattered.rounds, 8U);
}

TEST(Sweep, AnswersThatComeLateCount) {
  SweepJudge judge(32, 1);
  std::vector<std::size_t> late;
  for (auto stage = judge.next(); stage.count > 0; stage = judge.next()) {
    for (std::size_t each = stage.first; each < stage.first + stage.count; ++each) {
      if (judge.shots()[each].port == 5) {
        late.push_back(each);
      } else {
        judge.answered(each);
      }
    }
  }
  EXPECT_EQ(judge.verdict().ports[5], PortVerdict::dead);
  for (const std::size_t each : late) judge.answered(each);
  EXPECT_EQ(judge.verdict().outcome, SweepOutcome::none);
}

TEST(Sweep, WhatWasNotSentSaysNothing) {
  SweepJudge judge(64, 1);
  EXPECT_EQ(judge.verdict().outcome, SweepOutcome::nothing);
  (void)judge.next();
  judge.forget_from(3);
  EXPECT_EQ(judge.verdict().outcome, SweepOutcome::nothing);
  judge.answered(0);
  EXPECT_EQ(judge.verdict().outcome, SweepOutcome::random);
}

TEST(SweepStatistics, UnevenChanceIsRightForKnownCases) {
  std::mt19937_64 random(5);
  // The same two of twenty ports fail in all of five rounds.
  std::vector<std::vector<bool>> failed(5, std::vector<bool>(20));
  for (auto& round : failed) round[3] = round[9] = true;
  EXPECT_LT(uneven_chance(failed, random), 0.001);
  // Another two in each round: as even as can be.
  for (std::size_t each = 0; each < 5; ++each) {
    failed[each].assign(20, false);
    failed[each][2 * each] = failed[each][2 * each + 1] = true;
  }
  EXPECT_GT(uneven_chance(failed, random), 0.9);
  EXPECT_EQ(uneven_chance({}, random), 1);
}

TEST(SweepStatistics, UnevenChanceIsUniformForChanceAlone) {
  std::mt19937_64 random(11);
  int below_a_tenth = 0;
  for (int run = 0; run < 300; ++run) {
    std::vector<std::vector<bool>> failed(3, std::vector<bool>(100));
    for (auto& round : failed) {
      for (std::size_t port = 0; port < 100; ++port) round[port] = chance(random, 0.3);
    }
    if (uneven_chance(failed, random) < 0.1) ++below_a_tenth;
  }
  EXPECT_NEAR(below_a_tenth, 30, 18);
}

TEST(SweepStatistics, TimeSpreadTellsClustersFromRegularity) {
  std::mt19937_64 random(5);
  std::vector<bool> clustered(480);
  for (std::size_t each = 100; each < 160; ++each) clustered[each] = true;
  EXPECT_LT(time_spread(clustered, random).clustered, 0.001);
  EXPECT_GT(time_spread(clustered, random).dispersion, 5);
  std::vector<bool> regular(480);
  for (std::size_t each = 0; each < 480; each += 4) regular[each] = true;
  EXPECT_LT(time_spread(regular, random).regular, 0.001);
  EXPECT_EQ(time_spread(std::vector<bool>(480), random).clustered, 1);
}

TEST(SweepStatistics, FewerChanceNeedsEnoughSyns) {
  EXPECT_LT(fewer_chance(0, 40, 200, 400, 1), 0.001);
  EXPECT_GT(fewer_chance(0, 3, 200, 400, 1), 0.001);
  EXPECT_GT(fewer_chance(20, 40, 200, 400, 1), 0.4);
  EXPECT_EQ(fewer_chance(0, 0, 200, 400, 1), 1);
}

}  // namespace
}  // namespace hostcheck::probe
