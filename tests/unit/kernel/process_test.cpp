#include "core/kernel/process.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::kernel {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kNetns = 4026531840;

// A recorded /proc, made anew for each test.
class ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "hostcheck-proc-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "proc");
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path process(std::uint32_t pid, std::uint64_t netns = kNetns) {
    const fs::path folder = root_ / "proc" / std::to_string(pid);
    fs::create_directories(folder / "fd");
    fs::create_directories(folder / "ns");
    fs::create_symlink("net:[" + std::to_string(netns) + "]", folder / "ns/net");
    return folder;
  }
  void descriptor(std::uint32_t pid, int number, const std::string& target) {
    fs::create_symlink(target, root_ / "proc" / std::to_string(pid) / "fd" / std::to_string(number));
  }
  void socket(std::uint32_t pid, int number, std::uint32_t inode) {
    descriptor(pid, number, "socket:[" + std::to_string(inode) + "]");
  }
  void write(std::uint32_t pid, const std::string& file, const std::string& text) {
    std::ofstream(root_ / "proc" / std::to_string(pid) / file, std::ios::binary) << text;
  }
  HoldersFound find(const std::vector<std::uint32_t>& inodes, SearchExtent extent) {
    auto found = find_holders(files(), {.inodes = inodes, .netns_inode = kNetns, .extent = extent});
    EXPECT_TRUE(found);
    return found ? std::move(*found) : HoldersFound{};
  }
  [[nodiscard]] FileTree files() const { return FileTree(root_.string()); }
  fs::path root_;
};

TEST_F(ProcessTest, FindsTheHolderOfEachSocket) {
  process(10);
  process(20);
  descriptor(10, 0, "/dev/null");
  descriptor(10, 1, "pipe:[77]");
  socket(10, 3, 77);
  socket(20, 5, 88);
  const auto found = find({77, 88, 99}, SearchExtent::until_found);
  EXPECT_THAT(found.holdings, ElementsAre(Holding{10, 0}, Holding{20, 1}));
  EXPECT_EQ(found.not_found, 1U);
  EXPECT_EQ(found.unreadable, 0U);
}

TEST_F(ProcessTest, ASocketHeldTwiceByAProcessIsHeldOnce) {
  process(10);
  socket(10, 3, 77);
  socket(10, 4, 77);
  EXPECT_THAT(find({77}, SearchExtent::everything).holdings, ElementsAre(Holding{10, 0}));
}

TEST_F(ProcessTest, EveryProcessThatSharesAListenerIsFoundInAWholeRound) {
  for (const std::uint32_t pid : {10, 20, 30}) {
    process(pid);
    socket(pid, 6, 77);
  }
  EXPECT_THAT(find({77}, SearchExtent::until_found).holdings, ElementsAre(Holding{10, 0}));
  EXPECT_THAT(find({77}, SearchExtent::whole_round).holdings,
              ElementsAre(Holding{10, 0}, Holding{20, 0}, Holding{30, 0}));
}

TEST_F(ProcessTest, GoesOnWhereItStoppedInLaterRounds) {
  process(10);
  process(20);
  for (int number = 0; number < 700; ++number) socket(10, number, 1000 + static_cast<std::uint32_t>(number));
  socket(20, 3, 77);
  std::vector<std::uint32_t> inodes = {77};
  for (std::uint32_t number = 0; number < 700; ++number) inodes.push_back(1000 + number);
  const auto found = find(inodes, SearchExtent::until_found);
  EXPECT_EQ(found.not_found, 0U);
  EXPECT_EQ(found.holdings.size(), 701U);
}

TEST_F(ProcessTest, LooksIntoProcessesOfOtherNamespacesLast) {
  process(10, 1);
  socket(10, 3, 77);
  process(20);
  socket(20, 3, 77);
  EXPECT_THAT(find({77}, SearchExtent::until_found).holdings, ElementsAre(Holding{20, 0}));
  fs::remove(root_ / "proc/20/fd/3");
  EXPECT_THAT(find({77}, SearchExtent::until_found).holdings, ElementsAre(Holding{10, 0})) << "a handed-over socket";
}

TEST_F(ProcessTest, DoesNotLookAtEveryDescriptorOfOtherNamespaces) {
  process(10, 1);
  process(11, 1);
  for (int number = 0; number < 60; ++number) {
    descriptor(10, number, "pipe:[1]");
    descriptor(11, number, "pipe:[1]");
  }
  const std::vector<std::uint32_t> inodes = {77};
  const HolderSearch search{
      .inodes = inodes, .netns_inode = kNetns, .extent = SearchExtent::until_found, .most_foreign = 90};
  auto found = find_holders(files(), search);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->cut_short);
  EXPECT_FALSE(find({77}, SearchExtent::until_found).cut_short) << "all 120 were looked at";
  process(20);
  socket(20, 3, 77);
  found = find_holders(files(), search);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->cut_short);
}

