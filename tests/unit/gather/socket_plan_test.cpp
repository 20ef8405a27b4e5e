#include "core/gather/socket_plan.h"

#include <gtest/gtest.h>

namespace hostcheck::gather {
namespace {

using facts::Constraint;
using facts::SocketState;
using kernel::kConnectionStates;
using kernel::state_bit;

constexpr std::uint32_t kListen = state_bit(SocketState::listen);

facts::Request request(std::string_view table, const std::set<std::string>& columns,
                       std::vector<Constraint> terms = {}) {
  facts::Request request;
  request[std::string(table)].add_reader(columns, std::move(terms));
  return request;
}

Constraint equal(std::string column, facts::Value value) {
  return {std::move(column), Constraint::Op::eq, std::move(value)};
}

TEST(SocketPlan, ListenersAloneAskForListenersAlone) {
  const SocketPlan plan = plan_sockets(request("listeners", {"port", "accept_queue"}));
  ASSERT_EQ(plan.dumps.size(), 1U);
  EXPECT_EQ(plan.dumps[0].states, kListen);
  EXPECT_FALSE(plan.dumps[0].memory);
  EXPECT_FALSE(plan.dumps[0].tcp_info);
}

TEST(SocketPlan, DropsNeedMemoryAlsoWhereOnlyTheirDeltaIsRead) {
  EXPECT_TRUE(plan_sockets(request("listeners", {"drops"})).dumps.at(0).memory);
  EXPECT_TRUE(plan_sockets(request("listeners", {"drops_delta"})).dumps.at(0).memory);
  EXPECT_TRUE(plan_sockets(request("connections", {"rcvbuf"})).dumps.at(0).memory);
  EXPECT_TRUE(plan_sockets(request("udp_sockets", {"drops_delta"})).dumps.at(0).memory);
}

TEST(SocketPlan, HalfOpenAndUnacceptedWidenTheDump) {
  const SocketPlan half = plan_sockets(request("listeners", {"half_open"}));
  EXPECT_EQ(half.dumps.at(0).states, kListen);
  EXPECT_EQ(half.dumps.at(1).states, state_bit(SocketState::syn_recv));
  const SocketPlan oldest = plan_sockets(request("listeners", {"oldest_unaccepted_ms"}));
  EXPECT_EQ(oldest.dumps.at(1).states, state_bit(SocketState::established) | state_bit(SocketState::close_wait));
  EXPECT_TRUE(oldest.dumps.at(1).tcp_info);
  EXPECT_FALSE(oldest.dumps.at(0).tcp_info);
}

TEST(SocketPlan, ExtensionsAreAskedForOnlyWhereAColumnComesFromThem) {
  const auto plain = plan_sockets(request("connections", {"state", "local", "inode"})).dumps.at(0);
  EXPECT_FALSE(plain.tcp_info || plain.memory || plain.congestion || plain.tos);
  EXPECT_TRUE(plan_sockets(request("connections", {"rtt_us"})).dumps.at(0).tcp_info);
  EXPECT_TRUE(plan_sockets(request("connections", {"retransmits_delta"})).dumps.at(0).tcp_info);
  EXPECT_TRUE(plan_sockets(request("connections", {"congestion"})).dumps.at(0).congestion);
  EXPECT_TRUE(plan_sockets(request("connections", {"tos"})).dumps.at(0).tos);
}

TEST(SocketPlan, WhatIsAskedOfListenersIsNotAskedOfConnections) {
  auto both = request("connections", {"state"});
  both["listeners"].add_reader({"drops"}, {});
  const SocketPlan plan = plan_sockets(both);
  ASSERT_EQ(plan.dumps.size(), 2U);
  EXPECT_TRUE(plan.dumps[0].memory);
  EXPECT_FALSE(plan.dumps[1].memory);
}

TEST(SocketPlan, StateFamilyAndPortsReachTheKernel) {
  const SocketPlan plan =
      plan_sockets(request("connections", {"state"},
                           {equal("state", std::string("SYN_SENT")), equal("family", std::string("inet6")),
                            equal("remote_port", std::int64_t{443})}));
  ASSERT_EQ(plan.dumps.size(), 1U);
  EXPECT_EQ(plan.dumps[0].states, state_bit(SocketState::syn_sent));
  EXPECT_EQ(plan.dumps[0].family, Family::ipv6);
  EXPECT_EQ(plan.dumps[0].remote_ports, (std::vector<std::uint16_t>{443}));
  EXPECT_FALSE(plan.dumps[0].local_ports);
}

TEST(SocketPlan, AFilterOfOneTableDoesNotNarrowAnother) {
  auto both = request("connections", {"state"}, {equal("local_port", std::int64_t{80})});
  both["socket_summary"].add_reader({"sockets"}, {});
  const SocketPlan plan = plan_sockets(both);
  ASSERT_EQ(plan.dumps.size(), 4U) << "two of TCP, two of UDP";
  EXPECT_EQ(plan.dumps[0].states, kListen);
  EXPECT_FALSE(plan.dumps[1].local_ports);
  EXPECT_EQ(plan.dumps[1].states, kConnectionStates);

  both = request("connections", {"state"}, {equal("local_port", std::int64_t{80})});
  both["listeners"].add_reader({"port"}, {});
  const SocketPlan apart = plan_sockets(both);
  ASSERT_EQ(apart.dumps.size(), 2U);
  EXPECT_EQ(apart.dumps[0].states, kListen);
  EXPECT_TRUE(apart.dumps[1].local_ports);
}

TEST(SocketPlan, TwoReadersWithDifferentStatesNeedBoth) {
  auto two = request("connections", {"state"}, {equal("state", std::string("SYN_SENT"))});
  two["connections"].add_reader({"state"}, {equal("state", std::string("CLOSE_WAIT"))});
  EXPECT_EQ(plan_sockets(two).dumps.at(0).states,
            state_bit(SocketState::syn_sent) | state_bit(SocketState::close_wait));
  two["connections"].add_reader({"state"}, {});
  EXPECT_EQ(plan_sockets(two).dumps.at(0).states, kConnectionStates);
}

TEST(SocketPlan, AStateThatThereIsNotNeedsNoDump) {
  EXPECT_TRUE(plan_sockets(request("connections", {"state"}, {equal("state", std::string("ESTAB"))})).dumps.empty());
}

TEST(SocketPlan, ASummaryOfOneProtocolDumpsOnlyIt) {
  const auto udp = plan_sockets(request("socket_summary", {"sockets"}, {equal("protocol", std::string("udp"))}));
  ASSERT_EQ(udp.dumps.size(), 2U);
  EXPECT_EQ(udp.dumps[0].protocol, facts::Transport::udp);
  const auto tcp = plan_sockets(request("socket_summary", {"sockets"}, {equal("protocol", std::string("tcp"))}));
  ASSERT_EQ(tcp.dumps.size(), 2U);
  EXPECT_FALSE(tcp.dumps[1].tcp_info || tcp.dumps[1].memory);
}

TEST(SocketPlan, ProcessesThatListenNeedOnlyListeners) {
  const SocketPlan listening = plan_sockets(request("processes", {"pid"}, {equal("listens", std::int64_t{1})}));
  ASSERT_EQ(listening.dumps.size(), 1U);
  EXPECT_EQ(listening.dumps[0].states, kListen);
  EXPECT_FALSE(listening.udp_owned);
  const SocketPlan all = plan_sockets(request("processes", {"pid"}));
  EXPECT_EQ(all.dumps.size(), 4U);
  EXPECT_EQ(all.dumps[1].states & state_bit(SocketState::time_wait), 0U) << "nobody owns those";
}

TEST(SocketPlan, NothingAskedNothingDumped) {
  EXPECT_TRUE(plan_sockets({}).dumps.empty());
}

}  // namespace
}  // namespace hostcheck::gather
