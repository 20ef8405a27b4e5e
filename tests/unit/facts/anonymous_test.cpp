#include "core/facts/anonymous.h"

#include <gtest/gtest.h>

namespace hostcheck::facts {
namespace {

constexpr Anonymiser::Key kKey = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

std::size_t common_bits(const IpAddress& a, const IpAddress& b) {
  std::size_t bits = 0;
  while (bits < a.size() * 8 && a.in_prefix(b, static_cast<unsigned>(bits + 1))) ++bits;
  return bits;
}

TEST(Anonymiser, KeepsPrefixesAndEquality) {
  const Anonymiser anonymiser(kKey);
  const char* all[] = {"10.1.7.9",      "10.1.7.200",
                       "10.1.8.1",      "10.200.0.1",
                       "192.168.3.4",   "192.168.3.5",
                       "172.16.40.2",   "203.0.113.77",
                       "8.8.8.8",       "100.64.1.1",
                       "fd00:1::5",     "fd00:1::6:7",
                       "2001:db8:5::1", "fe80::1234:5678:9abc:def0"};
  std::size_t changed = 0;
  for (const char* one : all) {
    const IpAddress a = *IpAddress::parse(one);
    const IpAddress hidden = anonymiser.address(a);
    EXPECT_EQ(hidden, anonymiser.address(a));
    EXPECT_EQ(hidden.family(), a.family());
    changed += hidden != a ? 1 : 0;
    for (const char* two : all) {
      const IpAddress b = *IpAddress::parse(two);
      if (a.family() != b.family()) continue;
      EXPECT_EQ(common_bits(a, b), common_bits(hidden, anonymiser.address(b))) << one << two;
    }
  }
  EXPECT_GE(changed, 13U);
}

TEST(Anonymiser, KeepsWhatAnAddressIs) {
  const Anonymiser anonymiser(kKey);
  for (const char* whole :
       {"0.0.0.0", "127.0.0.1", "127.0.0.53", "255.255.255.255", "224.0.0.1", "::", "::1", "ff02::1"}) {
    EXPECT_EQ(anonymiser.address(*IpAddress::parse(whole)).to_string(), whole);
  }
  EXPECT_TRUE(anonymiser.address(*IpAddress::parse("fe80::1")).is_link_local());
  EXPECT_TRUE(anonymiser.address(*IpAddress::parse("169.254.7.7")).is_link_local());
  const IpAddress hidden = anonymiser.address(*IpAddress::parse("172.20.1.1"));
  EXPECT_TRUE(hidden.in_prefix(*IpAddress::parse("172.16.0.0"), 12));
}

TEST(Anonymiser, AnotherKeyHidesInAnotherWay) {
  const IpAddress address = *IpAddress::parse("203.0.113.77");
  EXPECT_NE(Anonymiser(kKey).address(address), Anonymiser({9}).address(address));
}

TEST(Anonymiser, FindsAddressesInsideTexts) {
  const Anonymiser anonymiser(kKey);
  const std::string hidden = anonymiser.address(*IpAddress::parse("10.1.7.9")).to_string();
  EXPECT_EQ(anonymiser.text("10.1.7.9"), hidden);
  EXPECT_EQ(anonymiser.text("10.1.7.9:443"), hidden + ":443");
  EXPECT_EQ(anonymiser.text("10.1.7.9/24"), hidden + "/24");
  EXPECT_EQ(anonymiser.text("ip saddr 10.1.7.9 tcp dport 22 drop"), "ip saddr " + hidden + " tcp dport 22 drop");
  EXPECT_EQ(anonymiser.text("--bind=10.1.7.9,"), "--bind=" + hidden + ",");
  EXPECT_NE(anonymiser.text("[2001:db8:5::1]:80"), "[2001:db8:5::1]:80");
  for (const char* same : {"", "feed", "dead beef", "12:30:05", "1.5", "6.1.0-18-amd64", "net.core.somaxconn",
                           "eth0.100", "facade", "a.b"}) {
    EXPECT_EQ(anonymiser.text(same), same);
  }
}

TEST(Anonymiser, KeepsMakersAndVirtualRouters) {
  const Anonymiser anonymiser(kKey);
  const std::string hidden = anonymiser.text("52:54:00:12:34:56");
  EXPECT_EQ(hidden.substr(0, 8), "52:54:00");
  EXPECT_NE(hidden, "52:54:00:12:34:56");
  EXPECT_EQ(hidden, anonymiser.text("52:54:00:12:34:56"));
  for (const char* same :
       {"00:00:5e:00:01:07", "00:00:0c:9f:f0:86", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "00:00:00:00:00:00"}) {
    EXPECT_EQ(anonymiser.text(same), same);
  }
}

}  // namespace
}  // namespace hostcheck::facts
