#include "core/gather/socket_waiting.h"

#include <gtest/gtest.h>

namespace hostcheck::gather {
namespace {

facts::Listener listener_on(std::uint16_t port) {
  facts::Listener listener;
  listener.family = Family::ipv4;
  listener.address = IpAddress::any(Family::ipv4);
  listener.port = port;
  return listener;
}

WaitingConnection waiting_for(std::uint16_t port, std::uint64_t cookie, std::uint32_t age_ms) {
  WaitingConnection waiting;
  waiting.local = *IpAddress::parse("10.0.0.1");
  waiting.port = port;
  waiting.cookie = cookie;
  waiting.age_ms = age_ms;
  return waiting;
}

std::uint64_t oldest_of(const std::vector<WaitingConnection>& waiting) {
  std::vector<facts::Listener> listeners = {listener_on(80)};
  count_waiting(waiting, {true, true}, listeners);
  return listeners[0].oldest_unaccepted ? listeners[0].oldest_unaccepted->value : 0;
}

TEST(SocketWaiting, CountsAndTellsTheLongestWait) {
  std::vector<facts::Listener> listeners = {listener_on(80), listener_on(443)};
  const std::vector<WaitingConnection> waiting = {waiting_for(80, 1, 50), waiting_for(80, 2, 4000)};
  count_waiting(waiting, {true, true}, listeners);
  EXPECT_EQ(listeners[0].unaccepted, 2U);
  EXPECT_EQ(listeners[0].oldest_unaccepted_ms, 4000U);
  EXPECT_EQ(listeners[1].unaccepted, 0U);
  EXPECT_FALSE(listeners[1].oldest_unaccepted);
}

TEST(SocketWaiting, TheOldestAreTheSameWhenNothingWasAccepted) {
  const auto before = oldest_of({waiting_for(80, 7, 3000), waiting_for(80, 8, 3000), waiting_for(80, 9, 100)});
  const auto after =
      oldest_of({waiting_for(80, 9, 2100), waiting_for(80, 8, 5000), waiting_for(80, 7, 5000), waiting_for(80, 10, 5)});
  EXPECT_EQ(before, after);
}

TEST(SocketWaiting, TheOldestDifferWhenOneOfABurstWasAccepted) {
  const auto before = oldest_of({waiting_for(80, 7, 3000), waiting_for(80, 8, 3000)});
  const auto after = oldest_of({waiting_for(80, 8, 5000), waiting_for(80, 11, 4)});
  EXPECT_NE(before, after);
}

TEST(SocketWaiting, NothingIsCountedThatNobodyAskedFor) {
  std::vector<facts::Listener> listeners = {listener_on(80)};
  count_waiting(std::vector{waiting_for(80, 1, 50)}, {true, false}, listeners);
  EXPECT_FALSE(listeners[0].unaccepted);
  EXPECT_FALSE(listeners[0].oldest_unaccepted);
}

}  // namespace
}  // namespace hostcheck::gather
