// What becomes of a check when something that it reads could not be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/checks/rule.h"
#include "core/facts/facts.h"

namespace hostcheck::checks {
namespace {

using ::testing::HasSubstr;

class Absences : public ::testing::Test {
 protected:
  void SetUp() override {
    rule_.id = "nic.test";
    rule_.file = "nic/test.toml";
    rule_.subject = {"ifname"};
    rule_.summary = "{ifname}";
    rule_.query = "SELECT netns, ifname, mtu FROM links WHERE mtu < 100";
    facts_.observed = std::chrono::seconds(2);
    put("links", {});
  }

  // Rows of a table by column names.
  void put(std::string_view table, const std::vector<std::vector<std::pair<std::string, facts::Value>>>& rows) {
    const facts::TableInfo& info = *facts::find_table(table);
    auto data = std::make_unique<facts::ValueRows>(info);
    for (const auto& row : rows) {
      auto& made = data->rows.emplace_back(info.columns.size());
      for (const auto& [name, value] : row) made[*info.column(name)] = value;
    }
    facts_.put(std::move(data));
  }

  CheckResult run() {
    auto database = sql::Database::open(facts_);
    return run_rule(rule_, facts_, *database);
  }

  void absent(std::string table, std::string column, std::string netns, std::string subject) {
    facts_.add_absence({std::move(table), std::move(column), std::move(netns), std::move(subject), ErrorCode::denied,
                        "not allowed", "run as root"});
  }

  Rule rule_;
  facts::Facts facts_;
};

TEST_F(Absences, ClearWhenAllWasRead) {
  EXPECT_EQ(run().outcome, Outcome::clear);
}

TEST_F(Absences, AMissingTableMakesItUnknownWithReasonAndRemedy) {
  absent("links", "", "", "");
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.reason, "links: not allowed");
  EXPECT_EQ(result.remedy, "run as root");
}

TEST_F(Absences, AMissingColumnCountsOnlyWhereItIsRead) {
  absent("links", "rx_bytes", "", "");
  EXPECT_EQ(run().outcome, Outcome::clear);
  absent("links", "mtu", "", "");
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.reason, "links.mtu: not allowed");
}

TEST_F(Absences, AMissingCounterTakesItsDeltaAway) {
  rule_.query = "SELECT ifname FROM links WHERE rx_dropped_delta > 0";
  absent("links", "rx_dropped", "", "");
  EXPECT_EQ(run().outcome, Outcome::unknown);
}

TEST_F(Absences, AnotherCounterOfTheSameBeginningDoesNot) {
  rule_.query = "SELECT ifname FROM links WHERE rx_bytes_delta > 0";
  absent("links", "rx_bytes_per_second", "", "");
  EXPECT_EQ(run().outcome, Outcome::clear);
}

TEST_F(Absences, OneNamespaceIsEnough) {
  absent("links", "", "blue", "");
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.reason, "links in blue: not allowed");
}

TEST_F(Absences, ANamespaceThatTheQueryLeavesOutDoesNotCount) {
  rule_.query = "SELECT ifname FROM links WHERE netns = 'init'";
  absent("links", "", "blue", "");
  EXPECT_EQ(run().outcome, Outcome::clear);
}

TEST_F(Absences, OneRowIsEnough) {
  absent("links", "mtu", "init", "eth0");
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.reason, "links.mtu of eth0 in init: not allowed");
}

TEST_F(Absences, ARowThatTheQueryLeavesOutDoesNotCount) {
  rule_.query = "SELECT ifname FROM links WHERE ifname = 'eth1'";
  absent("links", "mtu", "init", "eth0");
  EXPECT_EQ(run().outcome, Outcome::clear);
}

TEST_F(Absences, TheOthersAreCounted) {
  absent("links", "", "blue", "");
  absent("links", "", "red", "");
  absent("links", "", "green", "");
  EXPECT_EQ(run().reason, "links in blue: not allowed; 2 more");
}

TEST_F(Absences, AFindingStaysAndSaysWhatWasNotJudged) {
  put("links", {{{"netns", std::string("init")}, {"ifname", std::string("eth0")}, {"mtu", std::int64_t{68}}}});
  absent("links", "", "blue", "");
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::finding);
  EXPECT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.reason, "not judged: links in blue: not allowed");
}

TEST_F(Absences, ATableThatNobodyGatheredIsAnError) {
  rule_.query = "SELECT ifname FROM addresses";
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::error);
  EXPECT_THAT(result.reason, HasSubstr("table addresses was not gathered"));
}

