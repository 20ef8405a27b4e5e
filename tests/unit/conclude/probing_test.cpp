// Asks of findings and targets, whom they may reach, and what their answers make of a run. Nothing is sent.
#include "core/conclude/probing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/conclude/permission.h"
#include "core/conclude/policy_walk.h"
#include "core/conclude/target_plan.h"
#include "core/facts/link.h"
#include "core/facts/probe.h"
#include "core/facts/resolver.h"
#include "core/facts/route.h"

namespace hostcheck::conclude {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

facts::Facts surroundings() {
  facts::Facts facts;
  facts::Route route;
  route.netns = facts.intern("ns");
  route.gateway = address("10.0.0.1");
  facts.rows<facts::Route>().push_back(route);
  facts::InterfaceAddress own;
  own.netns = facts.intern("ns");
  own.address = address("10.0.0.5");
  facts.rows<facts::InterfaceAddress>().push_back(own);
  facts::Resolver resolver;
  resolver.netns = facts.intern("ns");
  resolver.server = address("10.0.9.9");
  facts.rows<facts::Resolver>().push_back(resolver);
  return facts;
}

Permission permission() {
  return Permission([](const facts::Request&) { return surroundings(); });
}

probe::Ask ask(std::string kind, std::string target, std::map<std::string, std::string> args = {},
               std::string netns = "ns") {
  return {std::move(kind), std::move(target), std::move(netns), std::move(args), {"a.check"}};
}

TEST(Permission, NextHopsOwnAddressesResolversAndNamedTargetsMayBeProbed) {
  Permission allowed = permission();
  allowed.allow("db.example");
  allowed.allow("192.0.2.7");
  for (const char* target :
       {"10.0.0.1", "10.0.0.5:80", "10.0.9.9", "127.0.0.1:80", "[::1]:80", "db.example:5432", "192.0.2.7:443"}) {
    EXPECT_FALSE(allowed.refusal(ask("connect", target))) << target;
  }
}

TEST(Permission, NothingElseMay) {
  Permission allowed = permission();
  allowed.allow("192.0.2.7");
  for (const char* target : {"192.0.2.8:443", "10.0.0.2", "255.255.255.255", "224.0.0.1", "ff02::1", "other.example:80",
                             "[2001:db8::1]:80", ""}) {
    EXPECT_TRUE(allowed.refusal(ask("connect", target))) << target;
  }
  EXPECT_THAT(*allowed.refusal(ask("connect", "192.0.2.8:443")), HasSubstr("--target 192.0.2.8:443"));
}

TEST(Permission, ANextHopOfAnotherNamespaceIsNone) {
  Permission allowed = permission();
  EXPECT_TRUE(allowed.refusal(ask("gateway", "10.0.0.1", {}, "other")));
}

TEST(Permission, AddressesInArgumentsAreJudgedToo) {
  Permission allowed = permission();
  EXPECT_FALSE(allowed.refusal(ask("gateway", "10.0.0.1", {{"dev", "eth0"}})));
  EXPECT_TRUE(allowed.refusal(ask("gateway", "10.0.0.1", {{"through", "192.0.2.8"}})));
  EXPECT_FALSE(allowed.refusal(ask("gateway", "all")));
  EXPECT_FALSE(allowed.refusal(ask("dns", "any.example", {{"address", "192.0.2.8"}})));
  EXPECT_FALSE(allowed.refusal(ask("dns", "any.example", {{"server", "10.0.9.9"}})));
  EXPECT_TRUE(allowed.refusal(ask("dns", "any.example", {{"server", "10.0.9.9,192.0.2.53:53"}})));
}

std::vector<std::string> names(const std::vector<probe::Ask>& asks) {
  std::vector<std::string> out;
  for (const probe::Ask& each : asks) out.push_back(each.kind + " " + each.target);
  return out;
}

NamedTarget target(std::string_view text) {
  return {std::string(text), *probe::parse_target(text)};
}

TEST(Permission, DataOfAnApplicationIsNeverSentForACheck) {
  Permission allowed = permission();
  EXPECT_FALSE(allowed.refusal(ask("listener", "127.0.0.1:80", {{"connects", "1"}})));
  EXPECT_TRUE(allowed.refusal(ask("listener", "127.0.0.1:80", {{"send", "GET /"}})));
}

TEST(TargetPlan, EachAskIsGivenOnceAndAnAddressWithoutAWayGetsNone) {
  const facts::Facts nothing;
  TargetPlan plan({target("192.0.2.7:443"), target("192.0.2.8:443")}, ProbeMode::modest, "ns",
                  [](const IpAddress& to) { return to.to_string() == "192.0.2.7" ? Way::onward : Way::none; });
  EXPECT_THAT(names(plan.next(nothing)),
              ElementsAre("connect 192.0.2.7:443", "gateway 192.0.2.7", "connect 192.0.2.8:443"));
  EXPECT_THAT(plan.next(nothing), IsEmpty());
}

TEST(TargetPlan, OwnAddressesListenersAreAskedAndNothingIsSentWhenOff) {
  const facts::Facts nothing;
  const auto local = [](const IpAddress&) { return Way::local; };
  TargetPlan plan({target("[2001:db8::5]:443")}, ProbeMode::automatic, "ns", local);
  EXPECT_THAT(names(plan.next(nothing)), ElementsAre("connect [2001:db8::5]:443", "listener [2001:db8::5]:443"));
  TargetPlan off({target("192.0.2.7:443")}, ProbeMode::off, "ns", local);
  EXPECT_THAT(off.next(nothing), IsEmpty());
}

TEST(TargetPlan, ANameWithoutAPortIsAskedOfTheNameServers) {
  const facts::Facts nothing;
  TargetPlan plan({target("db.example")}, ProbeMode::modest, "ns", [](const IpAddress&) { return Way::onward; });
  EXPECT_THAT(names(plan.next(nothing)), ElementsAre("dns db.example"));
}

TEST(TargetPlan, ANameInTheHostsFileNeedsNoNameServer) {
  const facts::Facts nothing;
  const auto hosts = [](const std::string& name) {
    return name == "db.example" ? std::vector{address("192.0.2.7"), address("2001:db8::7")} : std::vector<IpAddress>{};
  };
  const auto onward = [](const IpAddress&) { return Way::onward; };
  TargetPlan plan({target("db.example"), target("web.example")}, ProbeMode::modest, "ns", onward, hosts);
  EXPECT_THAT(names(plan.next(nothing)), ElementsAre("gateway 192.0.2.7", "gateway 2001:db8::7", "dns web.example"));
  TargetPlan off({target("db.example:443")}, ProbeMode::off, "ns", onward, hosts);
  EXPECT_THAT(off.addresses_of(off.targets().front(), nothing),
              ElementsAre(address("192.0.2.7"), address("2001:db8::7")));
}

facts::PolicyRule policy(facts::Facts& facts, std::uint32_t priority, std::uint32_t table) {
  facts::PolicyRule rule;
  rule.netns = facts.intern("ns");
  rule.family = Family::ipv4;
  rule.priority = priority;
  rule.action = 1;  // FR_ACT_TO_TBL
  rule.table_id = table;
  return rule;
}

TEST(PolicyWalk, TheFirstRuleThatMatchesAndLeadsToTheTableChoseIt) {
  facts::Facts facts;
  auto& rules = facts.rows<facts::PolicyRule>();
  rules.push_back(policy(facts, 0, 255));
  rules.push_back(policy(facts, 32766, 254));
  rules.push_back(policy(facts, 100, 200));
  rules.back().src = address("10.0.0.5");
  rules.back().src_length = 32;
  rules.push_back(policy(facts, 200, 200));
  rules.back().fwmark = 7;
  rules.back().fwmask = 0xff;
  RoutedPacket packet;
  packet.dst = address("192.0.2.7");
  EXPECT_EQ(rule_to_table(facts, "ns", packet, 254, 0).priority, 32766U);
  EXPECT_FALSE(rule_to_table(facts, "ns", packet, 200, 0).priority) << "no source is chosen yet";
  packet.mark = 0x107;
  EXPECT_EQ(rule_to_table(facts, "ns", packet, 200, 0).priority, 200U);
  packet.src = address("10.0.0.5");
  EXPECT_EQ(rule_to_table(facts, "ns", packet, 200, 0).priority, 100U);
  EXPECT_EQ(rule_to_table(facts, "ns", packet, 200, 0).rule, "100: from 10.0.0.5/32 lookup 200");
  EXPECT_FALSE(rule_to_table(facts, "other", packet, 200, 0).priority);
}

TEST(PolicyWalk, InvertedSuppressedAndDetachedRulesAndGotos) {
  facts::Facts facts;
  auto& rules = facts.rows<facts::PolicyRule>();
  rules.push_back(policy(facts, 10, 254));
  rules.back().suppress_prefixlength = 0;
  rules.push_back(policy(facts, 20, 51820));
  rules.back().invert = true;
  rules.back().fwmark = 51820;
  rules.push_back(policy(facts, 30, 254));
  rules.back().detached = true;
  rules.push_back(policy(facts, 32766, 254));
  RoutedPacket packet;
  packet.dst = address("192.0.2.7");
  EXPECT_EQ(rule_to_table(facts, "ns", packet, 254, 24).priority, 10U);
  EXPECT_EQ(rule_to_table(facts, "ns", packet, 254, 0).priority, 32766U) << "a default route is passed over at 10";
  EXPECT_EQ(rule_to_table(facts, "ns", packet, 51820, 0).priority, 20U);
  packet.mark = 51820;
  EXPECT_FALSE(rule_to_table(facts, "ns", packet, 51820, 0).priority);
}

TEST(PolicyWalk, ARefusalIsTheRulesOrTheRoutesOrNobodys) {
  facts::Facts facts;
  facts.rows<facts::PolicyRule>().push_back(policy(facts, 32766, 254));
  auto& routes = facts.rows<facts::Route>();
  RoutedPacket packet;
  packet.dst = address("192.0.2.7");
  EXPECT_EQ(refusing_rule(facts, "ns", packet).refusal, "");
  facts::Route route;
  route.netns = facts.intern("ns");
  route.family = Family::ipv4;
  route.table_id = 254;
  route.dst = address("192.0.2.0");
  route.dst_length = 24;
  route.type = 6;  // RTN_BLACKHOLE
  routes.push_back(route);
  const PolicyChoice by_route = refusing_rule(facts, "ns", packet);
  EXPECT_EQ(by_route.refusal, "blackhole");
  EXPECT_EQ(by_route.route, "blackhole 192.0.2.0/24");
  EXPECT_EQ(by_route.priority, 32766U);
  facts::PolicyRule rule = policy(facts, 50, 0);
  rule.action = 8;  // FR_ACT_PROHIBIT
  facts.rows<facts::PolicyRule>().push_back(rule);
  const PolicyChoice by_rule = refusing_rule(facts, "ns", packet);
  EXPECT_EQ(by_rule.refusal, "prohibit");
  EXPECT_EQ(by_rule.route, "");
  EXPECT_EQ(by_rule.priority, 50U);
}

// A rule that suspects each next hop, and its findings' asks.
struct FakeRun {
  checks::Rule rule;
  facts::Facts facts;
  gather::Options namespaces;
  std::vector<std::string> sent;
  std::string outcome = "silent";
  std::string error;

