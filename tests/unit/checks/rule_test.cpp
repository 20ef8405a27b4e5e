#include "core/checks/rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/checks/rule_file.h"
#include "core/checks/toml_reader.h"
#include "core/facts/host.h"

namespace hostcheck::checks {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kRule = R"toml(
id       = "kernel.crowded"
title    = "Too many processes in a namespace"
severity = "warning"
claim    = "state"
query    = "SELECT netns, processes, inode AS number FROM namespaces WHERE processes > :most"
subject  = ["netns"]
summary  = "{netns} has {processes} processes, more than {most}"
[params]
most = { default = 10, unit = "processes", why = "a test" }
[doc]
why = "slow"
fix = [{ text = "stop some in {netns}", command = "sysctl -w net.x=1" }]
false_alarms = "none"
)toml";

Rule rule_of(std::string_view text, const std::string& path = "rules/kernel/crowded.toml") {
  const auto root = parse_toml(text, path);
  EXPECT_TRUE(root) << root.error().message();
  auto rule = read_rule(*root, path);
  EXPECT_TRUE(rule) << (rule ? "" : rule.error().message());
  return rule ? *rule : Rule{};
}

std::string error_of(std::string_view text, const std::string& path = "rules/kernel/crowded.toml") {
  const auto root = parse_toml(text, path);
  if (!root) return root.error().message();
  const auto rule = read_rule(*root, path);
  return rule ? "no error" : rule.error().message();
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kRule);
  return text.replace(text.find(from), from.size(), to);
}

facts::Facts two_namespaces() {
  facts::Facts facts;
  auto& rows = facts.rows<facts::Namespace>();
  rows.push_back({facts.intern("init"), 7, 30, {}, {}, true, true, true});
  rows.push_back({facts.intern("blue"), 8, 2, 42, facts.intern("nginx"), false, false, true});
  return facts;
}

TEST(Rule, EachRowIsAFinding) {
  const Rule rule = rule_of(kRule);
  const facts::Facts facts = two_namespaces();
  auto database = sql::Database::open(facts);
  const CheckResult result = run_rule(rule, facts, *database);
  ASSERT_EQ(result.outcome, Outcome::finding) << result.reason;
  ASSERT_EQ(result.findings.size(), 1U);
  const Finding& finding = result.findings[0];
  EXPECT_EQ(finding.summary, "init has 30 processes, more than 10");
  EXPECT_EQ(finding.status, Status::confirmed);
  EXPECT_EQ(finding.subject.at(0).first, "netns");
  ASSERT_EQ(finding.evidence.size(), 3U);
  EXPECT_EQ(finding.evidence[1].what, "number");
  EXPECT_EQ(finding.evidence[1].source, "nsfs inode");
  EXPECT_EQ(finding.evidence[1].when, "now");
  EXPECT_EQ(finding.evidence[2].what, "parameter most");
  EXPECT_EQ(finding.evidence[2].value, facts::Value(std::int64_t{10}));
  EXPECT_EQ(finding.evidence[2].source, "default");
  EXPECT_EQ(finding.fix.at(0).text, "stop some in init");
  EXPECT_EQ(finding.fix.at(0).sysctl, "net.x");
}

TEST(Rule, JudgesWithoutWhatIsOnlyDescriptive) {
  const Rule strict = rule_of(kRule);
  const Rule lenient = rule_of(replaced("subject  =", "descriptive = [\"namespaces.inode\"]\nsubject  ="));
  facts::Facts facts;
  facts.rows<facts::Namespace>().push_back({facts.intern("blue"), 8, 2, 42, {}, false, false, true});
  facts.add_absence({"namespaces", "inode", "blue", "", ErrorCode::denied, "a test", ""});
  auto database = sql::Database::open(facts);
  EXPECT_EQ(run_rule(strict, facts, *database).outcome, Outcome::unknown);
  EXPECT_EQ(run_rule(lenient, facts, *database).outcome, Outcome::clear);
  facts.add_absence({"namespaces", "processes", "blue", "", ErrorCode::denied, "a test", ""});
  EXPECT_EQ(run_rule(lenient, facts, *database).outcome, Outcome::unknown);
}

TEST(Rule, WhatIsDescriptiveHasToBeRead) {
  const auto planned = plan(rule_of(replaced("subject  =", "descriptive = [\"namespaces.inod\"]\nsubject  =")));
  ASSERT_FALSE(planned);
  EXPECT_THAT(planned.error().message(), HasSubstr("did you mean 'namespaces.inode'?"));
}

