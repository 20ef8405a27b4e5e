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

TEST(Text, CleanIsUtf8WithoutControlCharacters) {
  EXPECT_TRUE(is_clean_text("µ → ✓ 🐧 plain\n\t"));
  EXPECT_FALSE(is_clean_text("\xff"));
  EXPECT_FALSE(is_clean_text("\xc3"));              // cut short
  EXPECT_FALSE(is_clean_text("\xc0\xaf"));          // overlong
  EXPECT_FALSE(is_clean_text("\xed\xa0\x80"));      // surrogate
  EXPECT_FALSE(is_clean_text("\xf4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(is_clean_text("\x1b[31m"));          // a terminal would obey it
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
