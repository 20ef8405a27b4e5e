#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/plugin/plugin.h"

namespace hostcheck::plugin {
namespace {

namespace fs = std::filesystem;

// A folder `slow` with the given plugin.toml, removed at the end.
class Sidecar : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("hc-sidecar-" + std::to_string(::getpid())) / "slow";
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_.parent_path()); }
  Result<Plugin> load(const std::string& text) {
    std::ofstream(folder_ / "plugin.toml") << text;
    return load_plugin(folder_.string());
  }
  std::string error(const std::string& text) {
    const auto plugin = load(text);
    return plugin ? "" : plugin.error().message();
  }
  fs::path folder_;
};

constexpr const char* kWhole = R"(name = "slow"
[[input]]
name  = "links"
query = "SELECT netns, ifname FROM links WHERE mtu < :least"
[[check]]
id       = "nic.slow"
title    = "Slow"
severity = "warning"
claim    = "state"
subject  = ["netns"]
[check.params]
least = 1280
)";

std::string with(std::string_view from, std::string_view to) {
  std::string text = kWhole;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_F(Sidecar, ReadsAWholeFile) {
  const auto plugin = load(kWhole);
  ASSERT_TRUE(plugin) << plugin.error().message();
  EXPECT_EQ(plugin->name, "slow");
  ASSERT_EQ(plugin->checks.size(), 1U);
  EXPECT_EQ(plugin->checks.front().inputs, std::vector<std::string>{"links"});
  EXPECT_TRUE(plugin->capabilities.empty());
  EXPECT_FALSE(plugin->reads_files);
  auto database = sql::Database::open();
  const auto request = plan(*plugin, *database);
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_TRUE(request->at("links").wants("mtu"));
}

TEST_F(Sidecar, NamesWhatIsWrongAndWhere) {
  EXPECT_NE(error(with("title ", "tittle ")).find("tittle"), std::string::npos);
  EXPECT_NE(error(with("name = \"slow\"", "name = \"fast\"")).find("folder"), std::string::npos);
  EXPECT_NE(error(with("name = \"slow\"", "name = \"slow\"\ntime_ms = 60000")).find("time_ms"), std::string::npos);
  EXPECT_NE(error(with("name = \"slow\"", "name = \"slow\"\ncapabilities = [\"CAP_SYSLOK\"]")).find("'CAP_SYSLOG'"),
            std::string::npos);
  EXPECT_NE(error(with("claim ", "inputs = [\"link\"]\nclaim ")).find("did you mean 'links'"), std::string::npos);
  EXPECT_NE(error(with("severity = \"warning\"", "severity = \"critical\"")).find("live"), std::string::npos);
  EXPECT_NE(error("name = \"slow\"\n").find("no [[check]]"), std::string::npos);
}

TEST_F(Sidecar, AQueryWithAnUnknownParameterIsNoPlan) {
  const auto plugin = load(with(":least", ":leest"));
  ASSERT_TRUE(plugin);
  auto database = sql::Database::open();
  const auto request = plan(*plugin, *database);
  ASSERT_FALSE(request);
  EXPECT_NE(request.error().message().find("did you mean 'least'"), std::string::npos);
  EXPECT_NE(request.error().message().find("plugin.toml:4"), std::string::npos);
}

constexpr const char* kTable = R"(
[[table]]
name    = "slow_links"
meaning = "Links that are slow, one row each"
[[table.column]]
name    = "ifname"
type    = "text"
meaning = "Name of the interface"
key     = true
[[table.column]]
name    = "wait_ms"
type    = "real"
unit    = "ms"
meaning = "How slow it is"
)";

std::string table_with(std::string_view from, std::string_view to) {
  std::string text = std::string(kWhole) + kTable;
  const auto at = text.rfind(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_F(Sidecar, DeclaresTablesThatQueriesKnowThen) {
  const auto plugin = load(std::string(kWhole) + kTable);
  ASSERT_TRUE(plugin) << plugin.error().message();
  ASSERT_EQ(plugin->tables.size(), 1U);
  EXPECT_EQ(plugin->tables.front().inputs, std::vector<std::string>{"links"});
  EXPECT_FALSE(sql::Database::open()->plan("SELECT wait_ms FROM slow_links"));
  ASSERT_TRUE(announce_tables(*plugin));
  auto database = sql::Database::open();
  const auto request = database->plan("SELECT wait_ms FROM slow_links");
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_TRUE(brings_any_of(*plugin, *request));
  EXPECT_TRUE(facts::is_brought_table("slow_links"));
  EXPECT_EQ(facts::find_table("slow_links")->columns[1].unit, "ms");
  EXPECT_EQ(facts::find_table("slow_links")->columns[1].source, "plugin slow");

  Plugin other = *plugin;
  other.name = "other";
  const auto twice = announce_tables(other);
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message().find("'slow_links' of plugin other is already that of plugin slow"),
            std::string::npos);
  Plugin changed = *plugin;
  changed.tables.front().info.columns.pop_back();
  const auto anew = announce_tables(changed);
  ASSERT_FALSE(anew);
  EXPECT_NE(anew.error().message().find("has other columns"), std::string::npos);
  Plugin reader = other;
  reader.inputs.front().query = "SELECT ifname FROM slow_links";
  const auto planned = plan(reader, *database);
  ASSERT_FALSE(planned);
  EXPECT_NE(planned.error().message().find("slow_links is brought by plugin slow"), std::string::npos);
}

TEST_F(Sidecar, NamesWhatIsWrongWithATable) {
  EXPECT_NE(error(table_with("\"slow_links\"", "\"links\"")).find("'links' of plugin slow has the name of one of host"),
            std::string::npos);
  for (const char* name : {"absences", "probe_mine", "sqlite_x", "order", "Upper", "1st", "a b", ""}) {
    EXPECT_NE(error(table_with("\"slow_links\"", '"' + std::string(name) + '"')).find("name"), std::string::npos)
        << name;
  }
  EXPECT_NE(error(table_with("\"real\"", "\"float\"")).find("boolean, integer, real, text"), std::string::npos);
  EXPECT_NE(error(table_with("\"wait_ms\"", "\"ifname\"")).find("two columns 'ifname'"), std::string::npos);
  EXPECT_NE(error(table_with("\"wait_ms\"", "\"wait_delta\"")).find("_delta"), std::string::npos);
  EXPECT_NE(error(table_with("key     = true", "")).find("what tells its rows apart"), std::string::npos);
  EXPECT_NE(
      error(table_with("meaning = \"Links", "inputs = [\"link\"]\nmeaning = \"Links")).find("did you mean 'links'"),
      std::string::npos);
  EXPECT_NE(error(table_with("unit    =", "units   =")).find("did you mean 'unit'"), std::string::npos);
}

}  // namespace
}  // namespace hostcheck::plugin
