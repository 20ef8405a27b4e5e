#include "core/kernel/proc_net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::kernel {
namespace {

using testing::HasSubstr;

bool all(std::string_view, std::string_view) {
  return true;
}

// Linux 6.18, this file's first pairs; 5.10 and 6.1 differ in the names they have, not in the form.
constexpr std::string_view kSnmp =
    "Ip: Forwarding DefaultTTL InReceives\n"
    "Ip: 2 64 664\n"
    "IcmpMsg: InType3 OutType3\n"
    "IcmpMsg: 1 7\n"
    "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens CurrEstab\n"
    "Tcp: 1 200 120000 -1 14 3\n";

TEST(CounterLines, NamesMeetTheirValues) {
  const auto values = parse_counter_lines(kSnmp, "snmp", all);
  ASSERT_TRUE(values);
  ASSERT_EQ(11U, values->size());
  EXPECT_EQ("Ip", (*values)[2].protocol);
  EXPECT_EQ("InReceives", (*values)[2].name);
  EXPECT_EQ(664U, (*values)[2].value);
  EXPECT_EQ("IcmpMsg", (*values)[4].protocol);
  EXPECT_EQ(7U, (*values)[4].value);
}

TEST(CounterLines, StatesAndSettingsAreGauges) {
  const auto values = parse_counter_lines(kSnmp, "snmp", all);
  ASSERT_TRUE(values);
  for (const CounterValue& each : *values) {
    const bool counts = each.name == "InReceives" || each.name == "ActiveOpens" || each.protocol == "IcmpMsg";
    EXPECT_EQ(!counts, each.gauge) << each.name;
  }
  EXPECT_EQ("MaxConn", (*values)[8].name);
  EXPECT_EQ(-1, static_cast<std::int64_t>((*values)[8].value));
}

TEST(CounterLines, WhatNobodyWantsIsPassedOver) {
  const auto values = parse_counter_lines(
      kSnmp, "snmp", [](auto protocol, auto name) { return protocol == "Tcp" && name == "ActiveOpens"; });
  ASSERT_TRUE(values);
  ASSERT_EQ(1U, values->size());
  EXPECT_EQ(14U, values->front().value);
}

TEST(CounterLines, TheLargestCounterIsKept) {
  const auto values = parse_counter_lines("Ip: A\nIp: 18446744073709551615\n", "snmp", all);
  ASSERT_TRUE(values);
  EXPECT_EQ(UINT64_MAX, values->front().value);
}

TEST(CounterLines, ABadFileIsAnErrorThatNamesItAndGivesNoRows) {
  for (const char* text : {"", "\n", "Ip", "Ip: A B\n", "Ip: A B\nIp: 1\n", "Ip: A\nIp: 1 2\n", "Ip: A\nTcp: 1\n",
                           "Ip: A\nIp: x\n", "Ip: A\nIp: 1", "Ip: A\nIp: 99999999999999999999999\n", ": A\n: 1\n",
                           "Ip: A\nIp: 1\nTcp: B\n", "Ip: A\nIp: 0x10\n", "A: B\nA: 1\n\n\n"}) {
    const auto values = parse_counter_lines(text, "/proc/net/snmp", all);
    ASSERT_FALSE(values) << text;
    EXPECT_THAT(values.error().message(), HasSubstr("/proc/net/snmp")) << text;
  }
}

TEST(CounterLines, EveryCutOfAFileIsAnErrorOrWholePairs) {
  for (std::size_t size = 0; size < kSnmp.size(); ++size) {
    const auto values = parse_counter_lines(kSnmp.substr(0, size), "snmp", all);
    if (!values) continue;
    EXPECT_TRUE(values->size() == 3 || values->size() == 5) << size;
  }
}

TEST(Snmp6, TheProtocolEndsWithSix) {
  const auto values = parse_snmp6(
      "Ip6InReceives                   \t20\nIcmp6OutType135                 \t4\nUdpLite6MemErrors               "
      "\t0\n",
      "snmp6", all);
  ASSERT_TRUE(values);
  ASSERT_EQ(3U, values->size());
  EXPECT_EQ("Ip6", (*values)[0].protocol);
  EXPECT_EQ("InReceives", (*values)[0].name);
  EXPECT_EQ(20U, (*values)[0].value);
  EXPECT_EQ("Icmp6", (*values)[1].protocol);
  EXPECT_EQ("OutType135", (*values)[1].name);
  EXPECT_EQ("UdpLite6", (*values)[2].protocol);
}

TEST(Snmp6, ABadFileIsAnErrorThatNamesIt) {
  for (const char* text : {"", "Ip6InReceives\n", "Ip6InReceives 1 2\n", "InReceives 1\n", "Ip6 1\n",
                           "Ip6InReceives x\n", "\n", "Ip6InReceives 1"}) {
    const auto values = parse_snmp6(text, "/proc/net/snmp6", all);
    ASSERT_FALSE(values) << text;
    EXPECT_THAT(values.error().message(), HasSubstr("/proc/net/snmp6"));
  }
}

TEST(Sockstat, NamesAndNumbersAlternate) {
  const auto values =
      parse_sockstat("sockets: used 17\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem -3\nFRAG: inuse 0 memory 0\n", "s");
  ASSERT_TRUE(values);
  ASSERT_EQ(8U, values->size());
  EXPECT_EQ("sockets", (*values)[0].protocol);
  EXPECT_EQ(17, (*values)[0].value);
  EXPECT_EQ("mem", (*values)[5].name);
  EXPECT_EQ(-3, (*values)[5].value);
}

TEST(Sockstat, ABadFileIsAnErrorThatNamesIt) {
  for (const char* text : {"", "TCP inuse 1\n", "TCP: inuse\n", "TCP: inuse x\n", "TCP: inuse 1",
                           "TCP: inuse 1 orphan\n", "\n", "TCP: inuse 99999999999999999999\n"}) {
    const auto values = parse_sockstat(text, "/proc/net/sockstat");
    ASSERT_FALSE(values) << text;
    EXPECT_THAT(values.error().message(), HasSubstr("/proc/net/sockstat"));
  }
}

constexpr std::string_view kProtocolHeader =
    "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp "
    "em\n";

TEST(Protocols, AMemoryOfMinusOneIsNoAccount) {
  const std::string text = std::string(kProtocolHeader) +
                           "PACKET    1600      0      -1   NI       0   no   kernel      n  n  n  n  n  "
                           "n  n  n  n  n  n  n  n  n  n  n  n  n\n"
                           "TCPv6     2432      5     224   no     192   yes  kernel      y  y  y  y  y  "
                           "y  y  y  y  y  y  y  n  y  y  y  y  y\n"
                           "SCTP      1784      0       0   yes    192   yes  sctp        y  n  y  y  y  "
                           "y  y  y  y  y  y  y  y  y  n  n  y  y\n";
  const auto lines = parse_protocols(text, "p");
  ASSERT_TRUE(lines);
  ASSERT_EQ(3U, lines->size());
  EXPECT_EQ(std::nullopt, (*lines)[0].memory_pages);
  EXPECT_FALSE((*lines)[0].slab);
  EXPECT_EQ(224, (*lines)[1].memory_pages);
  EXPECT_EQ(192U, (*lines)[1].max_header_bytes);
  EXPECT_EQ("yes", (*lines)[2].pressure);
  EXPECT_EQ("sctp", (*lines)[2].module);
}

TEST(Protocols, ABadFileIsAnErrorThatNamesIt) {
  for (const std::string& text : {std::string(), std::string("a b c\n"), std::string(kProtocolHeader) + "TCP 1 2\n",
                                  std::string(kProtocolHeader) + "TCP x 0 0 no 0 yes kernel\n",
                                  std::string(kProtocolHeader) + "TCP 1 0 0 no 0 maybe kernel\n"}) {
    const auto lines = parse_protocols(text, "/proc/net/protocols");
    ASSERT_FALSE(lines) << text;
    EXPECT_THAT(lines.error().message(), HasSubstr("/proc/net/protocols"));
  }
}

}  // namespace
}  // namespace hostcheck::kernel
