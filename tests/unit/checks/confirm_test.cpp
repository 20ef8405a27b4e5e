// [confirm]: asks made of rows, and what their answers make of findings.
#include "core/checks/confirm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/checks/rule_file.h"
#include "core/checks/toml_reader.h"
#include "core/facts/host.h"
#include "core/facts/probe.h"

namespace hostcheck::checks {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kRule = R"toml(
id       = "kernel.crowded"
title    = "Too many processes in a namespace"
severity = "warning"
claim    = "likely"
query    = "SELECT netns, processes, first_command AS gateway FROM namespaces WHERE processes > :most"
subject  = ["netns"]
summary  = "{netns} has {processes} processes"
[params]
most = { default = 10, unit = "processes", why = "a test" }
[confirm]
probe    = "gateway"
target   = "{gateway}"
args     = { count = "{most}" }
confirms = "SELECT duration_ms, outcome FROM probe_results WHERE probe = :probe AND outcome = 'silent' AND duration_ms > :most"
refutes  = "SELECT duration_ms AS took FROM probe_results WHERE probe = :probe AND outcome = 'answers'"
because  = "{gateway} answered in {took|duration_ms}"
severity = "critical"
evidence = [{ what = "waited", column = "duration_ms" }]
[doc]
why = "slow"
fix = [{ text = "stop some" }]
false_alarms = "none"
)toml";

Rule rule() {
  const std::string path = "rules/kernel/crowded.toml";
  const auto root = parse_toml(kRule, path);
  EXPECT_TRUE(root);
  auto read = read_rule(*root, path);
  EXPECT_TRUE(read) << (read ? "" : read.error().message());
  return *read;
}

struct Bench {
  Rule crowded = rule();
  facts::Facts facts;

  Bench() {
    facts::Namespace row;
    row.netns = facts.intern("blue");
    row.processes = 30;
    row.first_command = facts.intern("10.0.0.1");
    facts.rows<facts::Namespace>().push_back(row);
  }
  facts::ProbeResult& answer(std::string_view outcome) {
    facts::ProbeResult row;
    row.id = static_cast<std::uint32_t>(facts.rows<facts::ProbeResult>().size() + 1);
    row.netns = facts.intern("blue");
    row.kind = facts.intern("gateway");
    row.target = "10.0.0.1";
    row.args = "count=10";
    row.outcome = facts.intern(outcome);
    row.words = "what it says";
    row.duration_ms = 1000;
    row.packets = 5;
    facts.rows<facts::ProbeResult>().push_back(row);
    return facts.rows<facts::ProbeResult>().back();
  }
  Finding finding(bool probed = true) {
    auto database = sql::Database::open(facts);
    const CheckResult result = run_rule(crowded, facts, *database);
    EXPECT_EQ(result.findings.size(), 1U) << result.reason;
    Finding out = result.findings.empty() ? Finding{} : result.findings.front();
    const auto decided = decide(crowded, out, facts, *database);
    EXPECT_TRUE(decided);
    EXPECT_EQ(decided && *decided, probed);
    return out;
  }
};

TEST(Confirm, AsksWithTheRowsColumnsAndTheParameters) {
  Bench bench;
  const Finding finding = bench.finding(false);
  EXPECT_EQ(finding.status, Status::suspected);
  ASSERT_TRUE(finding.doubt);
  EXPECT_EQ(finding.doubt->probe, "gateway");
  EXPECT_EQ(finding.doubt->target, "10.0.0.1");
  EXPECT_EQ(finding.doubt->netns, "blue");
  EXPECT_EQ(finding.doubt->args.at("count"), "10");
}

TEST(Confirm, ARowWithoutATargetAsksNothing) {
  Bench bench;
  bench.facts.rows<facts::Namespace>().front().first_command = {};
  const Finding finding = bench.finding(false);
  EXPECT_EQ(finding.status, Status::suspected);
  EXPECT_FALSE(finding.doubt);
}

