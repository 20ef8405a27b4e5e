// Network interfaces and the addresses on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/nonzero.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// rtnl_link_stats64, in its order.
struct LinkCounters {
  Counter rx_packets, tx_packets, rx_bytes, tx_bytes;
  Counter rx_errors, tx_errors, rx_dropped, tx_dropped;
  Counter multicast, collisions;
  Counter rx_length_errors, rx_over_errors, rx_crc_errors, rx_frame_errors, rx_fifo_errors, rx_missed_errors;
  Counter tx_aborted_errors, tx_carrier_errors, tx_fifo_errors, tx_heartbeat_errors, tx_window_errors;
  Counter rx_nohandler;                         // Linux 4.6
  std::optional<Counter> rx_otherhost_dropped;  // Linux 5.19
};

// A network interface.
struct Link : LinkCounters {
  Symbol netns;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  Symbol kind;                      // driver kind such as "veth", "bridge", "vlan"; empty for hardware and lo
  Symbol slave_kind;                // what its master makes of it: "bridge", "bond"
  std::uint8_t operstate = 0;       // IF_OPER_*
  std::uint32_t flags = 0;          // IFF_*
  std::uint16_t hardware_type = 0;  // ARPHRD_*
  bool physical = false;
  bool xdp = false;
  bool proto_down = false;
  std::optional<bool> carrier;
  std::uint32_t carrier_changes = 0;
  Counter carrier_up_count, carrier_down_count;
  std::uint32_t mtu = 0;
  NonZero<std::uint32_t> min_mtu, max_mtu;
  Symbol master;
  Symbol link;
  NonZero<std::uint32_t> link_ifindex, master_ifindex;
  std::optional<std::int32_t> link_netnsid;
  LinkAddress address, broadcast, perm_address;
  std::uint32_t promiscuity = 0;
  std::uint32_t group = 0;
  Symbol qdisc;
  std::uint32_t tx_queue_len = 0;
  std::uint32_t num_tx_queues = 0, num_rx_queues = 0;
  std::uint32_t gso_max_size = 0;
  NonZero<std::uint32_t> gro_max_size;
  Symbol parent_device, parent_bus;
  NonZero<std::uint32_t> vlan_id;
  std::string alias;
  static const TableInfo& table();
};

// An IPv4 or IPv6 address of an interface.
struct InterfaceAddress {
  Symbol netns;
  Family family = Family::none;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  IpAddress address;
  std::uint8_t prefix_length = 0;
  IpAddress peer, broadcast;
  Symbol label;
  std::uint8_t scope = 0;                             // RT_SCOPE_*
  std::uint32_t flags = 0;                            // IFA_F_*
  std::optional<std::uint32_t> valid_s, preferred_s;  // seconds left; none: for ever
  std::uint8_t protocol = 0;                          // IFAPROT_*, Linux 5.18
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