  FakeRun() {
    rule.id = "route.suspect";
    rule.claim = checks::Claim::likely;
    rule.query = "SELECT netns, target FROM path_hops";
    rule.subject = {"netns"};
    rule.confirm = checks::Confirm{};
    rule.confirm->probe = "gateway";
    rule.confirm->target = "{target}";
    rule.confirm->confirms = "SELECT 1 AS yes FROM probe_results WHERE probe = :probe AND outcome = 'silent'";
    rule.confirm->refutes = "SELECT 1 AS yes FROM probe_results WHERE probe = :probe AND outcome = 'answers'";
  }

  checks::CheckResult suspect(const std::vector<std::string>& targets) {
    checks::CheckResult result;
    result.id = rule.id;
    result.outcome = checks::Outcome::finding;
    for (const std::string& each : targets) {
      checks::Finding finding;
      finding.id = rule.id;
      finding.status = checks::Status::suspected;
      finding.doubt = checks::Doubt{"gateway", each, "ns", {}, {{"netns", std::string("ns")}}};
      result.findings.push_back(std::move(finding));
    }
    return result;
  }

  std::vector<checks::Finding> run(const std::vector<std::string>& targets, ProbeMode mode = ProbeMode::automatic,
                                   std::chrono::milliseconds left = std::chrono::milliseconds(5000)) {
    auto database = sql::Database::open(facts);
    ProbeOptions options;
    options.mode = mode;
    options.deadline = std::chrono::steady_clock::now() + left;
    std::vector<checks::CheckResult> results = {suspect(targets)};
    const auto send = [&](std::span<const probe::Ask> asks, facts::Facts& out) {
      for (const probe::Ask& each : asks) {
        sent.push_back(each.target);
        facts::ProbeResult row;
        row.id = static_cast<std::uint32_t>(sent.size());
        row.netns = out.intern(each.netns);
        row.kind = out.intern(each.kind);
        row.target = each.target;
        row.outcome = out.intern(outcome);
        row.words = "its words";
        row.error = error;
        out.rows<facts::ProbeResult>().push_back(row);
      }
    };
    Probing(std::move(options), std::span(&rule, 1), namespaces, facts, *database, send).run(results);
    return results.front().findings;
  }
};

TEST(Probing, AnswersDecideEachFindingAndAnAskIsSentOnce) {
  FakeRun run;
  const auto findings = run.run({"127.0.0.1", "127.0.0.2"});
  EXPECT_THAT(run.sent, ElementsAre("127.0.0.1", "127.0.0.2"));
  for (const auto& each : findings) EXPECT_EQ(each.status, checks::Status::confirmed);
  FakeRun opposite;
  opposite.outcome = "answers";
  EXPECT_EQ(opposite.run({"127.0.0.1"}).front().status, checks::Status::refuted);
  FakeRun neither;
  neither.outcome = "unclear";
  EXPECT_EQ(neither.run({"127.0.0.1"}).front().status, checks::Status::inconclusive);
}

TEST(Probing, WhatCouldNotBeRunLeavesTheSuspicionAndTheTableAbsent) {
  FakeRun run;
  run.error = "socket: Operation not permitted";
  const auto findings = run.run({"127.0.0.1"});
  EXPECT_EQ(findings.front().status, checks::Status::suspected);
  EXPECT_THAT(findings.front().because, HasSubstr("Operation not permitted"));
  ASSERT_FALSE(run.facts.absences().empty());
  EXPECT_EQ(run.facts.absences().front().table, "probe_gateway");
  EXPECT_EQ(run.facts.absences().front().code, ErrorCode::denied);
}

TEST(Probing, NothingIsSentWhenOffWhenForbiddenAndWithoutTime) {
  FakeRun off;
  EXPECT_EQ(off.run({"127.0.0.1"}, ProbeMode::off).front().because, "no probe was sent: --probe off");
  FakeRun foreign;
  EXPECT_THAT(foreign.run({"198.51.100.1"}).front().because, HasSubstr("no next hop, address or resolver"));
  FakeRun late;
  EXPECT_EQ(late.run({"127.0.0.1"}, ProbeMode::automatic, std::chrono::milliseconds(0)).front().because,
            "no probe was sent: --budget was used up");
  for (const FakeRun* each : {&off, &foreign, &late}) EXPECT_THAT(each->sent, IsEmpty());
}

// A plugin's check, which has requests and no rule.
struct FakePlugin : FakeRun {
  std::vector<std::string> answered;
  ProbeMode mode = ProbeMode::automatic;

