// The sources that read /proc, on a /proc of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/facts/counter.h"
#include "core/facts/resolver.h"
#include "core/facts/sysctl.h"
#include "core/facts/system.h"
#include "core/gather/counter.h"
#include "core/gather/resolver.h"
#include "core/gather/source.h"
#include "core/gather/sysctl.h"
#include "core/gather/system.h"
#include "tests/support/fake_tree.h"

namespace hostcheck::gather {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ProcSources : public testing::Test {
 protected:
  // One reader of all columns of the table, with these terms.
  void ask(const std::string& table, std::vector<facts::Constraint> terms = {}) {
    const auto names = facts::find_table(table)->column_names();
    request_[table].add_reader({names.begin(), names.end()}, std::move(terms));
  }
  void run(const Source& source, kernel::NetnsInfo netns = {}) {
    if (netns.name.empty()) netns.name = "blue";
    const kernel::FileTree files = tree_.files();
    source.gather(Task{request_, files, netns, known_, out_});
  }
  static facts::Constraint is(const char* column, const char* value) {
    return {column, facts::Constraint::Op::eq, std::string(value)};
  }

  test::FakeTree tree_;
  facts::Request request_;
  std::vector<kernel::NetnsInfo> known_;
  facts::Facts out_;
};

TEST_F(ProcSources, CountersOfAFileThatIsCutShortAreAbsentAndTheOthersThere) {
  tree_.write("/proc/net/snmp", "Udp: InDatagrams NoPorts\nUdp: 1 2\n");
  tree_.write("/proc/net/snmp6", "Udp6NoPorts 3\n");
  tree_.write("/proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 5\n");
  ask("counters");
  run(counter_source());
  EXPECT_THAT(out_.rows<facts::ProtocolCounter>(), SizeIs(3));
  ASSERT_THAT(out_.absences(), SizeIs(1));
  EXPECT_THAT(out_.absences()[0].reason, HasSubstr("/proc/net/netstat"));
  EXPECT_EQ("blue", out_.absences()[0].netns);
}

TEST_F(ProcSources, OnlyTheFilesThatHoldAWantedCounterAreRead) {
  tree_.write("/proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 5 6\n");
  ask("counters", {is("protocol", "TcpExt"), is("name", "ListenDrops")});
  run(counter_source());
  ASSERT_THAT(out_.rows<facts::ProtocolCounter>(), SizeIs(1));
  EXPECT_EQ(6U, out_.rows<facts::ProtocolCounter>()[0].value.value);
  EXPECT_THAT(out_.absences(), IsEmpty()) << "snmp does not even exist";
}

TEST_F(ProcSources, AKernelWithoutIpv6HasNoCountersOfIt) {
  tree_.write("/proc/net/snmp", "Udp: NoPorts\nUdp: 2\n");
  tree_.write("/proc/net/netstat", "TcpExt: A\nTcpExt: 1\n");
  ask("counters");
  run(counter_source());
  EXPECT_THAT(out_.absences(), IsEmpty());
  tree_.write("/proc/net/if_inet6", "");
  run(counter_source());
  EXPECT_THAT(out_.absences(), SizeIs(1)) << "with IPv6 its counters are missed";
}

TEST_F(ProcSources, AGaugeMayBeNegativeAndHasNoDelta) {
  tree_.write("/proc/net/snmp", "Tcp: MaxConn CurrEstab\nTcp: -1 7\n");
  ask("counters", {is("protocol", "Tcp")});
  run(counter_source());
  const facts::TableInfo& info = facts::ProtocolCounter::table();
  auto& rows = out_.rows<facts::ProtocolCounter>();
  ASSERT_THAT(rows, SizeIs(2));
  rows[1].value.delta = 3;
  std::string scratch;
  EXPECT_EQ(-1, info.columns[*info.column("value")].read(&rows[0], scratch).integer);
  EXPECT_EQ(facts::Cell::Kind::null, info.columns[*info.column("value_delta")].read(&rows[1], scratch).kind);
  EXPECT_EQ(facts::Cell::Kind::null, info.columns[*info.column("value_per_second")].read(&rows[1], scratch).kind);
}

TEST_F(ProcSources, ASettingOfTheFirstNamespaceIsAbsentWhereThatIsOutOfSight) {
  tree_.write("/proc/sys/net/ipv4/tcp_sack", "1\n");
  for (const char* name : {"net.ipv4.tcp_sack", "net.ipv4.tcp_mem", "net.ipv4.tcp_tw_recycle", "fs.no_such"}) {
    ask("sysctls", {is("name", name)});
  }
  run(sysctl_source());
  ASSERT_THAT(out_.rows<facts::Sysctl>(), SizeIs(1));
  EXPECT_FALSE(out_.rows<facts::Sysctl>()[0].global);
  ASSERT_THAT(out_.absences(), SizeIs(1));
  EXPECT_EQ("net.ipv4.tcp_mem", out_.absences()[0].subject);
  EXPECT_EQ(ErrorCode::denied, out_.absences()[0].code);
}

TEST_F(ProcSources, ANameIsAbsentByItselfAlsoWhereAnotherReaderWantsAll) {
  tree_.write("/proc/sys/net/ipv4/tcp_sack", "1\n");
  ask("sysctls");
  ask("sysctls", {is("name", "net.ipv4.tcp_mem")});
  run(sysctl_source());
  std::vector<std::string> subjects;
  for (const auto& each : out_.absences()) subjects.push_back(each.subject);
  EXPECT_THAT(subjects, ElementsAre("net.ipv4.tcp_mem", "net.*"));
}

TEST_F(ProcSources, WhatTheFirstNamespaceLacksTheKernelDoesNotHave) {
  tree_.write("/proc/sys/net/core/netdev_max_backlog", "1000\n");
  ask("sysctls", {is("name", "net.ipv4.tcp_mem")});
  run(sysctl_source());
  EXPECT_THAT(out_.rows<facts::Sysctl>(), IsEmpty());
  EXPECT_THAT(out_.absences(), IsEmpty());
}

TEST_F(ProcSources, SoftirqsOfProcessorsThatAreNotOnlineAreLeftOut) {
  tree_.write("/proc/softirqs", "CPU0 CPU1 CPU2\nNET_RX: 1 0 0\n");
  tree_.write("/sys/devices/system/cpu/online", "0-1\n");
  ask("softirqs");
  run(softirq_source());
  EXPECT_THAT(out_.rows<facts::Softirq>(), SizeIs(2));
}

TEST_F(ProcSources, TcpMemoryNeedsItsLimits) {
  tree_.write("/proc/net/sockstat", "TCP: inuse 1 orphan 2 tw 0 alloc 3 mem 4\n");
  tree_.write("/proc/sys/net/ipv4/tcp_max_orphans", "100\n");
  ask("tcp_memory");
  run(tcp_memory_source());
  EXPECT_THAT(out_.rows<facts::TcpMemory>(), IsEmpty());
  EXPECT_THAT(out_.absences(), SizeIs(1));
  tree_.write("/proc/sys/net/ipv4/tcp_mem", "10\t20\t30\n");
  run(tcp_memory_source());
  ASSERT_THAT(out_.rows<facts::TcpMemory>(), SizeIs(1));
  const facts::TcpMemory& row = out_.rows<facts::TcpMemory>()[0];
  EXPECT_EQ(4U, row.pages_used);
  EXPECT_EQ(20U, row.pressure_pages);
  EXPECT_EQ(2U, row.orphans);
  EXPECT_EQ(100U, row.max_orphans);
}

TEST_F(ProcSources, AMissingResolvConfIsAFactAndNotAFailure) {
  ask("resolvers");
  ask("resolver_config");
  kernel::NetnsInfo here;
  here.name = "init";
  here.here = true;
  run(resolver_source(), here);
  ASSERT_THAT(out_.rows<facts::ResolverConfig>(), SizeIs(1));
  EXPECT_FALSE(out_.rows<facts::ResolverConfig>()[0].present);
  EXPECT_THAT(out_.rows<facts::Resolver>(), IsEmpty());
  EXPECT_THAT(out_.absences(), IsEmpty());
}

TEST_F(ProcSources, TheFourthServerIsNeverAsked) {
  tree_.write("/etc/resolv.conf", "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4\n");
  ask("resolvers");
  kernel::NetnsInfo here;
  here.name = "init";
  here.here = true;
  run(resolver_source(), here);
  const auto& rows = out_.rows<facts::Resolver>();
  ASSERT_THAT(rows, SizeIs(4));
  EXPECT_TRUE(rows[2].used);
  EXPECT_FALSE(rows[3].used);
}

}  // namespace
}  // namespace hostcheck::gather
