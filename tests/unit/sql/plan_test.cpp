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

TEST(Plan, FiltersReachJoinedTables) {
  const auto request = planned(
      "SELECT r.gateway FROM routes r JOIN neighbours n ON n.netns = r.netns AND n.address = r.gateway "
      "WHERE n.state = 'failed' AND r.dst_length = 0");
  EXPECT_THAT(readers(request, "routes"), ElementsAre("dst_length = 0"));
  EXPECT_THAT(readers(request, "neighbours"), ElementsAre("state = failed"));
  EXPECT_THAT(request.at("neighbours").columns(), UnorderedElementsAre("netns", "address", "state"));
}

TEST(Plan, FiltersInTheOnOfALeftJoinReachItsTableOnly) {
  const auto request = planned(
      "SELECT l.ifname FROM links l LEFT JOIN sysctls s ON s.netns = l.netns AND s.name GLOB "
      "'net.ipv4.conf.*.rp_filter' "
      "AND l.kind = 'veth'");
  EXPECT_THAT(readers(request, "sysctls"), ElementsAre("name GLOB net.ipv4.conf.*.rp_filter"));
  EXPECT_THAT(readers(request, "links"), ElementsAre(""));
}

TEST(Plan, ATermOnTheRowsThatALeftJoinLacksIsNoFilter) {
  const auto request =
      planned("SELECT l.ifname FROM links l LEFT JOIN addresses a ON a.ifindex = l.ifindex WHERE a.address IS NULL");
  EXPECT_THAT(readers(request, "addresses"), ElementsAre(""));
}

TEST(Plan, EachBranchOfAnOrIsAReaderOrNone) {
  // SQLite scans once or once a branch; either way no branch's rows are left out.
  const auto request = planned("SELECT ifname FROM links WHERE kind = 'bond' OR mtu = 9000");
  EXPECT_THAT(readers(request, "links"),
              ::testing::AnyOf(ElementsAre(""), UnorderedElementsAre("kind = bond", "mtu = 9000")));
}

TEST(Plan, FiltersPassThroughWithAndSubqueries) {
  EXPECT_THAT(
      readers(planned("WITH f AS (SELECT netns, address FROM neighbours) SELECT address FROM f WHERE netns = 'blue'"),
              "neighbours"),
      ElementsAre("netns = blue"));
  EXPECT_THAT(readers(planned("SELECT c FROM (SELECT netns, count(*) AS c FROM neighbours WHERE state = 'stale' GROUP "
                              "BY netns) WHERE c > 5"),
                      "neighbours"),
              ElementsAre("state = stale"));
  EXPECT_THAT(
      readers(planned("SELECT (SELECT value FROM sysctls WHERE name = 'net.core.somaxconn') AS v FROM listeners"),
              "sysctls"),
      ElementsAre("name = net.core.somaxconn"));
}

TEST(Plan, CompoundsAreSeveralReaders) {
  const auto request = planned(
      "SELECT address FROM neighbours WHERE state = 'failed' UNION ALL SELECT address FROM neighbours WHERE state = "
      "'incomplete'");
  EXPECT_THAT(readers(request, "neighbours"), UnorderedElementsAre("state = failed", "state = incomplete"));
  EXPECT_THAT(*request.at("neighbours").only_text("state"), UnorderedElementsAre("failed", "incomplete"));
}

TEST(Plan, TwoScansWithDifferentFiltersAreTwoReaders) {
  const auto request = planned(
      "SELECT a.value, b.value FROM sysctls a JOIN sysctls b ON b.netns = a.netns WHERE a.name = 'net.core.somaxconn' "
      "AND b.name = 'net.ipv4.tcp_max_syn_backlog'");
  EXPECT_THAT(readers(request, "sysctls"),
              UnorderedElementsAre("name = net.core.somaxconn", "name = net.ipv4.tcp_max_syn_backlog"));
}

