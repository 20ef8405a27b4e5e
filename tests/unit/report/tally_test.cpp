#include "core/report/tally.h"

#include <gtest/gtest.h>

namespace hostcheck::report {
namespace {

TEST(Amount, HasItsUnit) {
  EXPECT_EQ(amount(std::int64_t{57}, "SYNs"), "57 SYNs");
  EXPECT_EQ(amount(2.5, "%"), "2.5 %");
  EXPECT_EQ(amount(std::string("half"), ""), "half");
  EXPECT_EQ(amount(std::monostate{}, "ms"), "unknown ms");
}

TEST(Amount, OfManyMillisecondsIsReadable) {
  EXPECT_EQ(amount(std::int64_t{9999}, "ms"), "9999 ms");
  EXPECT_EQ(amount(std::int64_t{10000}, "ms"), "10 s");
  EXPECT_EQ(amount(768024.0, "ms"), "12 min 48 s");
  EXPECT_EQ(amount(std::int64_t{432000}, "s"), "432000 s");  // as a sysctl has it
}

}  // namespace
}  // namespace hostcheck::report
