#include "core/kernel/cgroup.h"

#include <gtest/gtest.h>

#include "tests/support/fake_tree.h"

namespace hostcheck::kernel {
namespace {

class Cgroup : public testing::Test {
 protected:
  test::FakeTree tree_;
  void write(const std::string& path, std::string_view text) const { tree_.write("/sys/fs/cgroup" + path, text); }
  [[nodiscard]] std::vector<CgroupFolders> folders(std::string_view text) const {
    return cgroup_folders(tree_.files(), text);
  }
  [[nodiscard]] Result<facts::CgroupLimits> read(const CgroupFolders& folders) const {
    return read_cgroup(tree_.files(), folders, {});
  }
};

TEST_F(Cgroup, OfTheUnifiedHierarchyHasThoseAboveIt) {
  write("/cgroup.controllers", "cpu memory\n");
  const auto all = folders("0::/pods/a/b\n");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name, "/pods/a/b");
  EXPECT_EQ(all[0].unified, "/sys/fs/cgroup/pods/a/b");
  EXPECT_EQ(all[2].name, "/pods");
  EXPECT_EQ(all[2].cpu, "");
}

TEST_F(Cgroup, AtTheRootIsItsOwn) {
  write("/cgroup.controllers", "cpu memory\n");
  const auto all = folders("0::/\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].unified, "/sys/fs/cgroup");
}

TEST_F(Cgroup, OutsideOfThisNamespaceHasNoFiles) {
  write("/cgroup.controllers", "cpu memory\n");
  const auto all = folders("0::/../other\n");
  EXPECT_EQ(all.at(0).unified, "");
  const auto limits = read(all[0]);
  ASSERT_TRUE(limits);
  EXPECT_FALSE(limits->cpu_periods);
}

TEST_F(Cgroup, TellsLimitsAndWhatTheyHeldUp) {
  write("/cgroup.controllers", "cpu memory\n");
  write("/a/cpu.stat", "usage_usec 5000000\nuser_usec 1\nnr_periods 100\nnr_throttled 40\nthrottled_usec 2500000\n");
  write("/a/cpu.max", "20000 100000\n");
  write("/a/memory.current", "1000\n");
  write("/a/memory.max", "max\n");
  write("/a/memory.high", "900\n");
  write("/a/memory.events", "low 0\nhigh 7\nmax 3\noom 1\noom_kill 1\n");
  write("/a/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000\nfull avg10=0 avg60=0 total=2000\n");
  const auto limits = read(folders("0::/a\n").at(0));
  ASSERT_TRUE(limits) << limits.error().message();
  EXPECT_EQ(limits->cpu_quota_us, 20000U);
  EXPECT_EQ(limits->cpu_period_us, 100000U);
  EXPECT_EQ(limits->cpu_throttled_periods->value, 40U);
  EXPECT_EQ(limits->cpu_throttled_ms->value, 2500U);
  EXPECT_EQ(limits->cpu_ms->value, 5000U);
  EXPECT_EQ(limits->memory_bytes, 1000U);
  EXPECT_FALSE(limits->memory_max_bytes);
  EXPECT_EQ(limits->memory_high_bytes, 900U);
  EXPECT_EQ(limits->memory_max_events->value, 3U);
  EXPECT_EQ(limits->memory_full_ms->value, 2U);
  EXPECT_FALSE(limits->cpu_some_ms) << "without its file it is not 0";
}

TEST_F(Cgroup, OfTheFirstVersionIsReadInItsOwnHierarchies) {
  write("/unified/cgroup.procs", "");
  write("/cpu/a/cpu.stat", "nr_periods 11\nnr_throttled 10\nthrottled_time 846536152\n");
  write("/cpu/a/cpu.cfs_quota_us", "5000\n");
  write("/cpu/a/cpu.cfs_period_us", "100000\n");
  write("/memory/b/memory.usage_in_bytes", "77\n");
  write("/memory/b/memory.limit_in_bytes", "9223372036854771712\n");
  const auto all = folders("4:memory:/b\n3:cpu,cpuacct:/a\n1:name=systemd:/s\n0::/u\n");
  EXPECT_EQ(all.at(0).name, "/a");
  EXPECT_EQ(all[0].unified, "/sys/fs/cgroup/unified/u");
  const auto limits = read(all[0]);
  ASSERT_TRUE(limits) << limits.error().message();
  EXPECT_EQ(limits->cpu_throttled_ms->value, 846U);
  EXPECT_EQ(limits->cpu_quota_us, 5000U);
  EXPECT_EQ(limits->memory_bytes, 77U);
  EXPECT_FALSE(limits->memory_max_bytes) << "the largest number means no limit";
}

TEST(Pressure, OfAProcessorMayHaveOneLineOnly) {
  const auto lines = parse_pressure("some avg10=3.61 avg60=9.03 avg300=7.43 total=4351896257\n", "cpu");
  ASSERT_TRUE(lines);
  EXPECT_DOUBLE_EQ(lines->some_avg10, 3.61);
  EXPECT_EQ(lines->some_ms, 4351896U);
  EXPECT_FALSE(lines->full_ms);
}

TEST(Pressure, ThatIsMalformedIsAnError) {
  for (const char* bad :
       {"", "full avg10=0 total=1\n", "some avg10=x total=1\n", "some avg10=0\n", "some total=-1 avg10=0\n"}) {
    EXPECT_FALSE(parse_pressure(bad, "cpu")) << bad;
  }
}

}  // namespace
}  // namespace hostcheck::kernel
