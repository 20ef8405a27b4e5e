#include "core/conclude/conclude.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::conclude {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Rule;
using checks::Severity;
using checks::Status;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Finding finding(const std::string& id, const std::string& netns = "init", std::int64_t port = -1) {
  Finding made;
  made.id = id;
  made.severity = Severity::warning;
  made.status = Status::confirmed;
  made.subject = {{"netns", netns}};
  if (port >= 0) made.subject.emplace_back("port", port);
  return made;
}

CheckResult result(const std::string& id, std::vector<Finding> findings) {
  CheckResult made;
  made.id = id;
  made.outcome = Outcome::finding;
  made.findings = std::move(findings);
  return made;
}

CheckResult result(const std::string& id, Outcome outcome, const std::string& reason = {}) {
  CheckResult made;
  made.id = id;
  made.outcome = outcome;
  made.reason = reason;
  return made;
}

Rule rule(const std::string& id, std::vector<std::string> explains = {}, std::vector<std::string> rivals = {}) {
  Rule made;
  made.id = id;
  made.explains = std::move(explains);
  made.rivals = std::move(rivals);
  return made;
}

std::vector<std::string> ids(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  for (const Finding& each : findings) all.push_back(each.id);
  return all;
}

std::vector<Finding> draw(const std::vector<Rule>& rules, std::vector<CheckResult> results,
                          const Witnesses& witnesses = {}) {
  std::vector<const Rule*> pages;
  for (const Rule& each : rules) pages.push_back(&each);
  return draw_findings(pages, results, witnesses);
}

TEST(Order, PutsConfirmedBeforeSuspectedThenCriticalFirstThenById) {
  std::vector<Finding> findings = {finding("b.warning"),  finding("a.warning"), finding("c.suspected"),
                                   finding("d.critical"), finding("e.refuted"), finding("f.inconclusive")};
  findings[2].status = Status::suspected;
  findings[2].severity = Severity::warning;
  findings[3].severity = Severity::critical;
  findings[4].status = Status::refuted;
  findings[5].status = Status::inconclusive;
  order_findings(findings);
  EXPECT_THAT(ids(findings),
              ElementsAre("d.critical", "a.warning", "b.warning", "c.suspected", "f.inconclusive", "e.refuted"));
}

TEST(Order, PutsACauseBeforeItsEffectEvenWhenTheEffectIsWorse) {
  std::vector<Finding> findings = {finding("a.effect"), finding("m.other"), finding("z.cause")};
  findings[0].severity = Severity::critical;
  findings[2].severity = Severity::info;
  findings[2].effects = {"a.effect"};
  order_findings(findings);
  EXPECT_THAT(ids(findings), ElementsAre("z.cause", "a.effect", "m.other"));
}

TEST(Order, PutsACauseOfTheWholeMachineBeforeItsEffectsInEveryNamespace) {
  std::vector<Finding> findings = {finding("a.effect", "one"), finding("a.effect", "two"), finding("z.cause")};
  findings[2].subject = {{"cpu", "1"}};
  findings[2].effects = {"a.effect"};
  order_findings(findings);
  EXPECT_THAT(ids(findings), ElementsAre("z.cause", "a.effect", "a.effect"));
}

TEST(Order, PutsACauseInANamespaceBeforeItsEffectOnTheWholeMachine) {
  std::vector<Finding> findings = {finding("a.effect"), finding("z.cause", "one")};
  findings[0].subject = {{"cpu", "1"}};
  findings[1].effects = {"a.effect"};
  order_findings(findings);
  EXPECT_THAT(ids(findings), ElementsAre("z.cause", "a.effect"));
}

TEST(Order, FollowsAChainOfCauses) {
  std::vector<Finding> findings = {finding("a.last"), finding("b.middle"), finding("c.first")};
  findings[1].effects = {"a.last"};
  findings[2].effects = {"b.middle"};
  order_findings(findings);
  EXPECT_THAT(ids(findings), ElementsAre("c.first", "b.middle", "a.last"));
}

TEST(Order, KeepsAllFindingsWhereRulesExplainEachOther) {
  std::vector<Finding> findings = {finding("a.one"), finding("b.two"), finding("c.three")};
  findings[0].effects = {"b.two"};
  findings[1].effects = {"a.one"};
  order_findings(findings);
  EXPECT_THAT(ids(findings), ::testing::UnorderedElementsAre("a.one", "b.two", "c.three"));
}

TEST(Order, KeepsTheRowsOfACheckTogetherAndInTheirOrder) {
  std::vector<Finding> findings = {finding("a.x", "init", 9), finding("b.x"), finding("a.x", "init", 3)};
  order_findings(findings);
  ASSERT_THAT(ids(findings), ElementsAre("a.x", "a.x", "b.x"));
  EXPECT_EQ(port_of(findings[0]), 9);
}

