#include "core/probe/asn_file.h"

#include <sstream>

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

Result<std::map<IpAddress, Network>> find(const std::string& text, const std::vector<IpAddress>& addresses) {
  std::istringstream lines(text);
  return find_networks(lines, "networks.txt", addresses);
}

TEST(AsnFile, TakesPrefixesAndTheNarrowestOfThem) {
  const auto found = find("# mine\n\n10.0.0.0/8 64500 Wide\n10.1.0.0/16 AS64501 Narrow Net\n2001:db8::/32|64502|Six\n",
                          {ip("10.1.2.3"), ip("10.2.0.1"), ip("2001:db8::1"), ip("192.0.2.1")});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at(ip("10.1.2.3")).asn, 64501U);
  EXPECT_EQ(found->at(ip("10.1.2.3")).name, "Narrow Net");
  EXPECT_EQ(found->at(ip("10.2.0.1")).name, "Wide");
  EXPECT_EQ(found->at(ip("2001:db8::1")).asn, 64502U);
  EXPECT_FALSE(found->contains(ip("192.0.2.1")));
}

TEST(AsnFile, TakesLinesOfIptoasn) {
  const auto found =
      find("10.0.0.0\t10.0.3.255\t64500\tNL\tEXAMPLE Example B.V.\n10.0.4.0\t10.0.4.255\t0\tNone\tNot routed\n",
           {ip("10.0.3.255"), ip("10.0.4.0")});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at(ip("10.0.3.255")).name, "EXAMPLE Example B.V.");
  EXPECT_FALSE(found->contains(ip("10.0.4.0"))) << "0 is nobody's";
}

TEST(AsnFile, NamesTheLineThatIsWrong) {
  for (const char* wrong :
       {"10.0.0.0/33 1 x", "nonsense", "10.0.0.0/8", "10.0.0.0/8 x y", "10.0.0.0\t::1\t1\tNL\tx", "/8 1 x"}) {
    const auto found = find(std::string("10.0.0.0/8 1 ok\n") + wrong + "\n", {ip("10.0.0.1")});
    ASSERT_FALSE(found) << wrong;
    EXPECT_EQ(found.error().object, "networks.txt:2");
  }
  EXPECT_FALSE(find_networks("/nonexistent/networks", {}));
  EXPECT_FALSE(find_networks("/", {})) << "a folder";
}

}  // namespace
}  // namespace hostcheck::probe
