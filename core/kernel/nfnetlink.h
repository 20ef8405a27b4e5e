// What the nfnetlink subsystems (nf_tables, ctnetlink) have in common, and whether they may be asked at all.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <linux/netfilter/nfnetlink.h>

#include "core/base/result.h"
#include "core/kernel/netlink.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

// A NETLINK_NETFILTER socket. Ask module_present() first.
[[nodiscard]] Result<NetlinkSocket> open_nfnetlink();

// A request to a subsystem (NFNL_SUBSYS_*) with its nfgenmsg. family: AF_INET, AF_INET6, ... or AF_UNSPEC for all.
[[nodiscard]] NetlinkRequest nfnetlink_request(std::uint8_t subsystem, std::uint8_t message, std::uint8_t family);

// Numbers in network order, as nfnetlink writes them; 0 for a payload that is absent or shorter.
[[nodiscard]] std::uint16_t read_be16(std::span<const std::uint8_t> payload);
[[nodiscard]] std::uint32_t read_be32(std::span<const std::uint8_t> payload);
[[nodiscard]] std::uint64_t read_be64(std::span<const std::uint8_t> payload);

// The attributes of a nest one after the other, in their order. A length that does not fit ends them with bad() true.
class AttributeReader {
 public:
  explicit AttributeReader(std::span<const std::uint8_t> attributes) : left_(attributes) {}
  // Goes to the next; false at the end.
  [[nodiscard]] bool next();
  [[nodiscard]] std::uint16_t type() const { return type_; }  // without flags
  [[nodiscard]] std::span<const std::uint8_t> payload() const { return payload_; }
  [[nodiscard]] bool bad() const { return bad_; }

 private:
  std::span<const std::uint8_t> left_;
  std::span<const std::uint8_t> payload_;
  std::uint16_t type_ = 0;
  bool bad_ = false;
};

// Whether a kernel module's code is there already, loaded or built in. A message to an nfnetlink subsystem that is not
// (and even a NETLINK_NETFILTER socket) makes the kernel load the module, which would change the host: ask this first.
// true as well on a kernel that cannot load modules, where asking changes nothing. An Error when it cannot be told.
[[nodiscard]] Result<bool> module_present(const FileTree& files, std::string_view module);

}  // namespace hostcheck::kernel