TEST(Plan, WhatIsNotLiteralIsNoFilter) {
  EXPECT_THAT(readers(planned("SELECT 1 FROM links WHERE mtu > :least AND ifname IN ('a', 'b') AND lower(kind) = 'x'"),
                      "links"),
              ElementsAre(""));
  EXPECT_THAT(readers(planned("SELECT 1 FROM links WHERE ifname = 'x' COLLATE NOCASE"), "links"), ElementsAre(""));
  EXPECT_THAT(readers(planned("SELECT 1 FROM links WHERE ifname = 5"), "links"), ElementsAre(""));
}

TEST(Plan, CountingRowsReadsNoColumn) {
  const auto request = planned("SELECT count(*) FROM links");
  ASSERT_TRUE(request.contains("links"));
  EXPECT_TRUE(request.at("links").columns().empty());
}

TEST(Plan, DeltasAskForAnObservation) {
  EXPECT_TRUE(planned("SELECT rx_dropped_delta FROM links").at("links").wants_observation());
  EXPECT_FALSE(planned("SELECT rx_dropped FROM links").at("links").wants_observation());
}

TEST(Plan, AbsencesAreNeverGathered) {
  EXPECT_TRUE(planned("SELECT reason FROM absences WHERE table_name = 'links'").empty());
}

TEST(Plan, EveryTableCanBeRead) {
  auto database = Database::open();
  for (const facts::TableInfo* info : facts::catalogue()) {
    std::string columns;
    for (const facts::Column& column : info->columns) columns += (columns.empty() ? "\"" : ", \"") + column.name + "\"";
    const auto request = database->plan("SELECT " + columns + " FROM " + info->name);
    ASSERT_TRUE(request) << request.error().message();
    EXPECT_EQ(request->at(info->name).columns().size(), info->columns.size()) << info->name;
  }
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

TEST(Database, WithoutFactsReadsEmptyTablesAndKeepsPlansForLater) {
  auto database = Database::open();
  const std::string query = "SELECT netns FROM namespaces WHERE inode = 8";
  ASSERT_TRUE(database->plan(query));
  EXPECT_TRUE(database->run(query, {})->rows.empty());
  facts::Facts facts;
  facts.rows<facts::Namespace>().push_back({facts.intern("blue"), 8, 0, {}, {}, false, false, true});
  database->use(facts);
  EXPECT_EQ(database->run(query, {})->rows.size(), 1U);
}

TEST(Database, JoinsManyRowsByIndex) {
  facts::Facts facts;
  auto& rows = facts.rows<facts::Namespace>();
  for (std::uint64_t at = 0; at < 50'000; ++at) {
    rows.push_back({facts.intern("n" + std::to_string(at)),
                    at,
                    static_cast<std::uint32_t>((at + 1) % 50'000),
                    {},
                    {},
                    false,
                    false,
                    false});
  }
  auto database = Database::open(facts);
  // Would take minutes row by row.
  const auto answer = database->run(
      "SELECT count(*), count(b.netns) FROM namespaces a LEFT JOIN namespaces b ON b.inode = a.processes + 1", {},
      {std::chrono::seconds(20)});
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->rows[0], (std::vector<Value>{std::int64_t{50'000}, std::int64_t{49'999}}));
}

TEST(Database, RepeatedFilteredScansAreRemembered) {
  facts::Facts facts;
  auto& rows = facts.rows<facts::Namespace>();
  for (std::uint64_t at = 0; at < 20'000; ++at)
    rows.push_back({facts.intern(at == 7 ? "x" : "n"), at, 0, {}, {}, false, false, false});
  auto database = Database::open(facts);
  const auto answer = database->run("SELECT count(*) FROM namespaces a LEFT JOIN namespaces b ON b.netns = 'x'", {},
                                    {std::chrono::seconds(20)});
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->rows[0][0], Value(std::int64_t{20'000}));
}

}  // namespace
}  // namespace hostcheck::sql
