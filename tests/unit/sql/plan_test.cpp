#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/text.h"
#include "core/facts/host.h"
#include "core/sql/database.h"

namespace hostcheck::sql {
namespace {

using facts::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// The terms of each reader of a table, as "column op value" texts.
std::vector<std::string> readers(const facts::Request& request, const std::string& table) {
  constexpr std::string_view kOps[] = {"=", "<>", "<", "<=", ">", ">=", "GLOB", "LIKE", "IS NULL", "NOT NULL"};
  std::vector<std::string> all;
  const auto found = request.find(table);
  if (found == request.end()) return {"not asked"};
  for (const auto& terms : found->second.readers()) {
    std::string text;
    for (const facts::Constraint& each : terms) {
      if (!text.empty()) text += " AND ";
      text += each.column + " " + std::string(kOps[static_cast<std::size_t>(each.op)]);
      if (const auto* number = std::get_if<std::int64_t>(&each.value)) text += " " + std::to_string(*number);
      if (const auto* words = std::get_if<std::string>(&each.value)) text += " " + *words;
    }
    all.push_back(text);
  }
  return all;
}

facts::Request planned(std::string_view query) {
  auto request = plan(query);
  EXPECT_TRUE(request) << (request ? "" : request.error().message());
  return request ? *request : facts::Request{};
}

TEST(Plan, NamesTheTablesAndColumnsThatAreRead) {
  const auto request = planned("SELECT n.first_pid FROM namespaces n WHERE n.processes > 3");
  ASSERT_EQ(request.size(), 1U);
  EXPECT_THAT(request.at("namespaces").columns(), UnorderedElementsAre("first_pid", "processes"));
}

TEST(Plan, LiteralTermsReachTheRequest) {
  const auto request =
      planned("SELECT inode FROM namespaces WHERE netns = 'init' AND processes >= 2 AND first_pid IS NULL");
  EXPECT_THAT(readers(request, "namespaces"), ElementsAre("netns = init AND processes >= 2 AND first_pid IS NULL"));
}

TEST(Plan, EachScanOfATableIsAReader) {
  const auto request = planned(
      "SELECT a.inode FROM namespaces a WHERE a.netns = 'init' AND EXISTS "
      "(SELECT 1 FROM namespaces b WHERE b.inode = a.inode AND b.netns GLOB 'x*')");
  EXPECT_THAT(readers(request, "namespaces"), UnorderedElementsAre("netns = init", "netns GLOB x*"));
}

TEST(Database, ReadsRowsInPlace) {
  facts::Facts facts;
  auto& rows = facts.rows<facts::Namespace>();
  rows.push_back({facts.intern("init"), 7, 3, {}, {}, true, true, true});
  rows.push_back({facts.intern("blue"), 8, 0, 42, facts.intern("nginx"), false, false, true});
  auto database = Database::open(facts);
  ASSERT_TRUE(database);
  const auto answer = database->run("SELECT netns, first_pid, inode + 1 AS more FROM namespaces WHERE inode > :least",
                                    {{"least", std::int64_t{7}}});
  ASSERT_TRUE(answer) << answer.error().message();
  ASSERT_EQ(answer->rows.size(), 1U);
  EXPECT_EQ(answer->rows[0], (std::vector<Value>{std::string("blue"), std::int64_t{42}, std::int64_t{9}}));
  EXPECT_EQ(answer->columns[0].table, "namespaces");
  EXPECT_EQ(answer->columns[0].column, "netns");
  EXPECT_EQ(answer->columns[2].name, "more");
  EXPECT_EQ(answer->columns[2].table, "");
}

}  // namespace
}  // namespace hostcheck::sql
