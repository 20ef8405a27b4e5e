#include "core/kernel/sysctl.h"

#include <limits>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_tree.h"

namespace hostcheck::kernel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

facts::Sysctl parsed(std::string_view content) {
  facts::Sysctl row;
  parse_sysctl(content, row);
  return row;
}

std::map<std::string, std::string> read(const test::FakeTree& tree, const std::vector<std::string>& patterns,
                                        std::vector<std::string>* missing = nullptr) {
  std::map<std::string, std::string> found;
  auto absent = read_sysctls(tree.files(), select_sysctls(patterns), [&](std::string_view name, const auto& content) {
    const bool is_new = found.emplace(name, content ? std::string(*content) : content.error().message()).second;
    EXPECT_TRUE(is_new) << name << " is read twice";
  });
  if (missing != nullptr) *missing = std::move(absent);
  return found;
}

TEST(Sysctl, NamesAreSpeltAsSysctlDoes) {
  EXPECT_EQ("net.ipv4.conf.eth0/5.rp_filter", swap_sysctl_separators("net/ipv4/conf/eth0.5/rp_filter"));
  EXPECT_EQ("net/ipv4/conf/eth0.5/rp_filter", swap_sysctl_separators("net.ipv4.conf.eth0/5.rp_filter"));
}

TEST(Sysctl, TheInterfaceIsShownWithItsDots) {
  EXPECT_EQ("eth0.5", sysctl_ifname("net.ipv4.conf.eth0/5.rp_filter"));
  EXPECT_EQ("default", sysctl_ifname("net.ipv6.neigh.default.gc_thresh3"));
  EXPECT_EQ("", sysctl_ifname("net.ipv4.ip_forward"));
  EXPECT_EQ("", sysctl_ifname("net.ipv4.conf.eth0"));
  EXPECT_EQ("", sysctl_ifname("fs.conf.a.b"));
}

TEST(Sysctl, OneIntegerIsTheValue) {
  const facts::Sysctl row = parsed("  -1\n");
  EXPECT_EQ(-1, row.value);
  EXPECT_EQ(-1, row.v1);
  EXPECT_EQ(std::nullopt, row.v2);
  EXPECT_EQ("-1", row.text);
}

TEST(Sysctl, SeveralIntegersAreTheirPlaces) {
  const facts::Sysctl row = parsed("4096\t131072\t6291456\n");
  EXPECT_EQ(std::nullopt, row.value);
  EXPECT_EQ(4096, row.v1);
  EXPECT_EQ(131072, row.v2);
  EXPECT_EQ(6291456, row.v3);
  EXPECT_EQ("4096\t131072\t6291456", row.text);
  EXPECT_EQ(2, parsed("1 2 3 4 5 6\n").v2);
}

TEST(Sysctl, TextHasNoNumbers) {
  for (const char* text : {"cubic reno\n", "8080,9000-9100\n", "0x10\n", "1.5\n", "3 of 5\n", "\n", ""}) {
    const facts::Sysctl row = parsed(text);
    EXPECT_EQ(std::nullopt, row.value) << text;
    EXPECT_EQ(std::nullopt, row.v1) << text;
  }
  EXPECT_EQ("cubic reno", parsed("cubic reno\n").text);
}

TEST(Sysctl, ANumberAboveTheLargestSignedOneIsThat) {
  EXPECT_EQ(std::numeric_limits<std::int64_t>::max(), parsed("18446744073709551615\n").value);
  EXPECT_EQ(std::nullopt, parsed("99999999999999999999999\n").value);
}

TEST(Sysctl, ExactNamesAreReadAndTheMissingOnesGivenBack) {
  const test::FakeTree tree;
  tree.write("/proc/sys/net/ipv4/tcp_syncookies", "1\n");
  tree.write("/proc/sys/fs/file-max", "100\n");
  std::vector<std::string> missing;
  EXPECT_THAT(
      read(tree, {"net.ipv4.tcp_syncookies", "fs.file-max", "net.ipv4.tcp_tw_recycle"}, &missing),
      UnorderedElementsAre(testing::Pair("net.ipv4.tcp_syncookies", "1\n"), testing::Pair("fs.file-max", "100\n")));
  EXPECT_THAT(missing, ElementsAre("net.ipv4.tcp_tw_recycle"));
}

TEST(Sysctl, PatternsFindWhatTheShellWould) {
  const test::FakeTree tree;
  for (const char* path : {"conf/all/rp_filter", "conf/eth0/rp_filter", "conf/eth0.5/rp_filter", "conf/eth0/forwarding",
                           "tcp_sack", "tcp_dsack"}) {
    tree.write(std::string("/proc/sys/net/ipv4/") + path, "1\n");
  }
  const auto names = [&](const std::vector<std::string>& patterns) {
    std::vector<std::string> found;
    for (const auto& [name, content] : read(tree, patterns)) found.push_back(name);
    return found;
  };
  EXPECT_THAT(names({"net.ipv4.conf.*.rp_filter"}),
              UnorderedElementsAre("net.ipv4.conf.all.rp_filter", "net.ipv4.conf.eth0.rp_filter",
                                   "net.ipv4.conf.eth0/5.rp_filter"));
  EXPECT_THAT(names({"net.ipv4.tcp_*"}), UnorderedElementsAre("net.ipv4.tcp_sack", "net.ipv4.tcp_dsack"));
  EXPECT_THAT(names({"net.ipv4.tcp_?ack"}), UnorderedElementsAre("net.ipv4.tcp_sack"));
  EXPECT_THAT(names({"*.eth0.*"}),
              UnorderedElementsAre("net.ipv4.conf.eth0.rp_filter", "net.ipv4.conf.eth0.forwarding"));
  EXPECT_THAT(names({"net.*", "net.ipv4.tcp_sack", "net.ipv4.conf.*.rp_filter"}), testing::SizeIs(6));
  EXPECT_THAT(names({"net.ipv4.[t]cp_sack"}), testing::SizeIs(6)) << "left to SQLite";
}

TEST(Sysctl, NothingOutsideOfNetAndFsIsRead) {
  for (const char* name : {"kernel.hostname", "vm.swappiness", "net", "net...etc.passwd", "fs.//.//etc.passwd",
                           "fs.binfmt_misc.status", "fs.binfmt_misc.*", "k*", ""}) {
    EXPECT_TRUE(select_sysctls({{name}}).empty()) << name;
  }
  EXPECT_THAT(select_sysctls(std::nullopt).patterns, ElementsAre("net.*", "fs.*"));
  EXPECT_THAT(select_sysctls({{"*forward*"}}).patterns, ElementsAre("*forward*"));
}

TEST(Sysctl, WhatMayBeKeptInTheFirstNamespaceOnly) {
  EXPECT_TRUE(may_be_global("net.core.netdev_max_backlog"));
  EXPECT_TRUE(may_be_global("net.ipv4.neigh.default.gc_thresh3"));
  EXPECT_FALSE(may_be_global("net.ipv4.neigh.eth0.gc_stale_time"));
  EXPECT_FALSE(may_be_global("net.ipv4.conf.eth0/5.rp_filter"));
  EXPECT_FALSE(may_be_global("net.netfilter.nf_conntrack_max")) << "it comes with its module, in every namespace";
  EXPECT_FALSE(may_be_global("fs.file-max"));
}

}  // namespace
}  // namespace hostcheck::kernel
