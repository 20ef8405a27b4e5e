#include "core/probe/target.h"

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

TEST(Target, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_target("db.example")->host, "db.example");
  EXPECT_FALSE(parse_target("db.example")->port);
  EXPECT_EQ(parse_target("db.example:5432")->port, 5432);
  EXPECT_EQ(parse_target("192.0.2.1:443")->host, "192.0.2.1");
  EXPECT_EQ(parse_target("2001:db8::1")->host, "2001:db8::1");
  EXPECT_FALSE(parse_target("2001:db8::1")->port);
  EXPECT_EQ(parse_target("[2001:db8::1]:443")->host, "2001:db8::1");
  EXPECT_EQ(parse_target("[2001:db8::1]:443")->port, 443);
  EXPECT_FALSE(parse_target("[2001:db8::1]")->port);
}

TEST(Target, IsNoNameWithCharactersThatNoNameHas) {
  EXPECT_EQ(parse_target("fe80::1%eth0")->host, "fe80::1%eth0");
  for (const char* wrong : {"2001:db8::zz", "2001:db8:::1", "a b", "a b:80", "http://db.example", "db/x"}) {
    EXPECT_FALSE(parse_target(wrong)) << wrong;
  }
}

TEST(Target, NamesWhatIsWrong) {
  for (const char* wrong :
       {"", ":443", "host:", "host:0", "host:65536", "host:x", "[2001:db8::1", "[name]:1", "[::1]443"}) {
    const auto read = parse_target(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::invalid) << wrong;
    EXPECT_FALSE(read.error().detail.empty()) << wrong;
  }
}

}  // namespace
}  // namespace hostcheck::probe
