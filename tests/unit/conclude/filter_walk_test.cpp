// One packet through rules: what is certain, and what is said to be unknown.
#include "core/conclude/filter_walk.h"

#include <gtest/gtest.h>

#include "core/facts/netfilter.h"

namespace hostcheck::conclude {
namespace {

struct RuleText {
  std::string_view verdict;
  std::string_view dport;
  std::string_view dst;
  bool plain = true;
  std::string_view target = "";
};

struct Bench {
  facts::Facts facts;
  FilterPacket packet{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("192.0.2.7"), "tcp", 443, {}, "eth0"};

  Bench() { (void)facts.rows<facts::NetfilterRule>(); }
  void chain(std::string_view name, std::string_view hook, int priority, std::string_view policy,
             std::string_view family = "inet") {
    facts::NetfilterChain row;
    row.netns = facts.intern("ns");
    row.backend = facts.intern("nft");
    row.family = facts.intern(family);
    row.table_name = facts.intern("t");
    row.chain = facts.intern(name);
    row.hook = facts.intern(hook);
    row.priority = priority;
    row.policy = facts.intern(policy);
    facts.rows<facts::NetfilterChain>().push_back(row);
  }
  facts::NetfilterRule& rule(std::string_view chain, const RuleText& text, std::string_view family = "inet") {
    auto& rows = facts.rows<facts::NetfilterRule>();
    facts::NetfilterRule row;
    row.netns = facts.intern("ns");
    row.backend = facts.intern("nft");
    row.family = facts.intern(family);
    row.table_name = facts.intern("t");
    row.chain = facts.intern(chain);
    row.position = static_cast<std::uint32_t>(rows.size() + 1);
    row.verdict = facts.intern(text.verdict);
    row.dport = text.dport;
    row.dst = text.dst;
    row.plain = text.plain;
    row.target = facts.intern(text.target);
    row.text = "rule " + std::to_string(row.position);
    rows.push_back(row);
    return rows.back();
  }
  FilterVerdict walk(std::string_view hook = "output") { return walk_filter(facts, "ns", hook, packet); }
};

TEST(FilterWalk, NoChainLetsItPass) {
  Bench bench;
  (void)bench.facts.rows<facts::NetfilterChain>();
  const FilterVerdict verdict = bench.walk();
  EXPECT_EQ(verdict.passage, Passage::passes);
  EXPECT_EQ(verdict.chains, 0U);
}

TEST(FilterWalk, RulesThatCannotBeReadLeaveItUnknown) {
  Bench bench;
  bench.facts.add_absence({"netfilter_rules", {}, "ns", {}, ErrorCode::denied, "not permitted", {}});
  EXPECT_EQ(bench.walk().passage, Passage::unknown);
  facts::Facts nothing;
  EXPECT_EQ(walk_filter(nothing, "ns", "output", bench.packet).passage, Passage::unknown);
}

TEST(FilterWalk, TheFirstRuleThatMatchesDecides) {
  Bench bench;
  bench.chain("out", "output", 0, "accept");
  bench.rule("out", {"drop", "80", ""});
  bench.rule("out", {"drop", "", "198.51.100.0/24"});
  bench.rule("out", {"reject", "400-500", "192.0.2.0/24"});
  bench.rule("out", {"accept", "", ""});
  const FilterVerdict verdict = bench.walk();
  EXPECT_EQ(verdict.passage, Passage::rejects);
  EXPECT_EQ(verdict.rule, "rule 3");
  EXPECT_EQ(verdict.where, "nft inet t out");
}

TEST(FilterWalk, ThePolicyDecidesWhereNoRuleDoes) {
  Bench bench;
  bench.chain("out", "output", 0, "drop");
  bench.rule("out", {"accept", "80", ""});
  EXPECT_EQ(bench.walk().passage, Passage::drops);
  EXPECT_EQ(bench.walk().rule, "policy drop");
  bench.rule("out", {"accept", "443", ""});
  EXPECT_EQ(bench.walk().passage, Passage::passes);
}

TEST(FilterWalk, ARuleThatCannotBeDecidedCountsOnlyWhereItWouldChangeTheVerdict) {
  {
    Bench bench;
    bench.chain("out", "output", 0, "accept");
    bench.rule("out", {"accept", "443", "", false});
    EXPECT_EQ(bench.walk().passage, Passage::passes);
    bench.rule("out", {"drop", "", ""});
    EXPECT_EQ(bench.walk().passage, Passage::unknown);
    EXPECT_EQ(bench.walk().rule, "rule 1");
  }
  Bench bench;
  bench.chain("out", "output", 0, "accept");
  bench.rule("out", {"drop", "443", "", false});
  EXPECT_EQ(bench.walk().passage, Passage::unknown);
  bench.rule("out", {"drop", "443", ""});
  EXPECT_EQ(bench.walk().passage, Passage::drops);
}

TEST(FilterWalk, WhatTheColumnsExcludeIsExcludedEvenWhenTheRestIsNotKnown) {
  Bench bench;
  bench.chain("out", "output", 0, "accept");
  bench.rule("out", {"drop", "22", "", false});
  bench.rule("out", {"drop", "", ""}).ct_state = "established,related";
  bench.rule("out", {"drop", "", ""}).oif = "eth1,wg*";
  bench.rule("out", {"drop", "", ""}).protocol = bench.facts.intern("udp,icmp");
  bench.rule("out", {"drop", "", ""}).iif = "eth0";
  bench.rule("out", {"drop", "", "2001:db8::/32"});
  EXPECT_EQ(bench.walk().passage, Passage::passes);
  bench.rule("out", {"drop", "", ""}).oif = "eth*";
  EXPECT_EQ(bench.walk().passage, Passage::drops);
}

TEST(FilterWalk, JumpsComeBackAndGotosDoNot) {
  Bench bench;
  bench.chain("out", "output", 0, "accept");
  bench.rule("out", {"jump", "", "", true, "sub"});
  bench.rule("out", {"drop", "", ""});
  bench.rule("sub", {"return", "443", ""});
  bench.rule("sub", {"accept", "", ""});
  EXPECT_EQ(bench.walk().passage, Passage::drops);

  Bench gone;
  gone.chain("out", "output", 0, "accept");
  gone.rule("out", {"goto", "", "", true, "sub"});
  gone.rule("out", {"drop", "", ""});
  gone.rule("sub", {"drop", "80", ""});
  EXPECT_EQ(gone.walk().passage, Passage::passes);
}

TEST(FilterWalk, AJumpThatIsNotSureMakesNothingSure) {
  Bench bench;
  bench.chain("out", "output", 0, "accept");
  bench.rule("out", {"jump", "", "", false, "sub"});
  bench.rule("sub", {"drop", "", ""});
  EXPECT_EQ(bench.walk().passage, Passage::unknown);
}

TEST(FilterWalk, AJumpInACircleEnds) {
  Bench bench;
  bench.chain("out", "output", 0, "accept");
  bench.rule("out", {"jump", "", "", true, "a"});
  bench.rule("a", {"jump", "", "", true, "b"});
  bench.rule("b", {"jump", "", "", true, "a"});
  EXPECT_EQ(bench.walk().passage, Passage::unknown);
}

TEST(FilterWalk, ChainsAreTriedByPriorityAndOfTheFamilyAlone) {
  Bench bench;
  bench.chain("late", "output", 10, "accept");
  bench.chain("early", "output", -10, "accept");
  bench.chain("six", "output", -20, "drop", "ip6");
  bench.chain("in", "input", 0, "drop");
  bench.rule("late", {"reject", "443", ""});
  bench.rule("early", {"drop", "443", ""});
  EXPECT_EQ(bench.walk().passage, Passage::drops);
  EXPECT_EQ(bench.walk().where, "nft inet t early");
  EXPECT_EQ(bench.walk("postrouting").passage, Passage::passes);
}

TEST(FilterWalk, AVerdictOfAnotherKindIsUnknownAndTranslationIsTold) {
  Bench bench;
  bench.chain("out", "output", 0, "accept");
  bench.rule("out", {"queue", "443", ""});
  EXPECT_EQ(bench.walk().passage, Passage::unknown);

  Bench nat;
  nat.chain("post", "postrouting", 100, "accept");
  nat.rule("post", {"masquerade", "", ""});
  EXPECT_EQ(nat.walk("postrouting").passage, Passage::passes);
  EXPECT_EQ(nat.walk("postrouting").rewrite, "rule 1");
}

}  // namespace
}  // namespace hostcheck::conclude
