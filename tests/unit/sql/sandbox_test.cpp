#include <chrono>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/facts/host.h"
#include "core/sql/database.h"

namespace hostcheck::sql {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string refusal(std::string_view query) {
  auto database = Database::open();
  const auto answer = database->run(query, {});
  if (answer) return "allowed";
  return std::string(name_of(answer.error().code)) + ": " + answer.error().message();
}

TEST(Sandbox, OnlyReads) {
  for (const std::string_view query :
       {"DELETE FROM namespaces", "INSERT INTO namespaces(netns) VALUES('x')", "UPDATE namespaces SET netns = 'x'",
        "CREATE TABLE t(x)", "CREATE TEMP TABLE t(x)", "CREATE VIEW v AS SELECT 1", "DROP TABLE namespaces",
        "CREATE VIRTUAL TABLE t USING fts5(x)", "ALTER TABLE namespaces RENAME TO x", "REINDEX", "ANALYZE",
        "CREATE TRIGGER t AFTER INSERT ON namespaces BEGIN SELECT 1; END",
        "WITH x AS (SELECT 1) DELETE FROM namespaces"}) {
    EXPECT_THAT(refusal(query), ::testing::StartsWith("invalid: ")) << query;
  }
}

TEST(Sandbox, LeavesTheProcessAlone) {
  EXPECT_THAT(refusal("ATTACH '/tmp/hostcheck-escape.db' AS x"), HasSubstr("ATTACH"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/hostcheck-escape.db"));
  EXPECT_THAT(refusal("VACUUM INTO '/tmp/hostcheck-escape.db'"), ::testing::StartsWith("invalid: "));
  EXPECT_FALSE(std::filesystem::exists("/tmp/hostcheck-escape.db"));
  EXPECT_THAT(refusal("PRAGMA journal_mode = WAL"), HasSubstr("PRAGMA is not allowed"));
  EXPECT_THAT(refusal("SELECT * FROM pragma_database_list"), HasSubstr("only the tables of"));
  EXPECT_THAT(refusal("SELECT count(*) FROM pragma_function_list"), HasSubstr("only the tables of"));
  EXPECT_THAT(refusal("BEGIN"), HasSubstr("transactions are not allowed"));
  EXPECT_THAT(refusal("SELECT load_extension('/tmp/x.so')"), HasSubstr("load_extension"));
  for (const std::string_view function :
       {"readfile('/etc/passwd')", "writefile('/tmp/x', 'y')", "random()", "randomblob(9)", "sqlite_version()",
        "sqlite_compileoption_get(1)", "last_insert_rowid()", "fts3_tokenizer('x')", "edit('x')", "sqlite_offset(1)"}) {
    EXPECT_NE(refusal("SELECT " + std::string(function)), "allowed") << function;
  }
}

TEST(Sandbox, HidesSqlitesOwnTables) {
  const auto hidden = AnyOf(HasSubstr("no such table: "), HasSubstr("only the tables of"));
  for (const std::string table : {"sqlite_master", "sqlite_schema", "sqlite_temp_master", "dbstat", "sqlite_stmt",
                                  "pragma_table_list", "sqlite_dbpage"}) {
    EXPECT_THAT(refusal("SELECT * FROM " + table), hidden) << table;
    EXPECT_THAT(refusal("SELECT count(*) FROM " + table), hidden) << table;
  }
}

TEST(Sandbox, IsOneStatement) {
  EXPECT_THAT(refusal("SELECT 1; SELECT 2"), HasSubstr("more than one statement"));
  EXPECT_THAT(refusal("SELECT 1; DELETE FROM namespaces"), HasSubstr("more than one statement"));
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("-- nothing"), HasSubstr("empty"));
  EXPECT_EQ(refusal("SELECT 1; -- a remark"), "allowed");
  EXPECT_EQ(refusal("SELECT 1 ;\n\n"), "allowed");
}

TEST(Sandbox, AllowsWhatRulesNeed) {
  for (const std::string_view query :
       {"SELECT count(*), sum(inode), avg(inode), group_concat(netns, ', '), total(inode) FROM namespaces",
        "SELECT row_number() OVER (ORDER BY inode), lag(inode) OVER (PARTITION BY netns ORDER BY inode) FROM "
        "namespaces",
        "SELECT json_extract('{\"a\":1}', '$.a'), value FROM json_each('[1,2]')",
        "SELECT COUNT(*), Max(1, 2), LOWER('X')",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) SELECT sum(x) FROM n",
        "SELECT printf('%d', 3), substr('abc', 2), datetime(0, 'unixepoch'), floor(2.5), iif(1, 2, 3)",
        "SELECT ip_in('10.1.2.3', '10.0.0.0/8'), ip_family('::1'), human_bytes(1), human_duration(1), has_flag('A', "
        "'A')",
        "SELECT CASE WHEN inode IN (1, 2) THEN 'a' ELSE CAST(inode AS TEXT) END FROM namespaces"}) {
    EXPECT_EQ(refusal(query), "allowed") << query;
  }
}

TEST(Sandbox, TablesOfWithAreNoTables) {
  EXPECT_EQ(
      refusal("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 9) SELECT count(*) FROM n"),
      "allowed");
  EXPECT_EQ(refusal("WITH n AS (SELECT inode FROM namespaces) SELECT 1 FROM n"), "allowed");
  EXPECT_THAT(refusal("EXPLAIN SELECT 1"), HasSubstr("EXPLAIN is not allowed"));
}

TEST(Sandbox, DoubleQuotesAreNotText) {
  EXPECT_THAT(refusal("SELECT 1 FROM namespaces WHERE netns = \"init\""), HasSubstr("no such column: init"));
}

TEST(Errors, NameTheNearest) {
  EXPECT_THAT(refusal("SELECT 1 FROM namespace"), HasSubstr("no such table: namespace (did you mean 'namespaces'?)"));
  EXPECT_THAT(refusal("SELECT inod FROM namespaces"), HasSubstr("no such column: inod (did you mean 'inode'?)"));
  EXPECT_THAT(refusal("SELECT n.inod FROM namespaces n"), HasSubstr("(did you mean 'inode'?)"));
  EXPECT_THAT(refusal("SELECT cuont(*) FROM namespaces"), HasSubstr("no such function: cuont (did you mean 'count'?)"));
  EXPECT_THAT(refusal("SELECT inode\nFROM namespaces\nWHERE netn = 'x'"), HasSubstr("(line 3 of the query)"));
  EXPECT_THAT(refusal("SELEC 1"), HasSubstr("syntax error"));
  auto database = Database::open();
  const auto answer = database->run("SELECT :idle_s", {{"idle", std::int64_t{1}}});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("parameter :idle_s has no value (did you mean 'idle'?)"));
  EXPECT_THAT(refusal("SELECT ?1"), HasSubstr("parameters are written :name"));
}

