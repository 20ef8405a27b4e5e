#include "core/conclude/compare.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/conclude/separation.h"
#include "core/facts/link.h"
#include "core/facts/probe.h"
#include "core/facts/route.h"
#include "core/facts/sysctl.h"
#include "core/facts/table.h"

namespace hostcheck::conclude {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string base_of(std::string_view column) {
  for (const std::string_view ending : {"_delta", "_per_second"}) {
    if (column.ends_with(ending)) return std::string(column.substr(0, column.size() - ending.size()));
  }
  return std::string(column);
}

std::set<std::string> declared(const ComparedTable& table) {
  std::set<std::string> all;
  if (table.netns != "''") all.insert("netns");
  for (const auto& each : table.keys) all.insert(std::string(each));
  for (const auto& each : table.noise) all.insert(std::string(each));
  for (const auto& each : table.compared) all.insert(base_of(each.column));
  return all;
}

TEST(ComparedTables, EachTableOfFactsIsComparedOrLeftOutForAReason) {
  std::set<std::string> known;
  for (const auto& each : compared_tables()) EXPECT_TRUE(known.emplace(each.table).second) << each.table;
  for (const auto& each : left_out_tables()) {
    EXPECT_TRUE(known.emplace(each.table).second) << each.table;
    EXPECT_FALSE(each.because.empty());
  }
  for (const facts::TableInfo* table : facts::catalogue()) {
    if (facts::is_asked_table(table->name)) continue;
    EXPECT_EQ(known.erase(table->name), 1U) << table->name;
  }
  EXPECT_THAT(known, IsEmpty());
}

TEST(ComparedTables, EachColumnIsComparedOrNoise) {
  for (const auto& table : compared_tables()) {
    const facts::TableInfo* info = facts::find_table(table.table);
    ASSERT_NE(info, nullptr) << table.table;
    const auto all = declared(table);
    for (const auto& column : info->columns) {
      if (table.netns == "''" && column.name == "netns") continue;
      EXPECT_TRUE(all.contains(base_of(column.name))) << table.table << "." << column.name;
    }
    for (const auto& each : all) {
      const bool there = info->column(each) || info->column(each + "_delta");
      EXPECT_TRUE(there) << table.table << "." << each;
    }
    for (const auto& each : table.compared) EXPECT_TRUE(info->column(each.column)) << table.table << "." << each.column;
  }
}

TEST(ComparedTables, EachQueryCompiles) {
  facts::Facts facts;
  for (const auto& table : compared_tables()) {
    facts.put(std::make_unique<facts::ValueRows>(*facts::find_table(table.table)));
  }
  facts.put(std::make_unique<facts::ValueRows>(facts::Link::table()));
  ComparedHost a;
  a.label = "a";
  a.facts = &facts;
  a.namespaces = {"init"};
  ComparedHost b = a;
  b.label = "b";
  const std::vector<ComparedHost> hosts = {a, b};
  for (const auto& each : compare(hosts).incomparable) {
    EXPECT_EQ(each.reason, "nothing was watched") << each.table;  // no wrong SQL
  }
}

TEST(SysctlWeights, WhatCountsOrIsAStateIsNoise) {
  EXPECT_EQ(weight_of_sysctl("fs.file-nr"), std::nullopt);
  EXPECT_EQ(weight_of_sysctl("net.netfilter.nf_conntrack_count"), std::nullopt);
  EXPECT_EQ(weight_of_sysctl("net.ipv4.conf.*.rp_filter"), Weight::strong);
  EXPECT_EQ(weight_of_sysctl("net.ipv4.conf.*.log_martians"), Weight::weak);
  EXPECT_EQ(weight_of_sysctl("net.core.somaxconn"), Weight::strong);
  EXPECT_TRUE(follows_memory("net.ipv4.tcp_mem"));
  EXPECT_FALSE(follows_memory("net.ipv4.tcp_sack"));
}

// A host with an uplink and settings, each of its own.
class Comparing : public ::testing::Test {
 protected:
  facts::Facts& host(const std::string& label, const std::string& uplink = "eth0") {
    auto& facts = *facts_.emplace_back(std::make_unique<facts::Facts>());
    facts.observed = std::chrono::milliseconds(2000);
    ComparedHost& host = hosts_.emplace_back();
    host.label = label;
    host.facts = &facts;
    host.namespaces = {"init"};
    host.findings.emplace();
    add_link(facts, uplink);
    auto& route = facts.rows<facts::Route>().emplace_back();
    route.netns = facts.intern("init");
    route.family = Family::ipv4;
    route.dst = IpAddress::any(Family::ipv4);
    route.table_id = 254;
    route.table_name = facts.intern("main");
    route.type = 1;      // RTN_UNICAST
    route.protocol = 3;  // RTPROT_BOOT
    route.ifname = facts.intern(uplink);
    return facts;
  }
  static facts::Link& add_link(facts::Facts& facts, const std::string& name) {
    auto& link = facts.rows<facts::Link>().emplace_back();
    link.netns = facts.intern("init");
    link.ifname = facts.intern(name);
    link.mtu = 1500;
    return link;
  }
  static void add_sysctl(facts::Facts& facts, const std::string& name, const std::string& text,
                         const std::string& ifname = "") {
    auto& row = facts.rows<facts::Sysctl>().emplace_back();
    row.netns = facts.intern("init");
    row.name = name;
    row.text = text;
    row.ifname = facts.intern(ifname);
  }
  static void add_address(facts::Facts& facts, const char* address) {
    auto& row = facts.rows<facts::InterfaceAddress>().emplace_back();
    row.netns = facts.intern("init");
    row.family = Family::ipv4;
    row.ifname = facts.intern("eth0");
    row.address = *IpAddress::parse(address);
    row.prefix_length = 24;
  }
  [[nodiscard]] Comparison compared() const { return compare(hosts_); }
  static const Difference* find(const Comparison& comparison, std::string_view table, std::string_view column) {
    const auto found =
        std::find_if(comparison.differences.begin(), comparison.differences.end(),
                     [&](const Difference& each) { return each.table == table && each.column == column; });
    return found == comparison.differences.end() ? nullptr : &*found;
  }

