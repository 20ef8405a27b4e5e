#include "core/fleet/schema.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::fleet {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Schema, HasEveryTableOfFactsWithTheHostInFront) {
  for (const facts::TableInfo* info : facts::catalogue()) {
    const Table* table = find_table(info->name);
    ASSERT_NE(table, nullptr) << info->name;
    ASSERT_EQ(table->columns.size(), info->columns.size() + 1);
    EXPECT_EQ(table->columns.front().name, "host");
    EXPECT_FALSE(is_own_table(info->name));
    for (std::size_t at = 0; at < info->columns.size(); ++at) {
      EXPECT_EQ(table->columns[at + 1].name, info->columns[at].name);
      EXPECT_EQ(table->columns[at + 1].type, column_type(info->columns[at].type));
    }
  }
}

// PostgreSQL would cut longer names, and refuse two equal ones.
TEST(Schema, HasNamesThatFitAndDiffer) {
  std::set<std::string> names = {"unknowns"};
  for (const Table& table : tables()) {
    EXPECT_TRUE(names.insert(table.name).second) << table.name;
    std::set<std::string> columns;
    for (const Column& column : table.columns) {
      EXPECT_TRUE(columns.insert(column.name).second) << table.name << "." << column.name;
      EXPECT_LE(column.name.size(), 63U);
      EXPECT_FALSE(column.comment.empty()) << table.name << "." << column.name;
    }
    for (const std::string& column : table.indexed) {
      EXPECT_TRUE(columns.contains(column)) << table.name << "." << column;
      EXPECT_LE(table.name.size() + column.size() + 4, 63U);
    }
  }
}

TEST(Schema, IsKnownByItsMark) {
  ASSERT_NE(find_table("runs"), nullptr);
  EXPECT_EQ(find_table("runs")->comment.rfind(kMark, 0), 0U);
}

TEST(Schema, QuotesNamesAndTexts) {
  EXPECT_EQ(quoted_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quoted_text("it's"), "'it''s'");
  EXPECT_EQ(quoted_text("a\\'b"), "E'a\\\\''b'");
  EXPECT_THAT(create_schema("my\"fleet"), HasSubstr("CREATE SCHEMA IF NOT EXISTS \"my\"\"fleet\";"));
}

TEST(Schema, OnlyRunsHasOneRowAHost) {
  EXPECT_THAT(create_table(*find_table("runs")), HasSubstr("\"host\" text PRIMARY KEY"));
  const std::string links = create_table(*find_table("links"));
  EXPECT_THAT(links, HasSubstr("\"host\" text NOT NULL"));
  EXPECT_THAT(links, HasSubstr("CREATE INDEX IF NOT EXISTS \"links_by_host\" ON \"links\" (\"host\");"));
  EXPECT_THAT(links, Not(HasSubstr("PRIMARY KEY")));
}

}  // namespace
}  // namespace hostcheck::fleet