TEST_F(Absences, ATableThatCouldNotBeReadAtAllIsUnknown) {
  rule_.query = "SELECT ifname FROM addresses";
  absent("addresses", "", "", "");
  EXPECT_EQ(run().outcome, Outcome::unknown);
}

TEST_F(Absences, WithoutASecondSampleDeltasAreSkipped) {
  rule_.query = "SELECT ifname FROM links WHERE rx_dropped_per_second > 5";
  facts_.observed = std::chrono::milliseconds(0);
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::skipped);
  EXPECT_EQ(result.reason, "needs an observation, --observe is 0");
}

TEST_F(Absences, AreATableToo) {
  absent("links", "mtu", "init", "eth0");
  rule_.subject = {"subject"};
  rule_.summary = "{table_name} {column_name} {code} {remedy}";
  rule_.query = "SELECT subject, table_name, column_name, code, remedy FROM absences";
  const CheckResult result = run();
  ASSERT_EQ(result.outcome, Outcome::finding) << result.reason;
  EXPECT_EQ(result.findings[0].summary, "links mtu denied run as root");
}

TEST_F(Absences, AFailingQueryIsAnError) {
  rule_.query = "SELECT nonsense FROM links";
  const CheckResult result = run();
  EXPECT_EQ(result.outcome, Outcome::error);
  EXPECT_THAT(result.reason, HasSubstr("nic/test.toml: query: no such column: nonsense"));
}

TEST_F(Absences, DeltasSayWhen) {
  rule_.query = "SELECT ifname, mtu, rx_dropped_delta FROM links";
  put("links", {{{"ifname", std::string("eth0")}, {"rx_dropped_delta", std::int64_t{4}}}});
  const CheckResult result = run();
  ASSERT_EQ(result.findings.size(), 1U);
  ASSERT_EQ(result.findings[0].evidence.size(), 1U);  // mtu is NULL
  EXPECT_EQ(result.findings[0].evidence[0].when, "delta over 2.0 s");
  EXPECT_EQ(result.findings[0].evidence[0].what, "rx dropped delta");
}

TEST_F(Absences, RowsMaySetTheirOwnSeverityAndStatus) {
  rule_.claim = Claim::live;
  rule_.query =
      "SELECT ifname, CASE WHEN mtu < 100 THEN 'critical' ELSE 'info' END AS severity, 'suspected' AS status FROM "
      "links";
  put("links", {{{"ifname", std::string("a")}, {"mtu", std::int64_t{68}}},
                {{"ifname", std::string("b")}, {"mtu", std::int64_t{1500}}}});
  const CheckResult live = run();
  ASSERT_EQ(live.findings.size(), 2U) << live.reason;
  EXPECT_EQ(live.findings[0].severity, Severity::critical);
  EXPECT_EQ(live.findings[1].severity, Severity::info);
  EXPECT_EQ(live.findings[0].status, Status::suspected);
  rule_.claim = Claim::state;
  const CheckResult state = run();
  EXPECT_EQ(state.outcome, Outcome::error);
  EXPECT_THAT(state.reason, HasSubstr("severity 'critical' needs claim = \"live\""));
}

TEST_F(Absences, ClearTextTakesTheRowOfTheNamespace) {
  rule_.clear_query = "SELECT netns, mtu FROM links";
  rule_.clear_because = "mtu {mtu}";
  auto database = sql::Database::open(facts_);
  EXPECT_EQ(*clear_text(rule_, facts_, *database), std::nullopt);
  put("links", {{{"netns", std::string("init")}, {"mtu", std::int64_t{1}}},
                {{"netns", std::string("blue")}, {"mtu", std::int64_t{2}}}});
  database->use(facts_);
  EXPECT_EQ(*clear_text(rule_, facts_, *database), "mtu 1");
  EXPECT_EQ(*clear_text(rule_, facts_, *database, "blue"), "mtu 2");
  rule_.clear_query = "SELECT rx_dropped_delta AS mtu FROM links";
  facts_.observed = std::chrono::milliseconds(0);
  EXPECT_EQ(*clear_text(rule_, facts_, *database), std::nullopt);
}

TEST_F(Absences, ResultsAreSortedById) {
  Rule other = rule_;
  other.id = "dns.test";
  auto database = sql::Database::open(facts_);
  const auto results = run_rules({rule_, other}, facts_, *database);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].id, "dns.test");
}

}  // namespace
}  // namespace hostcheck::checks
