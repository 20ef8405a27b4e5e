#include "core/base/embedded.h"

#include <gtest/gtest.h>

namespace hostcheck {
namespace {

TEST(Embedded, TheUsualProgramHasNoFilesInIt) {
  EXPECT_TRUE(embedded_files().empty());
  EXPECT_TRUE(embedded_below("program:rules").empty());
  EXPECT_EQ(find_embedded("program:rules/tcp/window_scaling_disabled.toml"), nullptr);
}

TEST(Embedded, OnlyPathsBelowTheProgramAreSuch) {
  EXPECT_TRUE(is_embedded("program:rules"));
  EXPECT_FALSE(is_embedded("/usr/lib/hostcheck/rules"));
  EXPECT_FALSE(is_embedded("rules"));
}

}  // namespace
}  // namespace hostcheck
