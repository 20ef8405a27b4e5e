#include "core/probe/pmtu_search.h"

#include <random>

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

using Outcome = PmtuSearch::Outcome;

// A path as a search meets it.
struct Path {
  std::size_t mtu = 1500;      // larger packets do not arrive
  bool tells = false;          // and their sender is told so
  std::size_t tells_mtu = 0;   // another figure than mtu, if not 0
  double loss = 0;             // of every packet
  std::size_t errors = 1000;   // how many "too big" come at all
  std::size_t told_above = 0;  // a first bottleneck that tells, where the second does not
};

struct Searched {
  Outcome outcome;
  std::size_t path_mtu = 0;
  std::size_t packets = 0;
  std::size_t rounds = 0;
};

Searched run(PmtuSearch search, Path path, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> chance(0, 1);
  Searched out{};
  for (auto sizes = search.next(); !sizes.empty(); sizes = search.next()) {
    ++out.rounds;
    for (const std::size_t size : sizes) {
      ++out.packets;
      const bool told_first = path.told_above != 0 && size > path.told_above;
      if (chance(random) < path.loss) {
        search.lost(size);
      } else if (told_first || (size > path.mtu && path.tells && path.errors > 0)) {
        if (path.errors > 0) --path.errors;
        search.too_big(size, told_first ? path.told_above : path.tells_mtu != 0 ? path.tells_mtu : path.mtu);
      } else if (size > path.mtu) {
        search.lost(size);
      } else {
        search.answered(size);
      }
    }
  }
  out.outcome = search.outcome();
  out.path_mtu = search.path_mtu();
  return out;
}

TEST(PmtuSearch, FindsEveryMtuThatIsToldOf) {
  for (std::size_t mtu = 576; mtu < 9000; ++mtu) {
    const Searched seen = run(PmtuSearch(100, 9000), {.mtu = mtu, .tells = true});
    ASSERT_EQ(seen.outcome, Outcome::smaller) << mtu;
    ASSERT_EQ(seen.path_mtu, mtu);
    ASSERT_LE(seen.packets, 3U) << mtu;
  }
}

TEST(PmtuSearch, ProvesEveryBlackHole) {
  std::size_t most = 0;
  for (std::size_t mtu = 576; mtu < 9000; ++mtu) {
    const Searched seen = run(PmtuSearch(100, 9000), {.mtu = mtu});
    ASSERT_EQ(seen.outcome, Outcome::black_hole) << mtu;
    ASSERT_EQ(seen.path_mtu, mtu);
    most = std::max(most, seen.packets);
  }
  EXPECT_LE(most, 34U);
}

TEST(PmtuSearch, StopsWhenTheDevicesMtuPasses) {
  const Searched seen = run(PmtuSearch(100, 1500), {.mtu = 1500});
  EXPECT_EQ(seen.outcome, Outcome::full);
  EXPECT_EQ(seen.path_mtu, 1500U);
  EXPECT_EQ(seen.rounds, 1U);
  EXPECT_EQ(seen.packets, 2U);
}

TEST(PmtuSearch, AsksOnlyWhatAHintLeavesOpen) {
  const Searched works = run(PmtuSearch(100, 9000, 1400), {.mtu = 1400, .tells = true});
  EXPECT_EQ(works.outcome, Outcome::smaller);
  EXPECT_EQ(works.packets, 2U);
  EXPECT_EQ(run(PmtuSearch(100, 1500, 1500), {.mtu = 1500}).packets, 1U);
  const Searched hole = run(PmtuSearch(100, 9000, 1400), {.mtu = 1400});
  EXPECT_EQ(hole.outcome, Outcome::black_hole);
  EXPECT_LE(hole.packets, 7U);
  for (const std::size_t other : {1399U, 1500U, 4000U, 9000U}) {
    EXPECT_EQ(run(PmtuSearch(100, 9000, 1400), {.mtu = other}).path_mtu, other) << "a hint that is wrong";
  }
}

TEST(PmtuSearch, SparinglyFindsTheSame) {
  for (const std::size_t mtu : {576U, 1280U, 1399U, 1400U, 1492U, 1499U, 1500U, 8999U}) {
    EXPECT_EQ(run(PmtuSearch(100, 9000, 0, true), {.mtu = mtu}).path_mtu, mtu);
    EXPECT_EQ(run(PmtuSearch(100, 9000, 0, true), {.mtu = mtu, .tells = true}).path_mtu, mtu);
  }
}

TEST(PmtuSearch, OneErrorIsEnoughWhereARouterSaysLittle) {
  const Searched seen = run(PmtuSearch(100, 9000), {.mtu = 1400, .tells = true, .errors = 1});
  EXPECT_EQ(seen.outcome, Outcome::smaller);
  EXPECT_EQ(seen.path_mtu, 1400U);
}

TEST(PmtuSearch, TakesARouterThatDoesNotSayWhatFits) {
  // Before RFC 1191 the field was 0: the size has to be searched, but errors do come back.
  PmtuSearch search(100, 1500);
  for (auto sizes = search.next(); !sizes.empty(); sizes = search.next()) {
    for (const std::size_t size : sizes) size > 1006 ? search.too_big(size, 0) : search.answered(size);
  }
  EXPECT_EQ(search.outcome(), Outcome::smaller);
  EXPECT_EQ(search.path_mtu(), 1006U);
}

TEST(PmtuSearch, FindsASilentBottleneckBehindOneThatTells) {
  const Searched seen = run(PmtuSearch(100, 9000), {.mtu = 1300, .told_above = 1500});
  EXPECT_EQ(seen.outcome, Outcome::black_hole);
  EXPECT_EQ(seen.path_mtu, 1300U);
}

TEST(PmtuSearch, SaysNothingWhereNothingAnswers) {
  const Searched seen = run(PmtuSearch(100, 1500), {.mtu = 50});
  EXPECT_EQ(seen.outcome, Outcome::unanswered);
  EXPECT_EQ(seen.path_mtu, 0U);
  EXPECT_LE(seen.packets, 11U);
}

TEST(PmtuSearch, CallsRandomLossNoBlackHole) {
  for (const double loss : {0.01, 0.05, 0.2}) {
    int holes = 0;
    for (unsigned seed = 0; seed < 1000; ++seed) {
      holes += run(PmtuSearch(100, 1500), {.mtu = 1500, .loss = loss}, seed).outcome == Outcome::black_hole;
    }
    EXPECT_LE(holes, 2) << loss;
  }
}

TEST(PmtuSearch, FindsABlackHoleThroughLoss) {
  int right = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const Searched seen = run(PmtuSearch(100, 1500), {.mtu = 1400, .loss = 0.05}, seed);
    right += seen.outcome == Outcome::black_hole && seen.path_mtu == 1400;
  }
  EXPECT_GE(right, 990);
}

TEST(PmtuSearch, EndsWhateverItIsTold) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    PmtuSearch search(100, 9000, seed % 3 == 0 ? random() % 9000 : 0, seed % 2 == 0);
    std::size_t rounds = 0;
    for (auto sizes = search.next(); !sizes.empty(); sizes = search.next()) {
      ASSERT_LT(++rounds, 60U);
      for (const std::size_t size : sizes) {
        const auto what = random() % 3;
        if (what == 0) search.answered(size);
        if (what == 1) search.lost(size);
        if (what == 2) search.too_big(size, random() % 10000);
      }
    }
    (void)search.outcome();
  }
}

}  // namespace
}  // namespace hostcheck::probe
