#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/checks/rule.h"
#include "core/checks/rule_file.h"
#include "core/checks/toml_reader.h"
#include "core/facts/host.h"
#include "core/facts/observation.h"

namespace hostcheck::checks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kRule = R"toml(
id       = "kernel.crowded"
title    = "Too many processes in a namespace"
severity = "warning"
claim    = "state"
query    = "SELECT netns, processes, 80 AS port FROM namespaces WHERE processes > :most"
subject  = ["netns"]
summary  = "{netns} has {processes} processes"
evidence = [{ what = "processes", column = "processes" }]
[[witness]]
what   = "SYNs"
query  = "SELECT sum(unanswered) AS lost, sum(attempts) AS attempts, :most AS most FROM syns WHERE netns = :netns AND port = :port AND unanswered > 0"
text   = "{lost} of {attempts}, more than {most}"
source = "trace"
[[witness]]
what   = "longest"
query  = "SELECT received FROM syns WHERE netns = :netns ORDER BY received DESC"
column = "received"
[params]
most = { default = 10, unit = "processes", why = "a test" }
[doc]
why = "slow"
fix = [{ text = "stop some" }]
false_alarms = "none"
)toml";

Result<Rule> parse(std::string_view text) {
  const std::string path = "rules/kernel/crowded.toml";
  const auto root = parse_toml(text, path);
  return root ? read_rule(*root, path) : Result<Rule>(unexpected(root.error()));
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kRule);
  return text.replace(text.find(from), from.size(), to);
}

facts::Facts crowded() {
  facts::Facts facts;
  facts.observed = std::chrono::milliseconds(2000);
  facts.rows<facts::Namespace>().push_back({facts.intern("blue"), 8, 30, {}, {}, true, true, true});
  return facts;
}

void add_syns(facts::Facts& facts, std::string_view netns, std::uint16_t port, std::uint64_t unanswered) {
  facts::SynSummary row;
  row.netns = facts.intern(netns);
  row.port = port;
  row.received = 100 + unanswered;
  row.attempts = 100;
  row.unanswered = unanswered;
  facts.rows<facts::SynSummary>().push_back(row);
}

Finding only_finding(const facts::Facts& facts) {
  const auto rule = parse(kRule);
  EXPECT_TRUE(rule) << (rule ? "" : rule.error().message());
  auto database = sql::Database::open(facts);
  const CheckResult result = run_rule(*rule, facts, *database);
  EXPECT_EQ(result.outcome, Outcome::finding) << result.reason;
  EXPECT_EQ(result.findings.size(), 1U);
  return result.findings.empty() ? Finding{} : result.findings.front();
}

std::vector<std::string> names(const Finding& finding) {
  std::vector<std::string> all;
  for (const Evidence& each : finding.evidence) {
    if (!each.parameter) all.push_back(each.what);
  }
  return all;
}

TEST(Witness, IsAskedWithTheRowsColumnsAndTheParameters) {
  facts::Facts facts = crowded();
  add_syns(facts, "blue", 80, 5);
  add_syns(facts, "blue", 80, 2);
  add_syns(facts, "blue", 81, 30);
  add_syns(facts, "red", 80, 40);
  const Finding finding = only_finding(facts);
  ASSERT_THAT(names(finding), ElementsAre("processes", "SYNs", "longest"));
  EXPECT_EQ(finding.evidence[1].value, facts::Value(std::string("7 of 200, more than 10")));
  EXPECT_EQ(finding.evidence[1].source, "trace");
  EXPECT_EQ(finding.evidence[1].when, "delta over 2.0 s");
  EXPECT_EQ(finding.evidence[2].value, facts::Value(std::int64_t{130}));
  EXPECT_EQ(finding.evidence[2].unit, "packets");
  EXPECT_EQ(finding.evidence[2].source, "handshake trace");
  EXPECT_THAT(finding.not_excluded, IsEmpty());
}

TEST(Witness, WithNothingToSayAddsNothing) {
  facts::Facts facts = crowded();
  (void)facts.rows<facts::SynSummary>();
  const Finding finding = only_finding(facts);
  EXPECT_THAT(names(finding), ElementsAre("processes"));
  EXPECT_THAT(finding.not_excluded, IsEmpty());
}

TEST(Witness, ThatCannotBeReadIsToldAndTheFindingStands) {
  facts::Facts facts = crowded();
  facts.add_absence({"syns", "", "", "", ErrorCode::denied, "no CAP_BPF", ""});
  const auto rule = parse(kRule);
  auto database = sql::Database::open(facts);
  const CheckResult result = run_rule(*rule, facts, *database);
  EXPECT_EQ(result.outcome, Outcome::finding);
  EXPECT_EQ(result.reason, "") << "the check itself read all";
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_THAT(names(result.findings[0]), ElementsAre("processes"));
  EXPECT_THAT(result.findings[0].not_excluded,
              ElementsAre("SYNs: not seen, syns: no CAP_BPF", "longest: not seen, syns: no CAP_BPF"));
}

TEST(Witness, OfAnObservationIsNotAskedWithoutOne) {
  facts::Facts facts = crowded();
  facts.observed = std::chrono::milliseconds(0);
  const Finding finding = only_finding(facts);
  EXPECT_THAT(names(finding), ElementsAre("processes"));
  EXPECT_THAT(finding.not_excluded, IsEmpty());
}

TEST(Witness, WhatItReadsIsGathered) {
  const auto rule = parse(kRule);
  auto database = sql::Database::open();
  const auto observed = plan(*rule, *database, true);
  ASSERT_TRUE(observed);
  EXPECT_TRUE(observed->contains("syns"));
  const auto still = plan(*rule, *database, false);
  ASSERT_TRUE(still);
  EXPECT_FALSE(still->contains("syns"));
  EXPECT_TRUE(still->contains("namespaces"));
}

TEST(Witness, WrongOnesAreNamed) {
  const std::string both =
      parse(replaced("column = \"received\"", "column = \"received\"\ntext = \"x\"")).error().message();
  EXPECT_THAT(both, HasSubstr("[[witness]] has either 'column' or 'text'"));
  EXPECT_THAT(parse(replaced("what   = \"longest\"\n", "")).error().message(),
              HasSubstr("key 'witness.what' is missing"));
  const auto rule = parse(replaced("received FROM syns", "received FROM sins"));
  auto database = sql::Database::open();
  EXPECT_THAT(plan(*rule, *database).error().message(), HasSubstr("no such table: sins"));
}

}  // namespace
}  // namespace hostcheck::checks
