#include "core/report/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/report/json_text.h"

namespace hostcheck::report {
namespace {

using ::testing::ElementsAre;

TEST(Printable, MakesControlCharactersHarmless) {
  EXPECT_EQ(printable("plain · text"), "plain · text");
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable("a\nb\tc"), "a\\x0ab\\x09c");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
}

TEST(Width, CountsCodePoints) {
  EXPECT_EQ(width_of("a·b"), 3U);
  EXPECT_EQ(pad_right("·", 3), "·  ");
  EXPECT_EQ(pad_left("12", 4), "  12");
  EXPECT_EQ(pad_left("12345", 4), "12345");
}

TEST(Wrap, BreaksBetweenWords) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("one two", 100), ElementsAre("one two"));
  EXPECT_THAT(wrap("", 10), ElementsAre(""));
  EXPECT_THAT(wrap("first\nsecond line", 20), ElementsAre("first", "second line"));
}

TEST(Wrap, KeepsANumberWithItsUnit) {
  EXPECT_THAT(wrap("waits for 7.1 s now", 13), ElementsAre("waits for", "7.1 s now"));
  EXPECT_THAT(wrap("5 connections", 8), ElementsAre("5", "connecti", "ons"));
}

TEST(Wrap, CutsAWordThatFitsNowhere) {
  EXPECT_THAT(wrap("ab 1234567 c", 5), ElementsAre("ab", "12345", "67 c"));
  EXPECT_THAT(wrap("·····", 2), ElementsAre("··", "··", "·"));
}

TEST(JsonText, EscapesAndReplacesWhatIsNoUtf8) {
  const auto json = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  EXPECT_EQ(json("plain"), "\"plain\"");
  EXPECT_EQ(json("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"");
  EXPECT_EQ(json("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(JsonText, WritesValuesByTheirKind) {
  const auto json = [](const facts::Value& value, bool boolean = false) {
    std::string out;
    append_json_value(out, value, boolean);
    return out;
  };
  EXPECT_EQ(json(std::int64_t{-5}), "-5");
  EXPECT_EQ(json(std::int64_t{1}, true), "true");
  EXPECT_EQ(json(std::int64_t{0}, true), "false");
  EXPECT_EQ(json(1.5), "1.5");
  EXPECT_EQ(json(facts::Value{}), "null");
  EXPECT_EQ(json(facts::Value{}, true), "null");
}

}  // namespace
}  // namespace hostcheck::report