  checks::CheckResult ask_for(const std::vector<std::string>& targets) {
    checks::CheckResult result;
    result.id = "route.of_a_plugin";
    result.outcome = checks::Outcome::finding;
    checks::Finding& finding = result.findings.emplace_back();
    finding.id = result.id;
    finding.status = checks::Status::suspected;
    for (const std::string& each : targets)
      result.probes.push_back({"gateway", each, "ns", {{"through", std::string("127.0.0.9")}}});
    auto database = sql::Database::open(facts);
    ProbeOptions options;
    options.mode = mode;
    options.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    options.answered = [this](std::span<const probe::Ask> asks, std::vector<checks::CheckResult>& results) {
      for (const probe::Ask& each : asks) answered.push_back(each.target + " " + facts::probe_arguments(each.args));
      results.front().findings.front().status = checks::Status::confirmed;
      results.front().findings.front().because.clear();
    };
    std::vector<checks::CheckResult> results = {std::move(result)};
    const auto send = [&](std::span<const probe::Ask> asks, facts::Facts&) {
      for (const probe::Ask& each : asks) sent.push_back(each.target + " for " + each.asked_by.front());
    };
    Probing(std::move(options), {}, namespaces, facts, *database, send).run(results);
    return results.front();
  }
};

TEST(Probing, WhatAPluginAsksForIsSentOnceAndGivenBack) {
  FakePlugin plugin;
  const auto result = plugin.ask_for({"127.0.0.1", "127.0.0.1", "127.0.0.2"});
  EXPECT_THAT(plugin.sent, ElementsAre("127.0.0.1 for route.of_a_plugin", "127.0.0.1 for route.of_a_plugin",
                                       "127.0.0.2 for route.of_a_plugin"));
  EXPECT_THAT(plugin.answered, ::testing::Contains("127.0.0.2 through=127.0.0.9"));
  EXPECT_EQ(result.findings.front().status, checks::Status::confirmed);
}

TEST(Probing, WhatAPluginMayNotAskForStaysASuspicionWithTheReason) {
  FakePlugin foreign;
  EXPECT_THAT(foreign.ask_for({"198.51.100.1"}).findings.front().because,
              HasSubstr("no probe was sent: 198.51.100.1 is no next hop, address or resolver"));
  FakePlugin off;
  off.mode = ProbeMode::off;
  EXPECT_EQ(off.ask_for({"127.0.0.1"}).findings.front().because, "no probe was sent: --probe off");
  for (const FakePlugin* each : {&foreign, &off}) {
    EXPECT_THAT(each->sent, IsEmpty());
    EXPECT_THAT(each->answered, IsEmpty());
  }
}

TEST(Probing, ChecksCannotAskForMoreThanTheBound) {
  std::vector<std::string> many;
  for (std::size_t at = 0; at < Probing::kMostAsks + 10; ++at) {
    many.push_back("127.1." + std::to_string(at / 200) + "." + std::to_string(at % 200 + 1));
  }
  FakeRun run;
  const auto findings = run.run(many);
  EXPECT_EQ(run.sent.size(), Probing::kMostAsks);
  EXPECT_THAT(findings.back().because, HasSubstr("--probe full"));
  FakeRun full;
  (void)full.run(many, ProbeMode::full);
  EXPECT_EQ(full.sent.size(), many.size());
}

}  // namespace
}  // namespace hostcheck::conclude