class Limited : public ::testing::Test {
 protected:
  // The error of the query under the limits; it has to come soon.
  std::string stopped(std::string_view query, const Limits& limits) {
    facts::Facts facts;
    for (std::uint64_t at = 0; at < 2000; ++at)
      facts.rows<facts::Namespace>().push_back({facts.intern("n"), at, 0, {}, {}, false, false, false});
    auto database = Database::open(facts);
    const auto start = std::chrono::steady_clock::now();
    const auto answer = database->run(query, {}, limits);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << query;
    // And the next query works.
    EXPECT_TRUE(database->run("SELECT count(*) FROM namespaces", {})) << query;
    if (answer) return "answered";
    EXPECT_EQ(answer.error().code, ErrorCode::limit) << answer.error().message();
    return answer.error().message();
  }
  Limits short_time{std::chrono::milliseconds(50), 64UL << 20, 1000};
};

TEST_F(Limited, ByTime) {
  EXPECT_THAT(
      stopped("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n", short_time),
      HasSubstr("stopped after 50 ms"));
  EXPECT_THAT(stopped("SELECT count(*) FROM namespaces a, namespaces b, namespaces c WHERE a.inode + b.inode = c.inode "
                      "- 1 - b.inode",
                      short_time),
              HasSubstr("stopped after 50 ms"));
}

