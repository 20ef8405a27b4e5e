#include "core/sql/snapshot.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "core/facts/link.h"
#include "core/facts/neighbour.h"
#include "core/sql/database.h"

namespace hostcheck::sql {
namespace {

using ::testing::HasSubstr;

class SnapshotFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hostcheck-snapshot-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/host.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static facts::Facts some_facts() {
    facts::Facts facts;
    facts.observed = std::chrono::milliseconds(2000);
    auto& links = facts.rows<facts::Link>();
    for (const char* name : {"eth0", "eth1"}) {
      facts::Link link;
      link.netns = facts.intern("init");
      link.ifindex = static_cast<std::uint32_t>(links.size() + 1);
      link.ifname = facts.intern(name);
      link.mtu = 1500;
      links.push_back(link);
    }
    auto& neighbours = facts.rows<facts::Neighbour>();
    facts::Neighbour neighbour;
    neighbour.netns = facts.intern("init");
    neighbour.ifname = facts.intern("eth0");
    neighbour.address = *IpAddress::parse("10.1.2.3");
    neighbours.push_back(neighbour);
    facts.add_absence({"sysctls", "value", "init", "net.x", ErrorCode::denied, "no", "run as root"});
    return facts;
  }
  static SnapshotInfo info() { return {"9.9.9", "web-17", "6.1.0", "2026-01-01T00:00:00.000Z", false, "{}"}; }
  void run(const std::string& sql) const {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_free(error);
    sqlite3_close(connection);
  }
  [[nodiscard]] std::string refused() const {
    const auto snapshot = read_snapshot(path_);
    return snapshot ? "was read" : snapshot.error().message();
  }

  std::string folder_;
  std::string path_;
};

std::vector<std::vector<facts::Value>> ask(const facts::Facts& facts, const char* query) {
  auto database = Database::open(facts);
  const auto answer = database->run(query, {});
  return answer ? answer->rows : std::vector<std::vector<facts::Value>>{};
}

TEST_F(SnapshotFile, ReadsAsItWasWritten) {
  const facts::Facts before = some_facts();
  ASSERT_TRUE(write_snapshot(path_, before, info(), nullptr));
  const auto snapshot = read_snapshot(path_);
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(snapshot->info.hostcheck, "9.9.9");
  EXPECT_EQ(snapshot->info.host, "web-17");
  EXPECT_EQ(snapshot->info.report, "{}");
  EXPECT_FALSE(snapshot->info.anonymous);
  EXPECT_EQ(snapshot->facts.observed.count(), 2000);
  for (const char* query : {"SELECT * FROM links", "SELECT * FROM neighbours"}) {
    EXPECT_EQ(ask(snapshot->facts, query), ask(before, query)) << query;
  }
  EXPECT_EQ(
      ask(snapshot->facts, "SELECT reason FROM absences WHERE table_name = 'sysctls' AND column_name = 'value'").size(),
      1U);
  // What was not gathered is absent, and not empty.
  EXPECT_EQ(ask(snapshot->facts, "SELECT reason FROM absences WHERE table_name = 'routes'").size(), 1U);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(SnapshotFile, HidesAddressesAndNames) {
  const facts::Facts before = some_facts();
  const facts::Anonymiser anonymiser({1, 2, 3});
  ASSERT_TRUE(write_snapshot(path_, before, info(), &anonymiser));
  const auto snapshot = read_snapshot(path_);
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(snapshot->info.anonymous);
  EXPECT_NE(snapshot->info.host, "web-17");
  const auto rows = ask(snapshot->facts, "SELECT n.address FROM neighbours n JOIN links l USING (netns, ifname)");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0][0], facts::Value(anonymiser.address(*IpAddress::parse("10.1.2.3")).to_string()));
  std::ifstream file(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(bytes.find("10.1.2.3"), std::string::npos);
  EXPECT_EQ(bytes.find("web-17"), std::string::npos);
}

TEST_F(SnapshotFile, IsWrittenWholeOrNotAtAll) {
  const auto written = write_snapshot(folder_ + "/none/host.db", some_facts(), info(), nullptr);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), HasSubstr("/none/host.db"));
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(write_snapshot(path_, some_facts(), info(), nullptr));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(SnapshotFile, OtherFilesAreRefusedByName) {
  EXPECT_THAT(refused(), HasSubstr("host.db: No such file"));
  std::ofstream(path_) << "not SQL at all, but long enough to be something: " << std::string(200, 'x');
  EXPECT_THAT(refused(), HasSubstr("file is not a database"));
  std::filesystem::remove(path_);
  std::ofstream(path_).flush();
  EXPECT_THAT(refused(), HasSubstr("is empty"));
  std::filesystem::remove(path_);
  run("CREATE TABLE links(ifname)");
  EXPECT_THAT(refused(), HasSubstr("is no snapshot of hostcheck"));
  path_ = folder_;
  EXPECT_THAT(refused(), HasSubstr("is no file"));
}

TEST_F(SnapshotFile, NewerFormatsWrongTypesAndMissingPartsAreNamed) {
  const auto fresh = [&] {
    std::filesystem::remove(path_);
    ASSERT_TRUE(write_snapshot(path_, some_facts(), info(), nullptr));
  };
  fresh();
  run("UPDATE snapshot SET value = 7 WHERE key = 'format'");
  EXPECT_THAT(refused(), HasSubstr("has format 7, written by hostcheck 9.9.9; this version reads format 1"));
  fresh();
  run("UPDATE links SET mtu = 'many'");
  EXPECT_THAT(refused(), HasSubstr("links.mtu is integer"));
  fresh();
  run("DROP TABLE absences");
  EXPECT_THAT(refused(), HasSubstr("absences"));
  fresh();
  run("DELETE FROM snapshot WHERE key = 'observed_ms'");
  EXPECT_THAT(refused(), HasSubstr("observed_ms"));
}

TEST_F(SnapshotFile, OlderAndNewerColumnsAreToldAndLeftOut) {
  ASSERT_TRUE(write_snapshot(path_, some_facts(), info(), nullptr));
  run("ALTER TABLE links DROP COLUMN mtu; ALTER TABLE links ADD COLUMN colour TEXT; CREATE TABLE planets(name)");
  const auto snapshot = read_snapshot(path_);
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(ask(snapshot->facts, "SELECT ifname FROM links").size(), 2U);
  EXPECT_EQ(ask(snapshot->facts, "SELECT 1 FROM absences WHERE table_name = 'links' AND column_name = 'mtu'").size(),
            1U);
}

TEST_F(SnapshotFile, NothingInTheFileIsRun) {
  ASSERT_TRUE(write_snapshot(path_, some_facts(), info(), nullptr));
  run("DROP TABLE links; CREATE VIEW links AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
      " SELECT 'init' AS netns, i AS ifindex FROM n");
  const auto snapshot = read_snapshot(path_);
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(ask(snapshot->facts, "SELECT 1 FROM absences WHERE table_name = 'links'").size(), 1U);
}

// Every way of cutting the file off, and thousands of damaged ones: an error or a snapshot, never more.
TEST_F(SnapshotFile, DamageIsSurvived) {
  ASSERT_TRUE(write_snapshot(path_, some_facts(), info(), nullptr));
  std::ifstream file(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  for (std::size_t size = 0; size < whole.size(); size += whole.size() / 97 + 1) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    EXPECT_FALSE(read_snapshot(path_)) << size << " of " << whole.size();
  }
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    for (int each = 0; each < 20; ++each) damaged[random() % damaged.size()] = static_cast<char>(random());
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << damaged;
    (void)read_snapshot(path_);
  }
}

}  // namespace
}  // namespace hostcheck::sql
