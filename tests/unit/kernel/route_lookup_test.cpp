// The kernel's own lookup on what Linux 6.18 answered (tests/support/record_rtnl.py).
#include "core/kernel/route_lookup.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "tests/support/fake_netlink.h"

namespace hostcheck::kernel {
namespace {

using test::FakeKernel;
using test::recorded;

RouteQuery to(std::string_view address) {
  RouteQuery query;
  query.dst = *IpAddress::parse(address);
  return query;
}

RouteLookup look_up(const std::string& file, std::string_view address) {
  FakeKernel kernel;
  std::uint32_t sequence = 1;
  for (const std::string& name : {file, file + "_entry"}) {
    kernel.answer(sequence, recorded("rtnl/" + name + ".bin"), 0);
    kernel.error(sequence++, 0);
  }
  const auto found = look_up_route(kernel.socket(), to(address));
  EXPECT_TRUE(found) << (found ? "" : found.error().message());
  return found ? *found : RouteLookup{};
}

TEST(RouteLookup, NamesTheGatewayTheSourceAndTheEntryThatItComesFrom) {
  const RouteLookup found = look_up("lookup_gateway", "192.0.2.7");
  EXPECT_EQ(found.error, 0);
  EXPECT_EQ(found.route.table_id, 254U);
  EXPECT_EQ(found.route.prefsrc.to_string(), "10.1.0.1");
  ASSERT_EQ(found.route.hops.size(), 1U);
  EXPECT_EQ(found.route.hops[0].gateway.to_string(), "10.1.0.254");
  EXPECT_NE(found.route.hops[0].ifindex, 0U);
  ASSERT_TRUE(found.entry);
  EXPECT_EQ(found.entry->dst.to_string(), "0.0.0.0");
  EXPECT_EQ(found.entry->dst_length, 0);
  EXPECT_EQ(found.entry->priority, 100U);
  EXPECT_EQ(found.entry->protocol, RTPROT_DHCP);
}

TEST(RouteLookup, ThePacketTakesOneOfTheEntrysHops) {
  const RouteLookup found = look_up("lookup_multipath", "172.16.0.5");
  ASSERT_EQ(found.route.hops.size(), 1U);
  ASSERT_TRUE(found.entry);
  ASSERT_EQ(found.entry->hops.size(), 2U);
  EXPECT_EQ(found.entry->hops[0].weight, 3);
  const std::string taken = found.route.hops[0].gateway.to_string();
  EXPECT_TRUE(taken == "10.1.0.10" || taken == "10.1.0.11") << taken;
}

TEST(RouteLookup, TheMtuOfTheRouteAndItsLock) {
  const RouteLookup found = look_up("lookup_mtu", "172.17.0.5");
  EXPECT_EQ(found.route.mtu, 1300U);
  EXPECT_TRUE(found.route.mtu_locked);
  EXPECT_EQ(found.route.advmss, 1260U);
  EXPECT_EQ(found.route.expires_s, 0U);
}

TEST(RouteLookup, AGatewayOfTheOtherFamily) {
  const RouteLookup found = look_up("lookup_via6", "172.18.0.5");
  ASSERT_EQ(found.route.hops.size(), 1U);
  EXPECT_EQ(found.route.hops[0].gateway.to_string(), "fe80::1");
}

TEST(RouteLookup, SixHasItsSourceAndItsEntryToo) {
  const RouteLookup found = look_up("lookup6", "2001:db8:ffff::1");
  EXPECT_EQ(found.route.prefsrc.to_string(), "2001:db8:1::1");
  ASSERT_EQ(found.route.hops.size(), 1U);
  EXPECT_EQ(found.route.hops[0].gateway.to_string(), "fe80::9");
  ASSERT_TRUE(found.entry);
  EXPECT_EQ(found.entry->dst_length, 0);
  EXPECT_EQ(found.entry->protocol, RTPROT_RA);
  EXPECT_GT(found.entry->expires_s, 0U);
}

TEST(RouteLookup, NoRouteIsAnAnswerAndNoPrivilegeIsNone) {
  for (const int verdict : {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL}) {
    FakeKernel kernel;
    kernel.error(1, verdict);
    kernel.error(2, verdict);
    const auto found = look_up_route(kernel.socket(), to("203.0.113.1"));
    ASSERT_TRUE(found) << verdict;
    EXPECT_EQ(found->error, verdict);
    EXPECT_FALSE(found->entry);
    EXPECT_TRUE(found->route.hops.empty());
  }
  FakeKernel kernel;
  kernel.error(1, ENOBUFS);
  EXPECT_FALSE(look_up_route(kernel.socket(), to("203.0.113.1")));
}

TEST(RouteLookup, AsksForThePacketThatWasMeant) {
  FakeKernel kernel;
  kernel.error(1, ENETUNREACH);
  kernel.error(2, ENETUNREACH);
  RouteQuery query = to("2001:db8::7");
  query.src = *IpAddress::parse("2001:db8::1");
  query.oif = 3;
  query.mark = 0x10;
  query.uid = 1000;
  query.ip_proto = 6;
  query.sport = 40000;
  query.dport = 443;
  ASSERT_TRUE(look_up_route(kernel.socket(), query));
  const test::Message sent = kernel.request();
  const auto& message = *reinterpret_cast<const nlmsghdr*>(sent.data());
  const auto* header = header_of<rtmsg>(message);
  ASSERT_NE(header, nullptr);
  EXPECT_EQ(header->rtm_dst_len, 128);
  EXPECT_EQ(header->rtm_src_len, 128);
  std::array<std::span<const std::uint8_t>, RTA_MAX + 1> at;
  ASSERT_TRUE(parse_attributes(attributes_of(message, sizeof *header), at));
  EXPECT_EQ(IpAddress::from_bytes(at[RTA_SRC]).to_string(), "2001:db8::1");
  EXPECT_EQ(read_number<std::uint32_t>(at[RTA_OIF]), 3U);
  EXPECT_EQ(read_number<std::uint32_t>(at[RTA_MARK]), 0x10U);
  EXPECT_EQ(read_number<std::uint32_t>(at[RTA_UID]), 1000U);
  EXPECT_EQ(read_number<std::uint8_t>(at[RTA_IP_PROTO]), 6);
  ASSERT_EQ(at[RTA_DPORT].size(), 2U);
  EXPECT_EQ(at[RTA_DPORT][0] * 256 + at[RTA_DPORT][1], 443);
  EXPECT_EQ(at[RTA_SPORT][0] * 256 + at[RTA_SPORT][1], 40000);
}

TEST(RouteLookup, ShortAndForeignAnswersAreErrors) {
  for (const std::size_t size : {std::size_t{16}, std::size_t{24}, std::size_t{30}}) {
    FakeKernel kernel;
    test::Message message = recorded("rtnl/lookup_gateway.bin").front();
    message.resize(size);
    test::header(message).nlmsg_len = static_cast<std::uint32_t>(size);
    message.resize((size + 3) & ~std::size_t{3});
    kernel.answer(1, {message}, 0);
    kernel.error(1, 0);
    EXPECT_FALSE(look_up_route(kernel.socket(), to("192.0.2.7"))) << size;
  }
}

}  // namespace
}  // namespace hostcheck::kernel
