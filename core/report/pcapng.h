// Packets as a pcapng file (draft-ietf-opsawg-pcapng), which Wireshark, tshark and tcpdump open. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hostcheck::report {

// Numbers of the LINKTYPE_ registry.
inline constexpr std::uint16_t kLinkEthernet = 1;
inline constexpr std::uint16_t kLinkRawIp = 101;  // packets begin with an IPv4 or IPv6 header

struct PcapInterface {
  std::string name;         // if_name
  std::string description;  // if_description
  std::uint16_t link = kLinkEthernet;
};

struct PcapPacket {
  std::uint32_t interface = 0;          // index among the interfaces
  std::chrono::nanoseconds at{0};       // since 1970
  std::uint32_t length = 0;             // of the whole packet, bytes; at least those that are there
  std::span<const std::uint8_t> bytes;  // its first bytes
  bool outgoing = false;
  std::string comment;
};

struct PcapFile {
  std::string os;           // shb_os
  std::string application;  // shb_userappl
  std::string comment;      // of the section
  std::uint32_t snap_length = 0;
  std::vector<PcapInterface> interfaces;
  std::vector<PcapPacket> packets;
};

// One section in this host's byte order, times in nanoseconds.
[[nodiscard]] std::string as_pcapng(const PcapFile& file);

}  // namespace hostcheck::report
