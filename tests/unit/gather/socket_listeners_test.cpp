#include <gtest/gtest.h>

#include "core/gather/socket_waiting.h"

namespace hostcheck::gather {
namespace {

using facts::Listener;

Listener listener(const char* address, std::uint16_t port, std::optional<bool> v6only = std::nullopt) {
  Listener row;
  row.address = *IpAddress::parse(address);
  row.family = row.address.family();
  row.port = port;
  if (row.family == Family::ipv6) row.v6only = v6only.value_or(false);
  return row;
}

WaitingConnection half_open(const char* local, std::uint16_t port, std::uint32_t ifindex = 0) {
  WaitingConnection waiting;
  waiting.local = *IpAddress::parse(local);
  waiting.port = port;
  waiting.ifindex = ifindex;
  waiting.half_open = true;
  return waiting;
}

WaitingConnection unaccepted(const char* local, std::uint16_t port, std::uint32_t age_ms) {
  WaitingConnection waiting = half_open(local, port);
  waiting.half_open = false;
  waiting.age_ms = age_ms;
  return waiting;
}

WaitingConnection abandoned(const char* local, std::uint16_t port) {
  WaitingConnection waiting = unaccepted(local, port, 5);
  waiting.abandoned = true;
  return waiting;
}

constexpr CountWhat kBoth{true, true};

TEST(ListenerOfAConnection, OneWhoseClientIsGoneIsCountedAmongTheUnacceptedAndByItself) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 80), listener("0.0.0.0", 81)};
  const std::vector<WaitingConnection> waiting = {unaccepted("10.0.0.1", 80, 5), abandoned("10.0.0.1", 80)};
  count_waiting(waiting, kBoth, listeners);
  EXPECT_EQ(listeners[0].unaccepted, 2U);
  EXPECT_EQ(listeners[0].abandoned, 1U);
  EXPECT_EQ(listeners[1].abandoned, 0U);
}

TEST(ListenerOfAConnection, NothingWaitsIsZeroAndNotNull) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 80)};
  count_waiting({}, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 0U);
  EXPECT_EQ(listeners[0].unaccepted, 0U);
  EXPECT_FALSE(listeners[0].oldest_unaccepted_ms);
  EXPECT_EQ(listeners[0].sharing, 1U);
}

TEST(ListenerOfAConnection, WhatIsNotAskedForStaysNull) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 80)};
  const std::vector<WaitingConnection> waiting = {half_open("10.0.0.1", 80), unaccepted("10.0.0.1", 80, 5)};
  count_waiting(waiting, {true, false}, listeners);
  EXPECT_EQ(listeners[0].half_open, 1U);
  EXPECT_FALSE(listeners[0].unaccepted);
  EXPECT_FALSE(listeners[0].abandoned);
}

TEST(ListenerOfAConnection, ASpecificAddressWinsOverAny) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 80), listener("10.0.0.1", 80), listener("0.0.0.0", 81)};
  const std::vector<WaitingConnection> waiting = {half_open("10.0.0.1", 80), half_open("10.0.0.2", 80)};
  count_waiting(waiting, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 1U);
  EXPECT_EQ(listeners[1].half_open, 1U);
  EXPECT_EQ(listeners[2].half_open, 0U);
}

TEST(ListenerOfAConnection, ADualStackListenerTakesV4MappedPeers) {
  std::vector<Listener> listeners = {listener("::", 80, false), listener("::", 81, true)};
  const std::vector<WaitingConnection> waiting = {half_open("::ffff:10.0.0.1", 80), half_open("10.0.0.1", 80),
                                                  half_open("fd00::1", 80), half_open("10.0.0.1", 81),
                                                  half_open("fd00::1", 81)};
  count_waiting(waiting, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 3U);
  EXPECT_EQ(listeners[1].half_open, 1U);
}

TEST(ListenerOfAConnection, AnIpv4ListenerBesideAnIpv6OneTakesTheIpv4Connections) {
  std::vector<Listener> listeners = {listener("::", 80, true), listener("0.0.0.0", 80)};
  const std::vector<WaitingConnection> waiting = {half_open("10.0.0.1", 80), half_open("fd00::1", 80)};
  count_waiting(waiting, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 1U);
  EXPECT_EQ(listeners[1].half_open, 1U);
}

TEST(ListenerOfAConnection, AMappedAddressIsTheIpv4One) {
  std::vector<Listener> listeners = {listener("::ffff:10.0.0.1", 80), listener("::ffff:10.0.0.2", 80)};
  count_waiting(std::vector{half_open("::ffff:10.0.0.1", 80)}, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 1U);
  EXPECT_EQ(listeners[1].half_open, 0U);
}

TEST(ListenerOfAConnection, AListenerBoundToADeviceTakesOnlyItsConnections) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 80), listener("0.0.0.0", 80)};
  listeners[1].ifindex = 7;
  const std::vector<WaitingConnection> waiting = {half_open("10.0.0.1", 80, 7), half_open("10.0.0.1", 80, 8),
                                                  half_open("10.0.0.1", 80)};
  count_waiting(waiting, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 2U);
  EXPECT_EQ(listeners[1].half_open, 1U);
  EXPECT_EQ(listeners[0].sharing, 1U);
}

TEST(ListenerOfAConnection, ListenersThatShareAPlaceShowTheirCommonNumber) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 80), listener("0.0.0.0", 81), listener("0.0.0.0", 80)};
  const std::vector<WaitingConnection> waiting = {half_open("10.0.0.1", 80), half_open("10.0.0.1", 80)};
  count_waiting(waiting, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 2U);
  EXPECT_EQ(listeners[2].half_open, 2U);
  EXPECT_EQ(listeners[0].sharing, 2U);
  EXPECT_EQ(listeners[1].sharing, 1U);
}

TEST(ListenerOfAConnection, TheOldestUnacceptedIsKept) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 80)};
  const std::vector<WaitingConnection> waiting = {unaccepted("10.0.0.1", 80, 5), unaccepted("10.0.0.1", 80, 900),
                                                  unaccepted("10.0.0.1", 80, 7)};
  count_waiting(waiting, kBoth, listeners);
  EXPECT_EQ(listeners[0].unaccepted, 3U);
  EXPECT_EQ(listeners[0].oldest_unaccepted_ms, 900U);
  EXPECT_EQ(listeners[0].half_open, 0U);
}

TEST(ListenerOfAConnection, AConnectionWhoseListenerIsGoneIsCountedNowhere) {
  std::vector<Listener> listeners = {listener("0.0.0.0", 81)};
  count_waiting(std::vector{half_open("10.0.0.1", 80)}, kBoth, listeners);
  EXPECT_EQ(listeners[0].half_open, 0U);
}

}  // namespace
}  // namespace hostcheck::gather
