#include "core/base/units.h"

#include <gtest/gtest.h>

namespace hostcheck {
namespace {

TEST(Units, BytesInPowersOf1024) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1 KiB");
  EXPECT_EQ(human_bytes(1572864), "1.5 MiB");
  EXPECT_EQ(human_bytes(200.5 * 1024 * 1024), "200 MiB");
  EXPECT_EQ(human_bytes(-2048), "-2 KiB");
}

TEST(Units, DurationsInTheirTwoLargestUnits) {
  EXPECT_EQ(human_duration(0), "0 ms");
  EXPECT_EQ(human_duration(999), "999 ms");
  EXPECT_EQ(human_duration(1000), "1 s");
  EXPECT_EQ(human_duration(59'999), "59.9 s");
  EXPECT_EQ(human_duration(60'000), "1 min");
  EXPECT_EQ(human_duration(125'000), "2 min 5 s");
  EXPECT_EQ(human_duration(7'320'000), "2 h 2 min");
  EXPECT_EQ(human_duration(352'800'000), "4 d 2 h");
  EXPECT_EQ(human_duration(-1500), "-1.5 s");
}

}  // namespace
}  // namespace hostcheck