TEST(Confirm, AnAnswerConfirmsWithItsEvidenceAndSeverity) {
  Bench bench;
  bench.answer("silent");
  const Finding finding = bench.finding();
  EXPECT_EQ(finding.status, Status::confirmed);
  EXPECT_EQ(finding.severity, Severity::critical);
  ASSERT_EQ(finding.evidence.size(), 5U);
  EXPECT_EQ(finding.evidence[2].what, "waited");
  EXPECT_EQ(finding.evidence[2].value, facts::Value(std::int64_t{1000}));
  EXPECT_EQ(finding.evidence[2].unit, "ms");
  EXPECT_EQ(finding.evidence[3].value, facts::Value(std::string("what it says")));
  EXPECT_EQ(finding.evidence[3].source, "hostcheck probe gateway 10.0.0.1 count=10, 5 packets");
}

TEST(Confirm, TheOppositeRefutesWithTheProof) {
  Bench bench;
  bench.answer("answers");
  const Finding finding = bench.finding();
  EXPECT_EQ(finding.status, Status::refuted);
  EXPECT_EQ(finding.because, "10.0.0.1 answered in 1 s");
}

TEST(Confirm, NeitherIsInconclusiveInTheProbesWords) {
  Bench bench;
  bench.answer("unclear").complete = false;
  const Finding finding = bench.finding();
  EXPECT_EQ(finding.status, Status::inconclusive);
  EXPECT_EQ(finding.because, "gateway probe: what it says; the budget ended it");
}

TEST(Confirm, AProbeThatCouldNotBeRunLeavesItSuspected) {
  Bench bench;
  bench.answer("").error = "socket: Operation not permitted";
  const Finding finding = bench.finding();
  EXPECT_EQ(finding.status, Status::suspected);
  EXPECT_THAT(finding.because, HasSubstr("Operation not permitted"));
}

TEST(Confirm, AnotherAsksAnswerIsNone) {
  for (int part = 0; part < 4; ++part) {
    Bench bench;
    facts::ProbeResult& row = bench.answer("silent");
    if (part == 0) row.target = "10.0.0.2";
    if (part == 1) row.netns = bench.facts.intern("red");
    if (part == 2) row.kind = bench.facts.intern("pmtu");
    if (part == 3) row.args = "count=11";
    EXPECT_EQ(bench.finding(false).status, Status::suspected) << part;
  }
}

constexpr std::string_view kLate = R"toml(
id       = "kernel.late"
title    = "A probe went wrong"
severity = "warning"
claim    = "live"
query    = "SELECT netns, target FROM probe_results WHERE outcome = 'silent'"
subject  = ["netns", "target"]
summary  = "{target} is silent"
[doc]
why = "slow"
fix = [{ text = "speak up" }]
false_alarms = "none"
)toml";

TEST(LateRules, AreSkippedWhereNoProbeWasSentAndJudgeWhereOneWas) {
  const std::string path = "rules/kernel/late.toml";
  const auto root = parse_toml(kLate, path);
  ASSERT_TRUE(root);
  const auto late = read_rule(*root, path);
  ASSERT_TRUE(late);
  facts::Facts facts;
  auto database = sql::Database::open(facts);
  EXPECT_TRUE(reads_probes(*late, *database));
  EXPECT_FALSE(reads_probes(rule(), *database));
  const CheckResult none = run_rule(*late, facts, *database);
  EXPECT_EQ(none.outcome, Outcome::skipped);
  EXPECT_THAT(none.reason, HasSubstr("probe_results"));

  facts::ProbeResult row;
  row.outcome = facts.intern("open");
  facts.rows<facts::ProbeResult>().push_back(row);
  database->use(facts);
  EXPECT_EQ(run_rule(*late, facts, *database).outcome, Outcome::clear);
  facts.rows<facts::ProbeResult>().front().outcome = facts.intern("silent");
  EXPECT_EQ(run_rule(*late, facts, *database).outcome, Outcome::finding);
}

TEST(LateRules, AProbeThatCouldNotBeRunLeavesThemUnknown) {
  const std::string path = "rules/kernel/late.toml";
  const auto root = parse_toml(kLate, path);
  ASSERT_TRUE(root);
  const auto late = read_rule(*root, path);
  ASSERT_TRUE(late);
  facts::Facts facts;
  (void)facts.rows<facts::ProbeResult>();
  facts.add_absence({"probe_results", {}, "blue", {}, ErrorCode::denied, "not permitted", "run as root"});
  auto database = sql::Database::open(facts);
  const CheckResult result = run_rule(*late, facts, *database);
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.remedy, "run as root");
}

}  // namespace
}  // namespace hostcheck::checks
