#include "core/probe/target_addresses.h"

#include <gtest/gtest.h>

#include "core/probe/next_hop.h"

namespace hostcheck::probe {
namespace {

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

TEST(NamingWords, SayWhoGaveEachAddress) {
  const std::vector<NamedAddress> named = {{address("192.0.2.1"), "hosts file, 192.0.2.53", 60},
                                           {address("2001:db8::1"), "192.0.2.53", 60}};
  EXPECT_EQ(naming_words("db.example", named),
            "db.example is 192.0.2.1 (hosts file, 192.0.2.53), 2001:db8::1 (192.0.2.53)");
}

TEST(NamingWords, HaveNothingToSayOfAnAddress) {
  EXPECT_EQ(naming_words("192.0.2.1", {{address("192.0.2.1"), "", std::nullopt}}), "");
}

TEST(UnfoundHop, IsNamedWithItsInterfaceAndState) {
  const UnfoundHop gateway = {address("10.0.0.1"), "eth0", facts::NeighbourState::failed};
  EXPECT_EQ(words_of(gateway, address("192.0.2.7")),
            "next hop 10.0.0.1 on eth0 is not found: nobody answers ARP for it (neighbour entry failed)");
  const UnfoundHop onlink = {address("2001:db8::7"), "eth1", facts::NeighbourState::incomplete};
  EXPECT_EQ(words_of(onlink, address("2001:db8::7")),
            "on-link address 2001:db8::7 on eth1 is not found: nobody answers NDP for it (neighbour entry incomplete)");
}

}  // namespace
}  // namespace hostcheck::probe
