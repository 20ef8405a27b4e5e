#include "core/base/text.h"

#include <gtest/gtest.h>

namespace hostcheck {
namespace {

TEST(Text, NearestNameIsTheOneMeant) {
  const std::vector<std::string> names = {"links", "listeners", "routes"};
  EXPECT_EQ(nearest_name("lsteners", names), "listeners");
  EXPECT_EQ(nearest_name("zebra", names), "");
  EXPECT_EQ(nearest_name("lisetners", names), "listeners");
  EXPECT_EQ(nearest_name("sten", names), "listeners");
  EXPECT_EQ(nearest_name("abc", names), "");
  EXPECT_EQ(did_you_mean("route", names), " (did you mean 'routes'?)");
}

TEST(Text, GlobMatchesAllOfTheText) {
  EXPECT_TRUE(glob_match("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.rp_filter"));
  EXPECT_FALSE(glob_match("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.rp_filter2"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_FALSE(glob_match("?", ""));
}

TEST(Text, DurationsHaveUnits) {
  EXPECT_EQ(parse_duration("500ms")->count(), 500);
  EXPECT_EQ(parse_duration("1.5s")->count(), 1500);
  EXPECT_EQ(parse_duration("0")->count(), 0);
  EXPECT_FALSE(parse_duration("5"));
  EXPECT_FALSE(parse_duration("5 parsecs"));
  EXPECT_FALSE(parse_duration("-1s"));
  EXPECT_FALSE(parse_duration("25h"));
}

}  // namespace
}  // namespace hostcheck