  std::vector<std::unique_ptr<facts::Facts>> facts_;
  std::vector<ComparedHost> hosts_;
};

TEST_F(Comparing, EqualHostsDifferInNothing) {
  add_sysctl(host("a"), "net.core.somaxconn", "4096");
  add_sysctl(host("b"), "net.core.somaxconn", "4096");
  const auto comparison = compared();
  EXPECT_THAT(comparison.differences, IsEmpty());
  EXPECT_GT(comparison.equal, 0U);
}

TEST_F(Comparing, ASettingThatDiffersIsTold) {
  add_sysctl(host("a"), "net.core.somaxconn", "4096");
  add_sysctl(host("b"), "net.core.somaxconn", "128");
  const auto comparison = compared();
  ASSERT_THAT(comparison.differences, SizeIs(1));
  const Difference& difference = comparison.differences[0];
  EXPECT_EQ(difference.subject, "net.core.somaxconn");
  EXPECT_EQ(difference.weight, Weight::strong);
  EXPECT_EQ(difference.values[0].value, facts::Value(std::string("4096")));
  EXPECT_EQ(difference.values[1].value, facts::Value(std::string("128")));
}

TEST_F(Comparing, TheStrongComeFirst) {
  auto& a = host("a");
  auto& b = host("b");
  for (auto* facts : {&a, &b}) {
    add_sysctl(*facts, "fs.lease-break-time", facts == &a ? "45" : "46");
    add_sysctl(*facts, "net.ipv4.icmp_ratelimit", facts == &a ? "1000" : "1");
    add_sysctl(*facts, "net.ipv4.tcp_sack", facts == &a ? "1" : "0");
  }
  std::vector<std::string> order;
  for (const auto& each : compared().differences) order.push_back(each.subject);
  EXPECT_THAT(order, ElementsAre("net.ipv4.tcp_sack", "net.ipv4.icmp_ratelimit", "fs.lease-break-time"));
}

TEST_F(Comparing, CountersAndOwnAddressesAreNoise) {
  auto& a = host("a");
  auto& b = host("b");
  a.rows<facts::Link>()[0].rx_packets = facts::Counter(12345);
  a.rows<facts::Link>()[0].ifindex = 7;
  add_address(a, "10.0.0.1");
  add_address(b, "10.0.0.2");
  EXPECT_THAT(compared().differences, IsEmpty());
}

TEST_F(Comparing, WhatExistsOnOneHostOnlyHasNoValueOnTheOther) {
  add_sysctl(host("a"), "net.ipv4.tcp_new_thing", "1");
  add_sysctl(host("b"), "net.core.somaxconn", "128");
  const auto comparison = compared();
  ASSERT_THAT(comparison.differences, SizeIs(2));
  for (const auto& each : comparison.differences) {
    EXPECT_EQ(each.column, "");
    EXPECT_EQ(each.values[each.subject == "net.ipv4.tcp_new_thing" ? 1 : 0].kind, HostValue::Kind::not_there);
  }
}

TEST_F(Comparing, WhatCouldNotBeReadIsNoDifference) {
  add_sysctl(host("a"), "net.core.somaxconn", "4096");
  auto& b = host("b");
  add_sysctl(b, "net.core.somaxconn", "");
  b.add_absence({"sysctls", "value", "init", "net.core.somaxconn", ErrorCode::denied, "permission denied", "root"});
  const auto comparison = compared();
  EXPECT_THAT(comparison.differences, IsEmpty());
  const auto told = std::find_if(comparison.incomparable.begin(), comparison.incomparable.end(),
                                 [](const Incomparable& each) { return each.table == "sysctls"; });
  ASSERT_NE(told, comparison.incomparable.end());
  EXPECT_EQ(told->host, 1U);
  EXPECT_EQ(told->reason, "permission denied");
  EXPECT_EQ(told->example, "net.core.somaxconn");
}

TEST_F(Comparing, AMissingInterfaceIsToldOnceAndNotWithAllThatHangsOnIt) {
  auto& a = host("a");
  host("b");
  add_link(a, "tun7");
  add_sysctl(a, "net.ipv4.conf.tun7.rp_filter", "1", "tun7");
  add_sysctl(*facts_[1], "net.core.somaxconn", "128");
  add_sysctl(a, "net.core.somaxconn", "128");
  const auto comparison = compared();
  ASSERT_THAT(comparison.differences, SizeIs(1));
  EXPECT_EQ(comparison.differences[0].table, "links");
  EXPECT_THAT(comparison.differences[0].interfaces, ElementsAre("tun7"));
}

TEST_F(Comparing, TheSameOfSeveralInterfacesIsToldOnce) {
  for (const char* label : {"a", "b"}) {
    auto& facts = host(label);
    add_link(facts, "eth1");
    for (const char* name : {"eth0", "eth1", "all"}) {
      add_sysctl(facts, std::string("net.ipv4.conf.") + name + ".rp_filter", label[0] == 'a' ? "1" : "0", name);
    }
  }
  const auto comparison = compared();
  ASSERT_THAT(comparison.differences, SizeIs(1));
  EXPECT_EQ(comparison.differences[0].subject, "net.ipv4.conf.*.rp_filter");
  EXPECT_THAT(comparison.differences[0].interfaces, ::testing::UnorderedElementsAre("eth0", "eth1", "all"));
}

TEST_F(Comparing, UplinksOfOtherNamesAreComparedWithEachOther) {
  host("a", "eth0");
  host("b", "ens3").rows<facts::Link>()[0].mtu = 9000;
  const auto comparison = compared();
  ASSERT_THAT(comparison.differences, SizeIs(1));
  EXPECT_EQ(comparison.differences[0].column, "mtu");
  EXPECT_THAT(comparison.differences[0].interfaces, ElementsAre("uplink"));
  EXPECT_THAT(comparison.notes, Contains(HasSubstr("eth0 of a and ens3 of b")));
}

TEST_F(Comparing, NextHopsDifferOnlyInASharedSubnet) {
  auto& a = host("a");
  auto& b = host("b");
  add_address(a, "10.0.0.11");
  add_address(b, "10.0.1.12");
  a.rows<facts::Route>()[0].gateway = *IpAddress::parse("10.0.0.1");
  b.rows<facts::Route>()[0].gateway = *IpAddress::parse("10.0.1.1");
  EXPECT_EQ(find(compared(), "routes", "gateway"), nullptr);
  b.rows<facts::InterfaceAddress>()[0].address = *IpAddress::parse("10.0.0.12");
  b.rows<facts::Route>()[0].gateway = *IpAddress::parse("10.0.0.2");
  EXPECT_NE(find(compared(), "routes", "gateway"), nullptr);
}

TEST_F(Comparing, ACounterOfDropsMattersWhenItMovesOnOneHostOnly) {
  auto& a = host("a").rows<facts::Link>()[0];
  auto& b = host("b").rows<facts::Link>()[0];
  a.tx_dropped.delta = 17;
  b.tx_dropped.delta = 0;
  auto comparison = compared();
  const Difference* found = find(comparison, "links", "tx_dropped_delta");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->values[0].value, facts::Value(std::int64_t{17}));
  b.tx_dropped.delta = 3;  // both
  comparison = compared();
  EXPECT_EQ(find(comparison, "links", "tx_dropped_delta"), nullptr);
  facts_[1]->observed = std::chrono::milliseconds(0);
  b.tx_dropped.delta.reset();
  comparison = compared();
  EXPECT_EQ(find(comparison, "links", "tx_dropped_delta"), nullptr);
  EXPECT_TRUE(std::any_of(comparison.incomparable.begin(), comparison.incomparable.end(), [](const auto& each) {
    return each.column == "tx_dropped_delta" && each.host == 1 && each.reason == "nothing was watched";
  }));
}

