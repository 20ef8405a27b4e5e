// Hears packets of all interfaces of one network namespace as they pass. Nothing is changed on the host: no promiscuous
// mode, and the sockets are gone when they are closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/kernel/netns.h"
#include "core/kernel/packet_filter.h"

namespace hostcheck::kernel {

// One packet as a tap heard it.
struct TappedPacket {
  std::span<const std::uint8_t> bytes;  // its first bytes, with the VLAN tag that a NIC took off put back
  std::uint32_t length = 0;             // of all of it
  std::chrono::nanoseconds at{0};       // CLOCK_REALTIME
  std::uint32_t ifindex = 0;
  PacketStart start = PacketStart::ethernet;
  std::uint16_t ethertype = 0;  // of the network header, where bytes begin with it
  bool outgoing = false;        // sent by this namespace
};

class PacketTap {
 public:
  // The calling thread's namespace has to be the one to hear; hears handshakes first. Error: denied without
  // CAP_NET_RAW.
  [[nodiscard]] static Result<PacketTap> open();
  // Hears what probes to these addresses exchange from now on, in place of what it heard before.
  [[nodiscard]] Result<void> hear_probes(std::span<const IpAddress> peers);

  // Hands over what has come; never waits. The bytes live until take returns.
  void drain(const std::function<void(const TappedPacket&)>& take);
  // Packets that passed the filter and found the socket's buffer full, since the last call.
  [[nodiscard]] std::uint64_t lost();
  // Name of an interface of the namespace; "" where it is gone.
  [[nodiscard]] std::string interface_name(std::uint32_t ifindex) const;

 private:
  PacketTap() = default;
  struct Ear {
    PacketStart start;
    UniqueFd fd;
  };
  static Result<Ear> open_ear(PacketStart start);
  std::vector<Ear> ears_;
};

}  // namespace hostcheck::kernel