TEST(RuleErrors, NameThePlaceAndTheNearest) {
  const std::string at = "rules/kernel/crowded.toml:";
  EXPECT_EQ(error_of(replaced("summary", "sumary")), at + "8: unknown key 'sumary' (did you mean 'summary'?)");
  EXPECT_EQ(error_of(replaced("false_alarms", "false_alarm")),
            at + "14: unknown key 'doc.false_alarm' (did you mean 'false_alarms'?)");
  EXPECT_EQ(error_of(replaced("unit =", "units =")), at + "10: unknown key 'params.most.units' (did you mean 'unit'?)");
  EXPECT_EQ(error_of(replaced("command =", "comand =")),
            at + "13: unknown key 'doc.fix.comand' (did you mean 'command'?)");
  EXPECT_EQ(error_of(replaced("\"warning\"", "\"bad\"")), at + "4: severity 'bad' is none of info, warning, critical");
  EXPECT_EQ(error_of(replaced("\"state\"", "\"states\"")), at + "5: claim 'states' is none of state, live, likely");
  EXPECT_EQ(error_of(replaced("[\"netns\"]", "\"netns\"")), at + "7: 'subject' has to be a list of texts");
  EXPECT_EQ(error_of(replaced("\"slow\"", "3")), at + "12: 'doc.why' has to be a text");
  EXPECT_THAT(error_of(replaced("\"slow\"", "\"slow")), HasSubstr(at + "12: "));
}

TEST(RuleErrors, MissingKeysAreNamed) {
  for (const std::string key : {"id", "title", "severity", "claim", "query", "subject", "summary"}) {
    std::string text(kRule);
    const std::size_t start = text.find("\n" + key + " ") + 1;
    ASSERT_NE(start, 0U) << key;
    text.erase(start, text.find('\n', start) + 1 - start);
    EXPECT_EQ(error_of(text), "rules/kernel/crowded.toml: key '" + key + "' is missing");
  }
  EXPECT_THAT(error_of(replaced("default = 10, ", "")), HasSubstr(":10: key 'params.most.default' is missing"));
}

TEST(RuleErrors, IdsHaveAKnownAreaAndBelongToTheirFile) {
  EXPECT_THAT(error_of(replaced("kernel.crowded", "kernal.crowded")),
              HasSubstr("unknown area 'kernal' (did you mean 'kernel'?)"));
  EXPECT_THAT(error_of(replaced("kernel.crowded", "kernel.Crowded")), HasSubstr("write area.fault"));
  EXPECT_THAT(error_of(replaced("kernel.crowded", "crowded")), HasSubstr("write area.fault"));
  EXPECT_THAT(error_of(kRule, "rules/kernel/other.toml"),
              HasSubstr("id 'kernel.crowded' belongs in the file kernel/crowded.toml"));
  EXPECT_EQ(error_of(kRule, "/etc/hostcheck/rules.d/kernel.crowded.toml"), "no error");
}

TEST(RuleErrors, CriticalNeedsLiveEvidence) {
  EXPECT_THAT(error_of(replaced("\"warning\"", "\"critical\"")), HasSubstr("severity critical needs claim = \"live\""));
}

TEST(RulePlan, NamesFileLineAndNearest) {
  Rule rule = rule_of(kRule);
  auto database = sql::Database::open();
  ASSERT_TRUE(plan(rule, *database));
  rule.subject = {"netnss"};
  EXPECT_EQ(plan(rule, *database).error().message(),
            "rules/kernel/crowded.toml:6: subject 'netnss' is no column of the query's answer (did you mean 'netns'?)");
  rule = rule_of(replaced("FROM namespaces", "FROM namespace"));
  EXPECT_EQ(plan(rule, *database).error().message(),
            "rules/kernel/crowded.toml:6: query: no such table: namespace (did you mean 'namespaces'?)");
}

TEST(RulePlan, CountsWhatClearReads) {
  Rule rule = rule_of(kRule);
  rule.clear_query = "SELECT count(*) AS n FROM links";
  EXPECT_TRUE(plan(rule)->contains("links"));
}

TEST(Parameters, KeepTheTypeOfTheirDefault) {
  Rule rule = rule_of(kRule);
  ASSERT_TRUE(set_parameter(rule, "most", "40"));
  EXPECT_EQ(rule.params[0].value, facts::Value(std::int64_t{40}));
  EXPECT_THAT(set_parameter(rule, "mots", "1").error().message(),
              HasSubstr("no such parameter (did you mean 'most'?)"));
  EXPECT_THAT(set_parameter(rule, "most", "4.5").error().message(), HasSubstr("'4.5' is not a whole number"));
  EXPECT_THAT(set_parameter(rule, "most", "many").error().message(), HasSubstr("'many' is not a whole number"));
  const facts::Facts facts = two_namespaces();
  auto database = sql::Database::open(facts);
  EXPECT_EQ(run_rule(rule, facts, *database).outcome, Outcome::clear);
}

}  // namespace
}  // namespace hostcheck::checks
