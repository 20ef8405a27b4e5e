#include "core/checks/sysctl_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::checks {
namespace {

using ::testing::HasSubstr;

TEST(SysctlNames, KnowsThoseOfEveryNamespaceInterfaceAndPlaceholder) {
  for (const char* name : {"net.core.somaxconn", "net.ipv4.tcp_syncookies", "net.ipv4.conf.all.rp_filter",
                           "net.ipv4.conf.eth0.rp_filter", "net.ipv4.conf.{ifname}.rp_filter",
                           "net.ipv4.conf.eth0/100.rp_filter", "net.{setting}.neigh.default.gc_thresh3",
                           "net.netfilter.nf_conntrack_max", "fs.file-max", "net.ipv4.tcp_tw_recycle"}) {
    EXPECT_FALSE(unknown_sysctl(name)) << name;
  }
}

TEST(SysctlNames, NamesTheNearestForOneThatDoesNotExist) {
  EXPECT_THAT(unknown_sysctl("net.core.somaxcon").value_or(""), HasSubstr("did you mean 'net.core.somaxconn'?"));
  EXPECT_THAT(unknown_sysctl("net.ipv4.conf.all.rp_filters").value_or(""), HasSubstr("no supported kernel"));
  EXPECT_TRUE(unknown_sysctl("net.ipv4.tcp_make_it_fast"));
  EXPECT_TRUE(unknown_sysctl(""));
}

}  // namespace
}  // namespace hostcheck::checks