TEST_F(Comparing, SizesThatFollowMemoryMayBeATenthApart) {
  add_sysctl(host("a"), "net.ipv4.tcp_mem", "190000\t253000\t380000");
  add_sysctl(host("b"), "net.ipv4.tcp_mem", "191000\t255000\t382000");
  EXPECT_THAT(compared().differences, IsEmpty());
  facts_[1]->rows<facts::Sysctl>()[0].text = "19000\t25500\t38200";
  EXPECT_THAT(compared().differences, SizeIs(1));
}

TEST_F(Comparing, FindingsOfTheReportsComeFirst) {
  add_sysctl(host("a"), "net.core.somaxconn", "4096");
  add_sysctl(host("b"), "net.core.somaxconn", "128");
  hosts_[1].findings->push_back({"listen.accept_queue_overflow", "critical"});
  auto comparison = compared();
  ASSERT_THAT(comparison.differences, SizeIs(2));
  EXPECT_EQ(comparison.differences[0].subject, "listen.accept_queue_overflow");
  EXPECT_EQ(comparison.differences[0].values[0].kind, HostValue::Kind::not_there);
  hosts_[0].unjudged["listen.accept_queue_overflow"] = "needs root";
  comparison = compared();
  ASSERT_THAT(comparison.differences, SizeIs(1));
  EXPECT_EQ(comparison.incomparable[0].reason, "needs root");
}

