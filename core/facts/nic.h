// What drivers tell about their devices: link settings, rings, queues, features and statistics of their own.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

enum class Duplex : std::uint8_t { unknown, half, full };
// "half", "full"; "" for unknown
[[nodiscard]] std::string_view name_of(Duplex duplex);

// One network device as its driver describes it. What the device has no such thing for (rings of a bridge, the speed of
// a link that is down) is NULL; what a real device refuses to tell is NULL and an absence that names the driver.
struct NicSettings {
  Symbol netns;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  Symbol driver;          // kernel driver, e.g. "ixgbe", "virtio_net", "veth"
  Symbol driver_version;  // its own version or the kernel's
  Symbol firmware_version;
  Symbol bus_info;                          // where it is attached, e.g. "0000:00:03.0"
  std::optional<bool> physical;             // hangs on a bus (PCI, virtio, USB), as opposed to veth, bridge, tap
  std::optional<std::uint32_t> speed_mbps;  // NULL: no link, or unknown
  Duplex duplex = Duplex::unknown;
  std::optional<bool> autoneg;
  std::optional<bool> autoneg_supported;
  Symbol port;         // as ethtool(8) prints it: "Twisted Pair", "FIBRE", "Direct Attach Copper", ...
  Symbol transceiver;  // "internal", "external"
  std::optional<std::uint32_t> max_supported_mbps;   // fastest link mode the device can do
  std::optional<std::uint32_t> max_advertised_mbps;  // fastest that it offers its partner
  std::optional<std::uint32_t> max_partner_mbps;     // fastest that the partner offers
  Symbol supported;  // link modes as ethtool(8) prints them, blank between them: "1000baseT/Full 10000baseT/Full"
  Symbol advertised;
  Symbol partner;
  std::optional<bool> link_detected;
  Symbol link_ext_state;                    // why there is no link, where the driver says: "No cable"
  Symbol link_ext_substate;                 // closer: "No partner detected"
  std::optional<Counter> link_down_events;  // times that the device lost its link, counted by driver or PHY
  std::optional<std::uint32_t> sqi;         // signal quality index
  std::optional<std::uint32_t> sqi_max;
  std::optional<std::uint32_t> lanes;
  Symbol master_slave;  // "master" or "slave" side of a 1000BASE-T link and the like
  Symbol fec_active;    // "RS", "BaseR", "Off", "LLRS"
  Symbol fec_configured;
  std::optional<bool> pause_autoneg;
  std::optional<bool> pause_rx;
  std::optional<bool> pause_tx;
  std::optional<std::uint32_t> rx_ring;
  std::optional<std::uint32_t> rx_ring_max;
  std::optional<std::uint32_t> tx_ring;
  std::optional<std::uint32_t> tx_ring_max;
  std::optional<std::uint32_t> rx_channels;
  std::optional<std::uint32_t> rx_channels_max;
  std::optional<std::uint32_t> tx_channels;
  std::optional<std::uint32_t> tx_channels_max;
  std::optional<std::uint32_t> other_channels;
  std::optional<std::uint32_t> other_channels_max;
  std::optional<std::uint32_t> combined_channels;
  std::optional<std::uint32_t> combined_channels_max;
  std::optional<std::uint32_t> rx_usecs;
  std::optional<std::uint32_t> rx_frames;
  std::optional<std::uint32_t> tx_usecs;
  std::optional<std::uint32_t> tx_frames;
  std::optional<bool> adaptive_rx;
  std::optional<bool> adaptive_tx;
  static const TableInfo& table();
};

// One offload or other feature of one device.
struct NicFeature {
  Symbol netns;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  Symbol feature;         // the kernel's name, e.g. "tx-checksum-ip-generic", "rx-gro"
  bool active = false;    // in use
  bool wanted = false;    // asked for by the administrator or by default
  bool hw = false;        // can be switched on this device
  bool nochange = false;  // fixed, cannot be switched at all
  static const TableInfo& table();
};

// One number that a driver counts under a name of its own choice.
struct NicStatistic {
  Symbol netns;
  std::uint32_t ifindex = 0;
  Symbol ifname;
  Symbol driver;
  Symbol name;  // the driver's, e.g. "rx_missed_errors", "bw_in_allowance_exceeded"
  Counter value;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
