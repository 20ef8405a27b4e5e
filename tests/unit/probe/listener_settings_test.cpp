#include "core/probe/listener_settings.h"

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

TEST(Unescape, WritesBytesThatCannotBeTyped) {
  EXPECT_EQ(unescape("PING"), "PING");
  EXPECT_EQ(unescape(R"(GET / HTTP/1.0\r\n\r\n)"), "GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(unescape(R"(\x00\xfF\t\\x41)"), std::string("\0\xff\t\\x41", 7));
}

TEST(Unescape, RefusesWhatItDoesNotKnow) {
  for (const char* wrong : {R"(\q)", R"(tail\)", R"(\x4)", R"(\xzz)", R"(\x+1)"}) {
    EXPECT_FALSE(unescape(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace hostcheck::probe
