#include "core/facts/nic.h"

namespace hostcheck::facts {

std::string_view name_of(Duplex duplex) {
  switch (duplex) {
    case Duplex::half:
      return "half";
    case Duplex::full:
      return "full";
    case Duplex::unknown:
      break;
  }
  return "";
}

namespace {

void add_identity(TableBuilder<NicSettings>& builder) {
  using S = NicSettings;
  builder.key<&S::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
      .key<&S::ifindex>("ifindex", "", "ifinfomsg.ifi_index", "Number of the interface")
      .column<&S::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
      .column<&S::driver>("driver", "", "ETHTOOL_GDRVINFO driver", "Kernel driver of the device")
      .column<&S::driver_version>("driver_version", "", "ETHTOOL_GDRVINFO version",
                                  "Version of the driver, for most drivers that of the kernel")
      .column<&S::firmware_version>("firmware_version", "", "ETHTOOL_GDRVINFO fw_version", "Firmware of the device")
      .column<&S::bus_info>("bus_info", "", "ETHTOOL_GDRVINFO bus_info", "Where the device is attached")
      .column<&S::physical>("physical", "", "IFLA_PARENT_DEV_NAME, ETHTOOL_GDRVINFO bus_info",
                            "Whether it hangs on a bus (PCI, virtio, USB) and is not made by software alone");
}

void add_link(TableBuilder<NicSettings>& builder) {
  using S = NicSettings;
  builder
      .column<&S::speed_mbps>("speed_mbps", "Mbit/s", "ETHTOOL_A_LINKMODES_SPEED",
                              "Speed of the link; NULL without a link or where the driver does not tell")
      .column<&S::duplex>("duplex", "", "ETHTOOL_A_LINKMODES_DUPLEX", "half or full; NULL where unknown")
      .column<&S::autoneg>("autoneg", "", "ETHTOOL_A_LINKMODES_AUTONEG",
                           "Whether speed and duplex are negotiated with the link partner")
      .column<&S::autoneg_supported>("autoneg_supported", "", "ETHTOOL_A_LINKMODES_OURS mask, bit Autoneg",
                                     "Whether the device can negotiate")
      .column<&S::port>("port", "", "ETHTOOL_A_LINKINFO_PORT", "Kind of port, as ethtool(8) names it")
      .column<&S::transceiver>("transceiver", "", "ETHTOOL_A_LINKINFO_TRANSCEIVER", "internal or external")
      .column<&S::max_supported_mbps>("max_supported_mbps", "Mbit/s", "ETHTOOL_A_LINKMODES_OURS mask",
                                      "Fastest link mode that the device can do")
      .column<&S::max_advertised_mbps>("max_advertised_mbps", "Mbit/s", "ETHTOOL_A_LINKMODES_OURS value",
                                       "Fastest link mode that the device offers its partner")
      .column<&S::max_partner_mbps>("max_partner_mbps", "Mbit/s", "ETHTOOL_A_LINKMODES_PEER",
                                    "Fastest link mode that the link partner offers")
      .column<&S::supported>("supported", "", "ETHTOOL_A_LINKMODES_OURS mask",
                             "Link modes that the device can do, blanks between them")
      .column<&S::advertised>("advertised", "", "ETHTOOL_A_LINKMODES_OURS value",
                              "Link modes that the device offers its partner, blanks between them")
      .column<&S::partner>("partner", "", "ETHTOOL_A_LINKMODES_PEER",
                           "Link modes that the link partner offers, blanks between them")
      .column<&S::link_detected>("link_detected", "", "ETHTOOL_A_LINKSTATE_LINK", "Whether the device sees a link")
      .column<&S::link_ext_state>("link_ext_state", "", "ETHTOOL_A_LINKSTATE_EXT_STATE",
                                  "Why there is no link, where the driver says so")
      .column<&S::link_ext_substate>("link_ext_substate", "", "ETHTOOL_A_LINKSTATE_EXT_SUBSTATE",
                                     "The closer reason within link_ext_state")
      .counter<&S::link_down_events>("link_down_events", "events", "ETHTOOL_A_LINKSTATE_EXT_DOWN_CNT",
                                     "Times the device lost its link, counted by driver or PHY")
      .column<&S::sqi>("sqi", "", "ETHTOOL_A_LINKSTATE_SQI", "Signal quality index")
      .column<&S::sqi_max>("sqi_max", "", "ETHTOOL_A_LINKSTATE_SQI_MAX", "Best signal quality index")
      .column<&S::lanes>("lanes", "", "ETHTOOL_A_LINKMODES_LANES", "Lanes that the link uses")
      .column<&S::master_slave>("master_slave", "", "ETHTOOL_A_LINKMODES_MASTER_SLAVE_STATE",
                                "Side that gives the clock (master) or follows it (slave)");
}

void add_rest(TableBuilder<NicSettings>& builder) {
  using S = NicSettings;
  builder.column<&S::fec_active>("fec_active", "", "ETHTOOL_A_FEC_ACTIVE", "Forward error correction in use")
      .column<&S::fec_configured>("fec_configured", "", "ETHTOOL_A_FEC_MODES, ETHTOOL_A_FEC_AUTO",
                                  "Forward error correction asked for, blanks between its modes")
      .column<&S::pause_autoneg>("pause_autoneg", "", "ETHTOOL_A_PAUSE_AUTONEG", "Whether pause frames are negotiated")
      .column<&S::pause_rx>("pause_rx", "", "ETHTOOL_A_PAUSE_RX", "Whether received pause frames are obeyed")
      .column<&S::pause_tx>("pause_tx", "", "ETHTOOL_A_PAUSE_TX", "Whether pause frames are sent")
      .column<&S::rx_ring>("rx_ring", "packets", "ETHTOOL_A_RINGS_RX", "Receive ring entries in use")
      .column<&S::rx_ring_max>("rx_ring_max", "packets", "ETHTOOL_A_RINGS_RX_MAX", "Largest receive ring")
      .column<&S::tx_ring>("tx_ring", "packets", "ETHTOOL_A_RINGS_TX", "Transmit ring entries in use")
      .column<&S::tx_ring_max>("tx_ring_max", "packets", "ETHTOOL_A_RINGS_TX_MAX", "Largest transmit ring")
      .column<&S::rx_channels>("rx_channels", "", "ETHTOOL_A_CHANNELS_RX_COUNT", "Queues that only receive")
      .column<&S::rx_channels_max>("rx_channels_max", "", "ETHTOOL_A_CHANNELS_RX_MAX", "Most such queues")
      .column<&S::tx_channels>("tx_channels", "", "ETHTOOL_A_CHANNELS_TX_COUNT", "Queues that only transmit")
      .column<&S::tx_channels_max>("tx_channels_max", "", "ETHTOOL_A_CHANNELS_TX_MAX", "Most such queues")
      .column<&S::other_channels>("other_channels", "", "ETHTOOL_A_CHANNELS_OTHER_COUNT",
                                  "Queues for other events, such as link changes")
      .column<&S::other_channels_max>("other_channels_max", "", "ETHTOOL_A_CHANNELS_OTHER_MAX", "Most such queues")
      .column<&S::combined_channels>("combined_channels", "", "ETHTOOL_A_CHANNELS_COMBINED_COUNT",
                                     "Queues that receive and transmit")
      .column<&S::combined_channels_max>("combined_channels_max", "", "ETHTOOL_A_CHANNELS_COMBINED_MAX",
                                         "Most such queues")
      .column<&S::rx_usecs>("rx_usecs", "us", "ETHTOOL_A_COALESCE_RX_USECS", "Delay of a receive interrupt")
      .column<&S::rx_frames>("rx_frames", "packets", "ETHTOOL_A_COALESCE_RX_MAX_FRAMES",
                             "Received packets that end the delay")
      .column<&S::tx_usecs>("tx_usecs", "us", "ETHTOOL_A_COALESCE_TX_USECS", "Delay of a transmit interrupt")
      .column<&S::tx_frames>("tx_frames", "packets", "ETHTOOL_A_COALESCE_TX_MAX_FRAMES",
                             "Sent packets that end the delay")
      .column<&S::adaptive_rx>("adaptive_rx", "", "ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX",
                               "Whether the receive delay follows the load")
      .column<&S::adaptive_tx>("adaptive_tx", "", "ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX",
                               "Whether the transmit delay follows the load");
}

TableInfo describe_settings() {
  TableBuilder<NicSettings> builder("nic_settings", "Network devices as their drivers describe them, one row each");
  add_identity(builder);
  add_link(builder);
  add_rest(builder);
  return builder.build();
}

}  // namespace

const TableInfo& NicSettings::table() {
  static const TableInfo info = describe_settings();
  return info;
}

const TableInfo& NicFeature::table() {
  using F = NicFeature;
  static const TableInfo info =
      TableBuilder<F>("nic_features", "Offloads and other features of network devices, one row each")
          .key<&F::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&F::ifindex>("ifindex", "", "ETHTOOL_A_HEADER_DEV_INDEX", "Number of the interface")
          .column<&F::ifname>("ifname", "", "ETHTOOL_A_HEADER_DEV_NAME", "Name of the interface")
          .key<&F::feature>("feature", "", "ETH_SS_FEATURES", "The kernel's name of the feature, e.g. rx-gro")
          .column<&F::active>("active", "", "ETHTOOL_A_FEATURES_ACTIVE", "Whether it is in use")
          .column<&F::wanted>("wanted", "", "ETHTOOL_A_FEATURES_WANTED",
                              "Whether it is asked for, by default or by an administrator")
          .column<&F::hw>("hw", "", "ETHTOOL_A_FEATURES_HW", "Whether it can be switched on this device")
          .column<&F::nochange>("nochange", "", "ETHTOOL_A_FEATURES_NOCHANGE", "Whether no device can switch it")
          .build();
  return info;
}

const TableInfo& NicStatistic::table() {
  using S = NicStatistic;
  static const TableInfo info =
      TableBuilder<S>("nic_statistics", "Numbers that drivers count under names of their own, as `ethtool -S` shows")
          .key<&S::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&S::ifindex>("ifindex", "", "ifinfomsg.ifi_index", "Number of the interface")
          .column<&S::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
          .column<&S::driver>("driver", "", "ETHTOOL_GDRVINFO driver",
                              "Kernel driver, which gives the name its meaning")
          .key<&S::name>("name", "", "ETHTOOL_GSTRINGS ETH_SS_STATS", "The driver's name of the number")
          .counter<&S::value>("value", "", "ETHTOOL_GSTATS", "The number; most count up since the driver was loaded")
          .build();
  return info;
}

}  // namespace hostcheck::facts
