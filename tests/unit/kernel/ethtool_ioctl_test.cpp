#include "core/kernel/ethtool_ioctl.h"

#include <cerrno>
#include <set>

#include <gtest/gtest.h>
#include <linux/ethtool.h>

namespace hostcheck::kernel {
namespace {

constexpr NicGroup kGroups[] = {NicGroup::link_info, NicGroup::link_modes, NicGroup::link_state, NicGroup::rings,
                                NicGroup::channels,  NicGroup::coalesce,   NicGroup::pause,      NicGroup::fec};

// On this machine's own devices: what old kernels are asked for by ioctl is what newer ones tell over netlink.
class EthtoolIoctlTest : public testing::Test {
 protected:
  void SetUp() override {
    auto netlink = EthtoolSocket::open();
    if (!netlink) GTEST_SKIP() << netlink.error().message();
    netlink_.emplace(std::move(*netlink));
    auto ioctl = EthtoolIoctl::open();
    ASSERT_TRUE(ioctl) << ioctl.error().message();
    ioctl_.emplace(std::move(*ioctl));
    auto devices = list_nics();
    ASSERT_TRUE(devices) << devices.error().message();
    devices_ = std::move(*devices);
    auto names = netlink_->global_strings(ETH_SS_LINK_MODES);
    ASSERT_TRUE(names) << names.error().message();
    modes_ = LinkModes(std::move(*names));
  }

  // Columns in which the two rows differ.
  static std::set<std::string> differences(const facts::NicSettings& by_netlink, const facts::NicSettings& by_ioctl) {
    std::set<std::string> names;
    for (const facts::Column& column : facts::NicSettings::table().columns) {
      std::string one;
      std::string other;
      const facts::Value told = facts::to_value(column.read(&by_netlink, one));
      const facts::Value read = facts::to_value(column.read(&by_ioctl, other));
      // Netlink leaves out what a driver has no such setting for; the ioctl says 0 there.
      if (told.index() == 0 && read == facts::Value(std::int64_t{0})) continue;
      if (told != read) names.insert(column.name);
    }
    return names;
  }

  std::optional<EthtoolSocket> netlink_;
  std::optional<EthtoolIoctl> ioctl_;
  std::vector<NicDevice> devices_;
  LinkModes modes_;
  facts::Facts facts_;
};

TEST_F(EthtoolIoctlTest, TellsTheSameSettingsAsNetlink) {
  for (const NicDevice& device : devices_) {
    for (const NicGroup group : kGroups) {
      if (!netlink_->knows(group)) continue;
      facts::NicSettings by_netlink;
      facts::NicSettings by_ioctl;
      const auto told = netlink_->get(group, device.ifindex, [&](std::uint32_t, auto attributes) -> Result<void> {
        EXPECT_TRUE(parse_nic_group(group, attributes, modes_, facts_, by_netlink));
        return {};
      });
      const auto read = ioctl_->read(group, device.name, modes_, facts_, by_ioctl);
      // The link state is answered for every device, with nothing in it where there is no such thing.
      if (group != NicGroup::link_state) {
        EXPECT_EQ(told ? 0 : told.error().sys_errno, read ? 0 : read.error().sys_errno)
            << device.name << " " << name_of(group);
      }
      by_netlink.link_down_events.reset();  // has no ioctl
      EXPECT_EQ(differences(by_netlink, by_ioctl), std::set<std::string>{}) << device.name << " " << name_of(group);
    }
  }
}

TEST_F(EthtoolIoctlTest, TellsTheSameFeaturesAsNetlink) {
  const auto names = netlink_->global_strings(ETH_SS_FEATURES);
  ASSERT_TRUE(names);
  for (const NicDevice& device : devices_) {
    NicStrings strings;
    ASSERT_TRUE(ioctl_->strings(device.name, ETH_SS_FEATURES, 0, strings)) << device.name;
    ASSERT_EQ(strings.size(), names->size());
    for (std::size_t bit = 0; bit < names->size(); ++bit) EXPECT_EQ(strings[bit], (*names)[bit]);
    const auto read = ioctl_->features(device.name, static_cast<std::uint32_t>(strings.size()));
    ASSERT_TRUE(read) << read.error().message();
    const auto told = netlink_->get_features(device.ifindex, [&](std::uint32_t, auto attributes) -> Result<void> {
      const auto bits = parse_features(attributes);
      EXPECT_TRUE(bits);
      if (!bits) return {};
      EXPECT_EQ(bits->hw, read->hw) << device.name;
      EXPECT_EQ(bits->wanted, read->wanted) << device.name;
      EXPECT_EQ(bits->active, read->active) << device.name;
      EXPECT_EQ(bits->nochange, read->nochange) << device.name;
      return {};
    });
    EXPECT_TRUE(told) << device.name;
  }
}

TEST_F(EthtoolIoctlTest, SaysThatADeviceIsGone) {
  facts::NicSettings row;
  const auto read = ioctl_->read(NicGroup::link_modes, "no-such-device", modes_, facts_, row);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().sys_errno, ENODEV);
  EXPECT_EQ(read.error().code, ErrorCode::vanished);
  EXPECT_FALSE(ioctl_->driver("a-name-that-no-device-can-have-at-all"));
}

TEST_F(EthtoolIoctlTest, NoticesThatADriverCountsSomethingElse) {
  for (const NicDevice& device : devices_) {
    const auto driver = ioctl_->driver(device.name);
    if (!driver || driver->statistics < 2) continue;
    EXPECT_TRUE(ioctl_->statistics(device.name, driver->statistics)) << device.name;
    const auto other = ioctl_->statistics(device.name, driver->statistics - 1);
    ASSERT_FALSE(other) << device.name;
    EXPECT_EQ(other.error().code, ErrorCode::vanished);
    return;
  }
  GTEST_SKIP() << "no device here counts anything";
}

}  // namespace
}  // namespace hostcheck::kernel