TEST(Order, StaysFastWithManyFindings) {
  std::vector<Finding> findings;
  for (int at = 0; at < 20'000; ++at) findings.push_back(finding("a.x", "ns" + std::to_string(at % 50), at % 1000));
  order_findings(findings);
  EXPECT_EQ(findings.size(), 20'000U);
}

TEST(Causes, LinkFindingsOfOneNamespace) {
  const auto findings = draw({rule("a.cause", {"b.effect"}), rule("b.effect")},
                             {result("a.cause", {finding("a.cause", "one")}),
                              result("b.effect", {finding("b.effect", "one"), finding("b.effect", "two")})});
  ASSERT_THAT(ids(findings), ElementsAre("a.cause", "b.effect", "b.effect"));
  EXPECT_THAT(findings[0].effects, ElementsAre("b.effect"));
  EXPECT_THAT(findings[1].causes, ElementsAre("a.cause"));
  EXPECT_EQ(netns_of(findings[1]), "one");
  EXPECT_THAT(findings[2].causes, IsEmpty());
}

TEST(Causes, NeedTheSamePortWhereBothNameOne) {
  const auto findings = draw({rule("a.cause", {"b.effect"}), rule("b.effect")},
                             {result("a.cause", {finding("a.cause", "init", 80)}),
                              result("b.effect", {finding("b.effect", "init", 443), finding("b.effect")})});
  ASSERT_EQ(findings.size(), 3U);
  for (const Finding& each : findings) {
    if (each.id != "b.effect") continue;
    EXPECT_EQ(each.causes.empty(), port_of(each) == 443) << port_of(each);
  }
}

TEST(Causes, AreNeverRefutedFindings) {
  CheckResult cause = result("a.cause", {finding("a.cause")});
  cause.findings[0].status = Status::refuted;
  const auto findings =
      draw({rule("a.cause", {"b.effect"}), rule("b.effect")}, {cause, result("b.effect", {finding("b.effect")})});
  EXPECT_THAT(findings[0].causes, IsEmpty());
}

TEST(Port, IsReadFromTheSubject) {
  Finding made;
  made.subject = {{"local", std::string("0.0.0.0:443")}};
  EXPECT_EQ(port_of(made), 443);
  made.subject = {{"local", std::string("[::]:8443")}};
  EXPECT_EQ(port_of(made), 8443);
  made.subject = {{"local", std::string("fe80::1")}};
  EXPECT_EQ(port_of(made), -1);
  made.subject = {{"local", std::string("10.0.0.1")}};
  EXPECT_EQ(port_of(made), -1);
}

TEST(Rivals, AreExcludedWithTheirNumbersWhenTheyAreClear) {
  Witnesses witnesses;
  witnesses.clear_words = [](const Rule& asked, std::string_view netns) {
    return asked.id + " in " + std::string(netns);
  };
  const auto findings = draw(
      {rule("a.x", {}, {"b.clear", "c.wordless"}), rule("b.clear")},
      {result("a.x", {finding("a.x", "one")}), result("b.clear", Outcome::clear), result("c.wordless", Outcome::clear)},
      witnesses);
  ASSERT_EQ(findings[0].excluded.size(), 2U);
  EXPECT_EQ(findings[0].excluded[0].because, "b.clear in one");
  EXPECT_EQ(findings[0].excluded[1].because, "clear");
  EXPECT_THAT(findings[0].not_excluded, IsEmpty());
}

TEST(Rivals, ThatCouldNotBeJudgedAreNotExcluded) {
  const auto findings =
      draw({rule("a.x", {}, {"b.unknown", "c.skipped", "d.absent"})},
           {result("a.x", {finding("a.x")}), result("b.unknown", Outcome::unknown, "needs CAP_NET_ADMIN"),
            result("c.skipped", Outcome::skipped, "--observe is 0")});
  EXPECT_THAT(findings[0].excluded, IsEmpty());
  EXPECT_THAT(findings[0].not_excluded, ElementsAre("b.unknown: needs CAP_NET_ADMIN", "c.skipped: --observe is 0"));
}

TEST(Rivals, ThatAreFoundInTheSamePlaceAreNeitherExcludedNorOpen) {
  const auto here = draw({rule("a.x", {}, {"b.found"}), rule("b.found")},
                         {result("a.x", {finding("a.x", "one")}), result("b.found", {finding("b.found", "one")})});
  EXPECT_THAT(here[0].excluded, IsEmpty());
  const auto elsewhere = draw({rule("a.x", {}, {"b.found"}), rule("b.found")},
                              {result("a.x", {finding("a.x", "one")}), result("b.found", {finding("b.found", "two")})});
  EXPECT_EQ(elsewhere[0].excluded.size(), 1U);
}

TEST(Rivals, ThatAreFoundOnAnotherPortAreExcludedByThat) {
  const auto found =
      draw({rule("a.one", {}, {"b.two"}), rule("b.two")},
           {result("a.one", {finding("a.one", "init", 9001)}), result("b.two", {finding("b.two", "init", 9000)})});
  const auto one = std::find_if(found.begin(), found.end(), [](const Finding& each) { return each.id == "a.one"; });
  ASSERT_NE(one, found.end());
  ASSERT_EQ(one->excluded.size(), 1U);
  EXPECT_EQ(one->excluded[0].because, "found on port 9000, not here");
}

TEST(Cures, ThatTheKernelDoesNotHaveAreDropped) {
  Witnesses witnesses;
  witnesses.has_sysctl = [](std::string_view name, std::string_view) { return name == "net.core.somaxconn"; };
  CheckResult found = result("a.x", {finding("a.x")});
  found.findings[0].fix = {{"keep", "sysctl -w net.core.somaxconn=4096", "", ""},
                           {"drop", "sysctl -w net.ipv4.tcp_tw_recycle=0", "", ""},
                           {"drop too", "", "", "net.ipv4.tcp_tw_recycle"},
                           {"keep this", "ss -ltn", "", ""}};
  const auto findings = draw({rule("a.x")}, {found}, witnesses);
  ASSERT_EQ(findings[0].fix.size(), 2U);
  EXPECT_EQ(findings[0].fix[0].text, "keep");
  EXPECT_EQ(findings[0].fix[1].text, "keep this");
}

Report judged(std::vector<CheckResult> checks, std::vector<Finding> findings = {}, const facts::Facts& facts = {},
              const facts::Request& request = {}) {
  Report report;
  report.checks = std::move(checks);
  report.findings = std::move(findings);
  judge(report, facts, request);
  return report;
}

TEST(Verdict, IsTheWorstFindingThatIsNotRefuted) {
  std::vector<Finding> findings = {finding("a.x"), finding("b.x")};
  findings[1].severity = Severity::critical;
  EXPECT_EQ(judged({result("a.x", Outcome::clear)}, findings).verdict, Verdict::critical);
  findings[1].status = Status::refuted;
  EXPECT_EQ(judged({result("a.x", Outcome::clear)}, findings).verdict, Verdict::warning);
  findings[0].severity = Severity::info;
  EXPECT_EQ(judged({result("a.x", Outcome::clear)}, findings).verdict, Verdict::ok);
}

TEST(Verdict, IsUnknownWhenMoreThanHalfOfTheChecksAreBlind) {
  const CheckResult clear = result("a.x", Outcome::clear);
  const CheckResult blind = result("b.x", Outcome::unknown, "denied");
  EXPECT_EQ(judged({clear, blind}).verdict, Verdict::ok);
  EXPECT_EQ(judged({clear, blind, blind}).verdict, Verdict::unknown);
  EXPECT_FALSE(judged({clear, blind, blind}).unjudged.empty());
  EXPECT_EQ(judged({clear, blind, result("c.x", Outcome::skipped, "--only")}).verdict, Verdict::ok);
  EXPECT_EQ(judged({clear, blind, blind}, {finding("d.x")}).verdict, Verdict::warning);
}

TEST(Verdict, IsUnknownWhenNoCheckWasRunOrOneFailed) {
  EXPECT_EQ(judged({}).verdict, Verdict::unknown);
  EXPECT_EQ(judged({result("a.x", Outcome::skipped, "--observe is 0")}).verdict, Verdict::unknown);
  const CheckResult clear = result("a.x", Outcome::clear);
  EXPECT_EQ(judged({clear, clear, clear, result("b.x", Outcome::error, "no such table")}).verdict, Verdict::unknown);
}

TEST(Verdict, IsUnknownWhenACoreTableThatWasAskedForCouldNotBeRead) {
  facts::Facts facts;
  facts.add_absence("routes", "init", make_error(ErrorCode::failed, "RTM_GETROUTE", "", "cut short"));
  facts::Request request;
  const std::vector<CheckResult> checks = {result("a.x", Outcome::clear)};
  EXPECT_EQ(judged(checks, {}, facts, request).verdict, Verdict::ok);
  request["routes"].add_reader({"dst"}, {});
  EXPECT_EQ(judged(checks, {}, facts, request).verdict, Verdict::unknown);
}

}  // namespace
}  // namespace hostcheck::conclude
