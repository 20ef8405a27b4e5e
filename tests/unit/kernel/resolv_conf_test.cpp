#include "core/kernel/resolv_conf.h"

#include <gtest/gtest.h>

#include "tests/support/fake_tree.h"

namespace hostcheck::kernel {
namespace {

TEST(ResolvConf, ServersInTheirOrderWithScopes) {
  const ResolvConf conf = parse_resolv_conf(
      "# a comment\n; another\nnameserver 10.0.0.1\nnameserver\t2001:db8::1 # here\nnameserver "
      "fe80::1%eth0\nnameserver 1.1.1.1");
  ASSERT_EQ(4U, conf.servers.size());
  EXPECT_EQ("10.0.0.1", conf.servers[0].address.to_string());
  EXPECT_EQ("2001:db8::1", conf.servers[1].address.to_string());
  EXPECT_EQ("fe80::1", conf.servers[2].address.to_string());
  EXPECT_EQ("eth0", conf.servers[2].scope);
  EXPECT_EQ(4U, conf.config.nameservers);
  EXPECT_EQ("", conf.config.unknown);
}

TEST(ResolvConf, TheLastOfSearchAndDomainCounts) {
  EXPECT_EQ("b c", parse_resolv_conf("domain a\nsearch b  c\n").config.search);
  EXPECT_EQ("a", parse_resolv_conf("search b c\ndomain a x\n").config.search);
}

TEST(ResolvConf, OptionsAddUpAndHaveTheLibrarysBounds) {
  const auto config =
      parse_resolv_conf("options ndots:3 timeout:99 rotate\noptions attempts:9 use-vc single-request edns0\n").config;
  EXPECT_EQ(3U, config.ndots);
  EXPECT_EQ(30U, config.timeout_s);
  EXPECT_EQ(5U, config.attempts);
  EXPECT_TRUE(config.rotate);
  EXPECT_TRUE(config.use_tcp);
  EXPECT_TRUE(config.single_request);
  EXPECT_EQ("ndots:3 timeout:99 rotate attempts:9 use-vc single-request edns0", config.options);
  const auto defaults = parse_resolv_conf("").config;
  EXPECT_EQ(1U, defaults.ndots);
  EXPECT_EQ(5U, defaults.timeout_s);
  EXPECT_EQ(2U, defaults.attempts);
  EXPECT_EQ(15U, parse_resolv_conf("options ndots:99999999999999999999\n").config.ndots);
  EXPECT_EQ(0U, parse_resolv_conf("options ndots:\n").config.ndots);
}

TEST(ResolvConf, LinesThatMeanNothingAreKept) {
  EXPECT_EQ("nameserver 10.0.0.300; nameservers 1.1.1.1; nameserver",
            parse_resolv_conf("nameserver 10.0.0.300\nnameservers 1.1.1.1\n"
                              "nameserver\nsortlist 10.0.0.0\n")
                .config.unknown);
  const ResolvConf indented = parse_resolv_conf("  nameserver 10.0.0.1\n");
  EXPECT_TRUE(indented.servers.empty()) << "the keyword must begin the line";
  EXPECT_EQ("nameserver 10.0.0.1", indented.config.unknown);
}

NetnsInfo netns(const std::string& path, bool here = false) {
  NetnsInfo info;
  info.path = path;
  info.here = here;
  return info;
}

TEST(ResolvConf, ANamedNamespaceMayHaveItsOwnFile) {
  const test::FakeTree tree;
  tree.write("/etc/netns/blue/resolv.conf", "nameserver 10.0.0.1\n");
  EXPECT_EQ("/etc/netns/blue/resolv.conf", resolv_conf_path(tree.files(), netns("/run/netns/blue")));
  EXPECT_EQ("/etc/resolv.conf", resolv_conf_path(tree.files(), netns("/run/netns/red")));
  EXPECT_EQ("/etc/resolv.conf", resolv_conf_path(tree.files(), netns("/run/netns/blue", true)))
      << "ip netns exec has put the file there";
}

TEST(ResolvConf, AContainersFileIsBelowItsProcessesRoot) {
  const test::FakeTree tree;
  EXPECT_EQ("/proc/812/root/etc/resolv.conf", resolv_conf_path(tree.files(), netns("/proc/812/ns/net")));
  tree.link("/proc/812/root/etc/resolv.conf", "/run/resolv.conf");
  EXPECT_EQ("/proc/812/root/run/resolv.conf", resolv_conf_path(tree.files(), netns("/proc/812/ns/net")));
}

}  // namespace
}  // namespace hostcheck::kernel
