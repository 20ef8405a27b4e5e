#include "core/kernel/ethtool.h"

#include <algorithm>
#include <array>

#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t kSkipStatistics = 1U << 3;  // RTEXT_FILTER_SKIP_STATS
constexpr std::uint32_t kIffLowerUp = 1U << 16;     // IFF_LOWER_UP of linux/if.h
constexpr std::uint16_t kParentDeviceName = 56;     // IFLA_PARENT_DEV_NAME, Linux 5.14
constexpr std::uint16_t kRequestHeader = 1;         // ETHTOOL_A_..._HEADER of every message

struct GroupInfo {
  std::string_view name;
  std::uint8_t command;
};

constexpr GroupInfo info_of(NicGroup group) {
  switch (group) {
    case NicGroup::link_info:
      return {"ETHTOOL_MSG_LINKINFO_GET", ETHTOOL_MSG_LINKINFO_GET};
    case NicGroup::link_modes:
      return {"ETHTOOL_MSG_LINKMODES_GET", ETHTOOL_MSG_LINKMODES_GET};
    case NicGroup::link_state:
      return {"ETHTOOL_MSG_LINKSTATE_GET", ETHTOOL_MSG_LINKSTATE_GET};
    case NicGroup::rings:
      return {"ETHTOOL_MSG_RINGS_GET", ETHTOOL_MSG_RINGS_GET};
    case NicGroup::channels:
      return {"ETHTOOL_MSG_CHANNELS_GET", ETHTOOL_MSG_CHANNELS_GET};
    case NicGroup::coalesce:
      return {"ETHTOOL_MSG_COALESCE_GET", ETHTOOL_MSG_COALESCE_GET};
    case NicGroup::pause:
      return {"ETHTOOL_MSG_PAUSE_GET", ETHTOOL_MSG_PAUSE_GET};
    case NicGroup::fec:
      break;
  }
  return {"ETHTOOL_MSG_FEC_GET", ETHTOOL_MSG_FEC_GET};
}

NicDevice device_of(const nlmsghdr& message, const ifinfomsg& link) {
  NicDevice device;
  device.ifindex = static_cast<std::uint32_t>(link.ifi_index);
  device.up = (link.ifi_flags & IFF_UP) != 0;
  device.carrier = (link.ifi_flags & kIffLowerUp) != 0;
  device.loopback = (link.ifi_flags & IFF_LOOPBACK) != 0;
  std::array<Bytes, kParentDeviceName + 1> table;
  if (parse_attributes(attributes_of(message, sizeof link), table)) {
    device.name = read_text(table[IFLA_IFNAME]);
    device.parent = read_text(table[kParentDeviceName]);
  }
  return device;
}

MessageHandler for_devices(std::string_view operation, const NicHandler& handler) {
  return [operation, &handler](const nlmsghdr& message) -> Result<void> {
    const Bytes attributes = attributes_of(message, sizeof(genlmsghdr));
    const auto ifindex = parse_device(attributes);
    if (!ifindex) return unexpected(make_error(ErrorCode::failed, operation, {}, "an answer that names no device"));
    return handler(*ifindex, attributes);
  };
}

}  // namespace

std::string_view name_of(NicGroup group) {
  return info_of(group).name;
}

Result<std::vector<NicDevice>> list_nics() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return unexpected(socket.error());
  NetlinkRequest request(RTM_GETLINK, 0);
  request.header<ifinfomsg>().ifi_family = AF_UNSPEC;
  request.add_u32(IFLA_EXT_MASK, kSkipStatistics);
  std::vector<NicDevice> devices;
  const auto done = socket->dump(
      request, "RTM_GETLINK dump",
      [&](const nlmsghdr& message) -> Result<void> {
        const auto* link = header_of<ifinfomsg>(message);
        if (message.nlmsg_type == RTM_NEWLINK && link != nullptr) devices.push_back(device_of(message, *link));
        return {};
      },
      [&] { devices.clear(); });
  if (!done) return unexpected(done.error());
  std::sort(devices.begin(), devices.end(),
            [](const NicDevice& a, const NicDevice& b) { return a.ifindex < b.ifindex; });
  return devices;
}

