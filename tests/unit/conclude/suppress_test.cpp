#include "core/conclude/suppress.h"

#include <gtest/gtest.h>

#include "core/conclude/conclude.h"

namespace hostcheck::conclude {
namespace {

using std::chrono::sys_days;
using namespace std::chrono_literals;

constexpr sys_days kToday = 2026y / 11 / 22;

checks::Finding finding(const std::string& id, const std::string& interface) {
  checks::Finding made;
  made.id = id;
  made.severity = checks::Severity::critical;
  made.status = checks::Status::confirmed;
  made.subject = {{"netns", std::string("init")}, {"ifname", interface}, {"port", std::int64_t{443}}};
  return made;
}

Suppression suppression(const std::string& id, const std::string& subject = {}) {
  return {id, subject, "known", std::nullopt, "hostcheck.toml:3"};
}

TEST(Suppress, MatchesByIdAndByAnyPartOfTheSubject) {
  const auto it = finding("nic.link_flaps", "eth1");
  EXPECT_TRUE(matches(suppression("nic.link_flaps"), it));
  EXPECT_TRUE(matches(suppression("nic.*"), it));
  EXPECT_TRUE(matches(suppression("nic.*", "eth1"), it));
  EXPECT_TRUE(matches(suppression("nic.*", "eth*"), it));
  EXPECT_TRUE(matches(suppression("nic.*", "443"), it));
  EXPECT_TRUE(matches(suppression("nic.*", "netns=init ifname=eth1 port=443"), it));
  EXPECT_FALSE(matches(suppression("nic.*", "eth2"), it));
  EXPECT_FALSE(matches(suppression("nic.*", "ifname=eth1"), it));
  EXPECT_FALSE(matches(suppression("tcp.*", "eth1"), it));
}

TEST(Suppress, SetsAsideAndCountsForNothing) {
  Report report;
  report.findings = {finding("nic.link_flaps", "eth0"), finding("nic.link_flaps", "eth1")};
  const std::vector<Suppression> all = {suppression("nic.*", "eth1")};
  suppress(report, all, kToday);
  ASSERT_EQ(report.findings.size(), 1U);
  ASSERT_EQ(report.suppressed.size(), 1U);
  EXPECT_EQ(std::get<std::string>(report.suppressed[0].finding.subject[1].second), "eth1");
  EXPECT_EQ(report.suppressed[0].by.reason, "known");
  report.findings.clear();
  checks::CheckResult clear;
  clear.id = "nic.link_flaps";
  clear.outcome = checks::Outcome::finding;
  report.checks = {clear};
  judge(report, facts::Facts{}, facts::Request{});
  EXPECT_EQ(report.verdict, Verdict::ok);
}

TEST(Suppress, EndsAfterItsLastDay) {
  Suppression until = suppression("nic.*");
  until.until = kToday;
  EXPECT_FALSE(is_over(until, kToday));
  EXPECT_TRUE(is_over(until, kToday + std::chrono::days(1)));
  Report report;
  report.findings = {finding("nic.link_flaps", "eth0")};
  suppress(report, std::vector<Suppression>{until}, kToday + std::chrono::days(1));
  EXPECT_EQ(report.findings.size(), 1U);
  suppress(report, std::vector<Suppression>{until}, kToday);
  EXPECT_TRUE(report.findings.empty());
}

}  // namespace
}  // namespace hostcheck::conclude
