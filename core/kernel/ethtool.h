// ethtool over generic netlink (Linux 5.6 and later): what drivers tell about their devices.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/facts/nic.h"
#include "core/kernel/ethtool_modes.h"
#include "core/kernel/netlink.h"

namespace hostcheck::kernel {

// What one request answers about a device.
enum class NicGroup : std::uint8_t { link_info, link_modes, link_state, rings, channels, coalesce, pause, fec };
// "ETHTOOL_MSG_LINKMODES_GET", ...
[[nodiscard]] std::string_view name_of(NicGroup group);

// What every device list needs: who is there and whether it is more than software.
struct NicDevice {
  std::uint32_t ifindex = 0;
  std::string name;
  std::string parent;     // IFLA_PARENT_DEV_NAME, e.g. "virtio0"; "" for devices of software (and before Linux 5.14)
  bool up = false;        // IFF_UP
  bool carrier = false;   // IFF_LOWER_UP
  bool loopback = false;  // IFF_LOOPBACK
};
// The devices of the present namespace by rising ifindex, without their counters.
[[nodiscard]] Result<std::vector<NicDevice>> list_nics();

// One device's part of an answer: the attributes behind the family header.
using NicHandler = std::function<Result<void>(std::uint32_t ifindex, std::span<const std::uint8_t> attributes)>;

class EthtoolSocket {
 public:
  // Error (code unsupported) where the kernel has no ethtool netlink.
  [[nodiscard]] static Result<EthtoolSocket> open();

  // Whether this kernel knows the request; they came one by one between Linux 5.6 and 5.13.
  [[nodiscard]] bool knows(NicGroup group) const;
  [[nodiscard]] bool knows_features() const;

  // The strings of a set that is the same for all devices, by number: ETH_SS_LINK_MODES, ETH_SS_FEATURES.
  [[nodiscard]] Result<std::vector<std::string>> global_strings(std::uint32_t set);

  // Every device's answer; devices that have no such thing are left out by the kernel. One device's failure ends the
  // kernel's answer, then the Error is for all: ask them one by one.
  [[nodiscard]] Result<void> dump(NicGroup group, const NicHandler& handler);
  [[nodiscard]] Result<void> get(NicGroup group, std::uint32_t ifindex, const NicHandler& handler);
  // The same for the features of devices (parse_features). restart: forget what was handed over so far.
  [[nodiscard]] Result<void> dump_features(const NicHandler& handler, const std::function<void()>& restart);
  [[nodiscard]] Result<void> get_features(std::uint32_t ifindex, const NicHandler& handler);

 private:
  struct Family {
    std::uint16_t id = 0;
    NicBits commands;
  };
  static Family parse_family(const nlmsghdr& message);
  EthtoolSocket(NetlinkSocket socket, const Family& family) : socket_(std::move(socket)), family_(family) {}
  NetlinkRequest request(std::uint8_t command, std::uint32_t ifindex) const;
  NetlinkSocket socket_;
  Family family_;
};

// Strings of a STRSET_GET_REPLY for one set; Error for one that is not well formed.
[[nodiscard]] Result<std::vector<std::string>> parse_strings(std::span<const std::uint8_t> attributes,
                                                             std::uint32_t set);
// The ifindex in an answer's request header; nullopt where there is none.
[[nodiscard]] std::optional<std::uint32_t> parse_device(std::span<const std::uint8_t> attributes);
// Fills the columns that one answer is about; texts are interned in facts. false: malformed, row may be half filled.
[[nodiscard]] bool parse_nic_group(NicGroup group, std::span<const std::uint8_t> attributes, const LinkModes& modes,
                                   facts::Facts& facts, facts::NicSettings& row);

struct NicFeatureBits {
  NicBits hw;
  NicBits wanted;
  NicBits active;
  NicBits nochange;
};
[[nodiscard]] std::optional<NicFeatureBits> parse_features(std::span<const std::uint8_t> attributes);

// Names that ethtool(8) prints for numbers of the kernel; "" for unknown ones.
[[nodiscard]] std::string_view port_name(std::uint8_t port);
[[nodiscard]] std::string_view transceiver_name(std::uint8_t transceiver);
// "Off", "RS", "BaseR", "LLRS" for the link mode names None, RS, BASER, LLRS; others as they are.
[[nodiscard]] std::string_view fec_name(std::string_view mode);
// A speed in Mbit/s as drivers report it: 0, 65535 and -1 are unknown.
[[nodiscard]] std::optional<std::uint32_t> known_speed(std::uint32_t speed);
[[nodiscard]] facts::Duplex duplex_of(std::uint8_t duplex);
// Fills supported, advertised, partner and what follows from them. partner: nullptr where the device does not tell.
void set_modes(const NicBits& supported, const NicBits& advertised, const NicBits* partner, const LinkModes& modes,
               facts::Facts& facts, facts::NicSettings& row);

}  // namespace hostcheck::kernel