TEST_F(Limited, ByMemory) {
  const Limits little{std::chrono::seconds(10), 8UL << 20, 10'000'000};
  EXPECT_THAT(stopped("WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT x + 1 FROM n) SELECT count(*) FROM n", little),
              HasSubstr("needs more than 8 MiB"));
  EXPECT_THAT(
      stopped("SELECT group_concat(a.inode || 'xxxxxxxxxxxxxxxxxxxxxxxx') FROM namespaces a, namespaces b", little),
      AnyOf(HasSubstr("needs more than 8 MiB"), HasSubstr("too long")));
  EXPECT_THAT(stopped("SELECT length(replace(hex(zeroblob(1000000)), '0', '0123456789'))", little),
              AnyOf(HasSubstr("needs more than 8 MiB"), HasSubstr("too long")));
  EXPECT_THAT(stopped("SELECT a.inode FROM namespaces a, namespaces b ORDER BY a.inode * b.inode", little),
              HasSubstr("needs more than 8 MiB"));
}

TEST_F(Limited, ByRows) {
  EXPECT_THAT(stopped("SELECT inode FROM namespaces", {std::chrono::seconds(10), 64UL << 20, 100}),
              HasSubstr("more than 100 rows"));
}

TEST_F(Limited, AnswersCountToo) {
  EXPECT_THAT(stopped("SELECT replace(hex(zeroblob(50000)), '0', 'xy') || a.inode FROM namespaces a",
                      {std::chrono::seconds(10), 8UL << 20, 10'000'000}),
              HasSubstr("needs more than 8 MiB"));
}

TEST(Functions, SayWhatTheyPromise) {
  auto database = Database::open();
  const auto value = [&](std::string_view expression) -> std::string {
    const auto answer = database->run("SELECT " + std::string(expression), {});
    if (!answer) return answer.error().message();
    const facts::Cell cell = facts::to_cell(answer->rows.at(0).at(0));
    if (cell.kind == facts::Cell::Kind::null) return "NULL";
    return cell.kind == facts::Cell::Kind::text ? std::string(cell.text) : std::to_string(cell.integer);
  };
  EXPECT_EQ(value("ip_in('10.1.2.3', '10.0.0.0/8')"), "1");
  EXPECT_EQ(value("ip_in('11.1.2.3', '10.0.0.0/8')"), "0");
  EXPECT_EQ(value("ip_in('fe80::1', 'fe80::/10')"), "1");
  EXPECT_EQ(value("ip_in('::1', '0.0.0.0/0')"), "0");
  EXPECT_EQ(value("ip_in('10.1.2.3', '10.1.2.3')"), "1");
  EXPECT_EQ(value("ip_in('x', '10.0.0.0/8')"), "NULL");
  EXPECT_EQ(value("ip_in(NULL, '10.0.0.0/8')"), "NULL");
  EXPECT_EQ(value("ip_in('10.1.2.3', '10.0.0.0/33')"), "NULL");
  EXPECT_EQ(value("ip_family('10.0.0.0/8')"), "inet");
  EXPECT_EQ(value("ip_family('::1')"), "inet6");
  EXPECT_EQ(value("ip_family('default')"), "NULL");
  EXPECT_EQ(value("has_flag('BROADCAST,UP,LOWER_UP', 'UP')"), "1");
  EXPECT_EQ(value("has_flag('BROADCAST,LOWER_UP', 'UP')"), "0");
  EXPECT_EQ(value("has_flag(NULL, 'UP')"), "NULL");
  EXPECT_EQ(value("human_bytes(1572864)"), "1.5 MiB");
  EXPECT_EQ(value("human_bytes(512)"), "512 B");
  EXPECT_EQ(value("human_duration(250)"), "250 ms");
  EXPECT_EQ(value("human_duration(1500)"), "1.5 s");
  EXPECT_EQ(value("human_duration(125000)"), "2 min 5 s");
  EXPECT_EQ(value("human_duration(12000000)"), "3 h 20 min");
  EXPECT_EQ(value("human_duration('x')"), "NULL");
  EXPECT_EQ(value("printf('%d of %05.1f %% in %s|%-4s|%4s|%,d', 3, 2.25, 'x', 'ab', 'cd', 1234567)"),
            "3 of 002.2 % in x|ab  |  cd|1,234,567");
  EXPECT_EQ(value("format('%x %d %s', 255)"), "ff 0 ");
  EXPECT_EQ(value("printf(NULL)"), "NULL");
  EXPECT_THAT(value("printf('%.*c', 900000000, 'x')"), HasSubstr("not known, or too wide"));
  EXPECT_THAT(value("printf('%.900000000d', 1)"), HasSubstr("not known, or too wide"));
}

}  // namespace
}  // namespace hostcheck::sql
