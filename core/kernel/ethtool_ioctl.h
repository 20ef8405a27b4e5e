// ethtool by ioctl SIOCETHTOOL: what has no netlink form, and everything else on kernels before it had one.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/facts/facts.h"
#include "core/facts/nic.h"
#include "core/kernel/ethtool.h"
#include "core/kernel/ethtool_modes.h"

namespace hostcheck::kernel {

struct NicDriver {
  std::string name;
  std::string version;
  std::string firmware_version;
  std::string bus_info;
  std::uint32_t statistics = 0;  // how many numbers the driver counts
};

// Names of one string set of a device, in 32 bytes each as the kernel writes them.
class NicStrings {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::string_view operator[](std::size_t at) const;
  [[nodiscard]] std::span<const char> block() const;

 private:
  friend class EthtoolIoctl;
  std::vector<std::uint64_t> buffer_;
  std::size_t size_ = 0;
};

class EthtoolIoctl {
 public:
  // The socket stays in the network namespace that the calling thread is in.
  [[nodiscard]] static Result<EthtoolIoctl> open();

  [[nodiscard]] Result<NicDriver> driver(const std::string& ifname);
  // set: ETH_SS_STATS, ETH_SS_FEATURES. count: how many are expected, 0 to ask first. Into strings, whose room is
  // reused.
  [[nodiscard]] Result<void> strings(const std::string& ifname, std::uint32_t set, std::uint32_t count,
                                     NicStrings& strings);
  // The driver's numbers, in the order of ETH_SS_STATS, of which there are count. Error (code vanished) when the driver
  // has another number of them by now: ask for the strings again.
  [[nodiscard]] Result<std::span<const std::uint64_t>> statistics(const std::string& ifname, std::uint32_t count);
  // Fills what the netlink request of the group would.
  [[nodiscard]] Result<void> read(NicGroup group, const std::string& ifname, const LinkModes& modes,
                                  facts::Facts& facts, facts::NicSettings& row);
  // count: how many ETH_SS_FEATURES there are.
  [[nodiscard]] Result<NicFeatureBits> features(const std::string& ifname, std::uint32_t count);

 private:
  explicit EthtoolIoctl(UniqueFd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] Result<void> call(const std::string& ifname, void* command, std::string_view operation);
  [[nodiscard]] Result<void> read_link(const std::string& ifname, NicGroup group, const LinkModes& modes,
                                       facts::Facts& facts, facts::NicSettings& row);
  [[nodiscard]] Result<void> read_link_state(const std::string& ifname, facts::NicSettings& row);
  [[nodiscard]] Result<void> read_rings(const std::string& ifname, facts::NicSettings& row);
  [[nodiscard]] Result<void> read_channels(const std::string& ifname, facts::NicSettings& row);
  [[nodiscard]] Result<void> read_coalesce(const std::string& ifname, facts::NicSettings& row);
  [[nodiscard]] Result<void> read_pause(const std::string& ifname, facts::NicSettings& row);
  [[nodiscard]] Result<void> read_fec(const std::string& ifname, facts::Facts& facts, facts::NicSettings& row);
  UniqueFd fd_;
  std::vector<std::uint64_t> buffer_;
};

}  // namespace hostcheck::kernel
