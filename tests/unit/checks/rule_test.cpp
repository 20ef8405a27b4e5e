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
  ASSERT_EQ(finding.evidence.size(), 2U);
  EXPECT_EQ(finding.evidence[1].what, "number");
  EXPECT_EQ(finding.evidence[1].source, "nsfs inode");
  EXPECT_EQ(finding.evidence[1].when, "now");
  EXPECT_EQ(finding.fix.at(0).text, "stop some in init");
  EXPECT_EQ(finding.fix.at(0).sysctl, "net.x");
}

TEST(Rule, UnknownKeysNameTheNearestAndThePlace) {
  EXPECT_EQ(error_of(replaced("summary", "sumary")),
            "rules/kernel/crowded.toml:8: unknown key 'sumary' (did you mean 'summary'?)");
  EXPECT_EQ(error_of(replaced("false_alarms", "false_alarm")),
            "rules/kernel/crowded.toml:14: unknown key 'doc.false_alarm' (did you mean 'false_alarms'?)");
}

}  // namespace
}  // namespace hostcheck::checks
