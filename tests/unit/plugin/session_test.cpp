#include "core/plugin/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::plugin {
namespace {

// One that asks for probes. Its code is not there: started, it fails.
Plugin asking(std::string query) {
  Plugin plugin;
  plugin.name = "asking";
  plugin.file = "asking/plugin.toml";
  plugin.library = "asking/plugin.so";
  plugin.inputs.push_back({"answers", std::move(query), 1, true, false});
  Check& check = plugin.checks.emplace_back();
  check.rule.id = "route.asks";
  check.inputs = {"answers"};
  return plugin;
}

std::vector<checks::CheckResult> suspicion() {
  std::vector<checks::CheckResult> results(1);
  results[0].id = "route.asks";
  results[0].outcome = checks::Outcome::finding;
  results[0].findings.emplace_back().status = checks::Status::suspected;
  return results;
}

struct AskedAgain {
  facts::Facts facts;
  std::vector<checks::CheckResult> results = suspicion();
  std::vector<checks::Finding> failures;
  AskedAgain(const Plugin& plugin, std::string asked_by, Clock::time_point deadline) {
    auto database = sql::Database::open(facts);
    failures = ask_again({plugin}, {std::move(asked_by)}, facts, *database, deadline, results);
  }
};

constexpr const char* kAnswers = "SELECT outcome FROM probe_results";

TEST(AskAgain, StartsThoseThatAskedAndReadTheAnswers) {
  const AskedAgain run(asking(kAnswers), "route.asks", Clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(run.failures.size(), 1U);
  EXPECT_EQ(run.results[0].outcome, checks::Outcome::error);
}

TEST(AskAgain, LeavesThoseAloneThatAskedForNothingOrReadNoAnswers) {
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  for (const AskedAgain& run : {AskedAgain(asking(kAnswers), "route.another", deadline),
                                AskedAgain(asking("SELECT name FROM host"), "route.asks", deadline)}) {
    EXPECT_TRUE(run.failures.empty());
    EXPECT_EQ(run.results[0].findings.size(), 1U);
    EXPECT_EQ(run.results[0].findings[0].because, "");
  }
}

TEST(AskAgain, WithoutTimeTheSuspicionStandsAndSaysSo) {
  const AskedAgain run(asking(kAnswers), "route.asks", Clock::now());
  EXPECT_TRUE(run.failures.empty());
  ASSERT_EQ(run.results[0].findings.size(), 1U);
  EXPECT_EQ(run.results[0].findings[0].status, checks::Status::suspected);
  EXPECT_THAT(run.results[0].findings[0].because, ::testing::HasSubstr("--budget was used up"));
}

}  // namespace
}  // namespace hostcheck::plugin