Result<EthtoolSocket> EthtoolSocket::open() {
  auto socket = NetlinkSocket::open(NETLINK_GENERIC);
  if (!socket) return unexpected(socket.error());
  NetlinkRequest request(GENL_ID_CTRL, 0);
  auto& header = request.header<genlmsghdr>();
  header.cmd = CTRL_CMD_GETFAMILY;
  header.version = 1;
  request.add_text(CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME);
  Family family;
  const auto done = socket->talk(request, "CTRL_CMD_GETFAMILY ethtool", [&](const nlmsghdr& message) -> Result<void> {
    family = parse_family(message);
    return {};
  });
  if (!done || family.id == 0) {
    return unexpected(make_error(ErrorCode::unsupported, "ethtool over netlink", {}, "the kernel has no such family"));
  }
  return EthtoolSocket(std::move(*socket), family);
}

EthtoolSocket::Family EthtoolSocket::parse_family(const nlmsghdr& message) {
  Family family;
  std::array<Bytes, CTRL_ATTR_OPS + 1> table;
  if (!parse_attributes(attributes_of(message, sizeof(genlmsghdr)), table)) return family;
  const auto each = [&](std::uint16_t, Bytes operation) {
    std::array<Bytes, CTRL_ATTR_OP_ID + 1> parts;
    if (parse_attributes(operation, parts)) family.commands.set(read_number<std::uint32_t>(parts[CTRL_ATTR_OP_ID]));
  };
  if (for_each_attribute(table[CTRL_ATTR_OPS], each)) {
    family.id = read_number<std::uint16_t>(table[CTRL_ATTR_FAMILY_ID]);
  }
  return family;
}

bool EthtoolSocket::knows(NicGroup group) const {
  return family_.commands.test(info_of(group).command);
}
bool EthtoolSocket::knows_features() const {
  return family_.commands.test(ETHTOOL_MSG_FEATURES_GET);
}

NetlinkRequest EthtoolSocket::request(std::uint8_t command, std::uint32_t ifindex) const {
  NetlinkRequest made(family_.id, 0);
  auto& header = made.header<genlmsghdr>();
  header.cmd = command;
  header.version = ETHTOOL_GENL_VERSION;
  const std::size_t mark = made.begin_nested(kRequestHeader);
  if (ifindex != 0) made.add_u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex);
  made.add_u32(ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS);
  made.end_nested(mark);
  return made;
}

Result<std::vector<std::string>> EthtoolSocket::global_strings(std::uint32_t set) {
  NetlinkRequest asked = request(ETHTOOL_MSG_STRSET_GET, 0);
  const std::size_t sets = asked.begin_nested(ETHTOOL_A_STRSET_STRINGSETS);
  const std::size_t one = asked.begin_nested(ETHTOOL_A_STRINGSETS_STRINGSET);
  asked.add_u32(ETHTOOL_A_STRINGSET_ID, set);
  asked.end_nested(one);
  asked.end_nested(sets);
  Result<std::vector<std::string>> names;
  const auto done = socket_.talk(asked, "ETHTOOL_MSG_STRSET_GET", [&](const nlmsghdr& message) -> Result<void> {
    names = parse_strings(attributes_of(message, sizeof(genlmsghdr)), set);
    return {};
  });
  if (!done) return unexpected(done.error());
  return names;
}

Result<void> EthtoolSocket::dump(NicGroup group, const NicHandler& handler) {
  const auto [name, command] = info_of(group);
  NetlinkRequest asked = request(command, 0);
  return socket_.dump(asked, name, for_devices(name, handler), [] {});
}

Result<void> EthtoolSocket::get(NicGroup group, std::uint32_t ifindex, const NicHandler& handler) {
  const auto [name, command] = info_of(group);
  NetlinkRequest asked = request(command, ifindex);
  return socket_.talk(asked, name, for_devices(name, handler));
}

Result<void> EthtoolSocket::dump_features(const NicHandler& handler, const std::function<void()>& restart) {
  NetlinkRequest asked = request(ETHTOOL_MSG_FEATURES_GET, 0);
  constexpr std::string_view kName = "ETHTOOL_MSG_FEATURES_GET";
  return socket_.dump(asked, kName, for_devices(kName, handler), restart);
}

Result<void> EthtoolSocket::get_features(std::uint32_t ifindex, const NicHandler& handler) {
  NetlinkRequest asked = request(ETHTOOL_MSG_FEATURES_GET, ifindex);
  constexpr std::string_view kName = "ETHTOOL_MSG_FEATURES_GET";
  return socket_.talk(asked, kName, for_devices(kName, handler));
}

}  // namespace hostcheck::kernel