TEST_F(Comparing, AddressesOfAnAnonymousHostMeanNothing) {
  for (const char* label : {"a", "b"}) {
    auto& facts = host(label);
    auto& route = facts.rows<facts::Route>().emplace_back(facts.rows<facts::Route>()[0]);
    route.dst = *IpAddress::parse(label[0] == 'a' ? "10.9.0.0" : "10.7.0.0");
    route.dst_length = 16;
  }
  EXPECT_THAT(compared().differences, SizeIs(2));
  hosts_[1].anonymous = true;
  EXPECT_THAT(compared().differences, IsEmpty());
  EXPECT_THAT(compared().notes, Contains(HasSubstr("anonymised")));
}

TEST_F(Comparing, GroupsAreToldApartByWhatIsCommonWithinThem) {
  int number = 0;
  for (const char* label : {"s1", "s2", "s3", "f1", "f2", "f3"}) {
    auto& facts = host(label);
    const bool sick = label[0] == 's';
    hosts_.back().group = sick ? "sick" : "fine";
    add_sysctl(facts, "net.ipv4.tcp_sack", sick ? "0" : "1");
    add_sysctl(facts, "net.ipv4.tcp_rto_max_ms", std::to_string(++number));             // different on each
    add_sysctl(facts, "net.ipv4.tcp_fack", number % 3 == 0 ? "1" : "0");                // alike in both groups
    add_sysctl(facts, "net.core.optmem_max", sick && number > 1 ? "20480" : "131072");  // two of three
  }
  const auto comparison = compared();
  std::vector<std::string> order;
  for (const auto& each : comparison.differences) order.push_back(each.subject);
  EXPECT_THAT(order, ElementsAre("net.ipv4.tcp_sack", "net.core.optmem_max", "net.ipv4.tcp_rto_max_ms"));
  EXPECT_DOUBLE_EQ(comparison.differences[0].gain, 1);
  EXPECT_DOUBLE_EQ(comparison.differences[0].score, 1);
  EXPECT_DOUBLE_EQ(comparison.differences[2].gain, 1);
  EXPECT_LT(comparison.differences[2].score, 0.5);
}

TEST(Separation, IsInformationGainAndItsRatio) {
  const std::vector<std::size_t> groups = {0, 0, 1, 1};
  const auto perfect = separation_of(groups, std::vector<std::size_t>{5, 5, 6, 6});
  EXPECT_DOUBLE_EQ(perfect.gain, 1);
  EXPECT_DOUBLE_EQ(perfect.ratio, 1);
  const auto none = separation_of(groups, std::vector<std::size_t>{5, 6, 5, 6});
  EXPECT_DOUBLE_EQ(none.gain, 0);
  const auto each_its_own = separation_of(groups, std::vector<std::size_t>{1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(each_its_own.gain, 1);
  EXPECT_DOUBLE_EQ(each_its_own.ratio, 0.5);
  // 3 of 4 in one value: 1 - 3/4 H(1/3) bits.
  const auto some = separation_of(groups, std::vector<std::size_t>{1, 1, 1, 2});
  EXPECT_NEAR(some.gain, 1 - 0.75 * (-(1.0 / 3) * std::log2(1.0 / 3) - (2.0 / 3) * std::log2(2.0 / 3)), 1e-12);
}

}  // namespace
}  // namespace hostcheck::conclude
