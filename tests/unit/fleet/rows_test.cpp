#include "core/fleet/rows.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::fleet {
namespace {

std::string copied(std::string_view text) {
  std::string out;
  append_copy_text(out, text);
  return out;
}

TEST(CopyText, EscapesWhatWouldEndAFieldOrALine) {
  EXPECT_EQ(copied("a\tb\nc\rd\\.e\\N"), "a\\tb\\nc\\rd\\\\.e\\\\N");
  EXPECT_EQ(copied("\x01\x7F"), "\x01\x7F");
  EXPECT_EQ(copied(""), "");
}

TEST(CopyText, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(copied("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(copied("\xFF"), mark);
  EXPECT_EQ(copied("\xC3"), mark);
  EXPECT_EQ(copied("\xC0\xAF"), mark + mark) << "overlong";
  EXPECT_EQ(copied("\xE0\x9F\xBF"), mark + mark + mark) << "overlong";
  EXPECT_EQ(copied("\xED\xA0\x80"), mark + mark + mark) << "a surrogate";
  EXPECT_EQ(copied("\xF4\x90\x80\x80"), mark + mark + mark + mark) << "beyond U+10FFFF";
  EXPECT_EQ(copied("\xE2\x82"), mark + mark) << "cut off";
  EXPECT_EQ(copied(std::string_view("a\0b", 3)), "a" + mark + "b");
}

TEST(Rows, HaveTheirHostInFrontAndNullAsCopyWritesIt) {
  Rows rows;
  rows.begin("web\t1");
  rows.add(facts::Cell{});
  rows.add(std::int64_t{-9223372036854775807 - 1});
  rows.add(facts::real_cell(0.1));
  rows.add(std::string_view(""));
  rows.add_text("");
  rows.end();
  EXPECT_EQ(rows.text(), "web\\t1\t\\N\t-9223372036854775808\t0.1\t\t\\N\n");
  EXPECT_EQ(rows.count(), 1U);
  Rows more;
  more.append(rows);
  more.append(rows);
  EXPECT_EQ(more.count(), 2U);
  EXPECT_EQ(more.text(), rows.text() + rows.text());
}

TEST(Rows, WriteRealsAsPostgresReadsThem) {
  Rows rows;
  rows.add(facts::real_cell(1e300));
  rows.add(facts::real_cell(-INFINITY));
  rows.add(facts::real_cell(2));
  EXPECT_EQ(rows.text(), "\t1e+300\t-inf\t2");
}

TEST(CopyStatement, QuotesNamesThatAreWordsOfSql) {
  const std::vector<std::string> columns = {"user", "limit"};
  EXPECT_EQ(copy_statement("routes", columns), R"(COPY "routes" ("host", "user", "limit") FROM STDIN)");
}

}  // namespace
}  // namespace hostcheck::fleet