TEST_F(ProcessTest, GivesUpOnASocketThatNobodyHolds) {
  process(10);
  process(20);
  for (int number = 0; number < 1000; ++number) {
    descriptor(10, number, "/dev/null");
    descriptor(20, number, "/dev/null");
  }
  const std::vector<std::uint32_t> inodes = {77};
  HolderSearch search{.inodes = inodes, .netns_inode = kNetns, .extent = SearchExtent::until_found};
  search.more_descriptors = 300;
  auto found = find_holders(files(), search);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->cut_short);
  EXPECT_EQ(found->not_found, 1U);
  search.more_descriptors = 100000;
  found = find_holders(files(), search);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->cut_short) << "everything was looked at";
}

TEST_F(ProcessTest, PassesOverWhatHasVanishedOrMakesNoSense) {
  process(10);
  descriptor(10, 3, "socket:[]");
  descriptor(10, 4, "socket:[12");
  descriptor(10, 5, "socket:[99999999999]");
  descriptor(10, 6, "socket:[77]x");
  process(20);
  fs::remove_all(root_ / "proc/20/fd");
  fs::create_directories(root_ / "proc/self");
  const auto found = find({77, 12}, SearchExtent::everything);
  EXPECT_THAT(found.holdings, IsEmpty());
  EXPECT_EQ(found.not_found, 2U);
  EXPECT_EQ(found.unreadable, 0U);
}

TEST_F(ProcessTest, NoProcIsAnErrorAndNotAnEmptyAnswer) {
  fs::remove_all(root_ / "proc");
  EXPECT_FALSE(find_holders(files(), {.inodes = {}, .netns_inode = kNetns, .extent = SearchExtent::everything}));
}

TEST_F(ProcessTest, ReadsStatOfAProcessWithAHostileName) {
  process(10);
  write(10, "stat", "10 (a) R 1 (b) 2) S 1 10 10 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 12 0 4242 1 2 3\n");
  const auto stat = process_stat(files(), 10);
  ASSERT_TRUE(stat) << stat.error().message();
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->threads, 12U);
  EXPECT_EQ(stat->start_ticks, 4242U);
  EXPECT_EQ(stat->cpu_ticks, 11U);
  for (const char* bad :
       {"", "10", "10 (x", "10 (x) S 1 2", "10 (x) S 1 10 10 0 -1 0 1 2 3 4 5 6 7 8 20 0 many 0 4242"}) {
    write(10, "stat", bad);
    EXPECT_FALSE(process_stat(files(), 10)) << bad;
  }
}

TEST_F(ProcessTest, CommandLinesAreCutAndEscaped) {
  process(10);
  write(10, "cmdline", std::string("nginx:\0-g\0a\nb\x1b[31m\xff\0", 20));
  EXPECT_EQ(process_command(files(), 10), "nginx: -g a\\x0ab\\x1b[31m\\xff");
  write(10, "cmdline", std::string(5000, 'x'));
  EXPECT_EQ(process_command(files(), 10).size(), 256U);
  write(10, "cmdline", "");
  EXPECT_EQ(process_command(files(), 10), "");
  write(10, "comm", "a\nb\n");
  EXPECT_EQ(process_name(files(), 10), "a\\x0ab");
}

TEST_F(ProcessTest, ReadsLimitsWithAndWithoutALimit) {
  process(10);
  write(10, "limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max processes             unlimited            unlimited            processes \n"
        "Max open files            1024                 unlimited            files     \n");
  const auto limits = process_descriptor_limits(files(), 10);
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->soft, 1024U);
  EXPECT_FALSE(limits->hard);
  write(10, "limits", "Limit\n");
  EXPECT_FALSE(process_descriptor_limits(files(), 10));
}

TEST_F(ProcessTest, CountsDescriptorsWhereTheFolderDoesNotTell) {
  process(10);
  for (int number = 0; number < 5; ++number) descriptor(10, number, "/dev/null");
  const auto count = process_descriptors(files(), 10);
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, 5U);
}

TEST_F(ProcessTest, PrefersTheUnifiedControlGroup) {
  process(10);
  write(10, "cgroup", "12:cpu:/legacy\n1:name=systemd:/system.slice/x\n0::/system.slice/nginx.service\n");
  EXPECT_EQ(process_cgroup(files(), 10), "/system.slice/nginx.service");
  write(10, "cgroup", "12:cpu:/legacy\n1:name=systemd:/system.slice/x\n");
  EXPECT_EQ(process_cgroup(files(), 10), "/system.slice/x");
}

TEST_F(ProcessTest, ReadsTheEffectiveUserAndItsName) {
  process(10);
  write(10, "status", "Name:\tx\nUid:\t1000\t33\t1000\t1000\n");
  EXPECT_EQ(process_uid(files(), 10).value(), 33U);
  fs::create_directories(root_ / "etc");
  std::ofstream(root_ / "etc/passwd") << "root:x:0:0::/:/bin/sh\nbroken\nwww-data:x:33:33::/:/bin/sh\n";
  EXPECT_EQ(user_name(files(), 33), "www-data");
  EXPECT_EQ(user_name(files(), 34), "");
}

}  // namespace
}  // namespace hostcheck::kernel
