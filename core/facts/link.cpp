#include "core/facts/link.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>

#include "core/facts/rtnl_names.h"

namespace hostcheck::facts {
namespace {

Cell state_cell(const Link& row, std::string& scratch) {
  static constexpr std::string_view kNames[] = {"unknown", "notpresent", "down", "lowerlayerdown",
                                                "testing", "dormant",    "up"};
  return named_or_number(row.operstate < std::size(kNames) ? kNames[row.operstate] : "", row.operstate, scratch);
}

Cell link_flags_cell(const Link& row, std::string& scratch) {
  static constexpr std::uint32_t kNoCarrier = 1U << 31;  // no flag of the kernel: up and not running
  static constexpr FlagName kNames[] = {{kNoCarrier, "NO-CARRIER"},
                                        {IFF_LOOPBACK, "LOOPBACK"},
                                        {IFF_BROADCAST, "BROADCAST"},
                                        {IFF_POINTOPOINT, "POINTOPOINT"},
                                        {IFF_MULTICAST, "MULTICAST"},
                                        {IFF_NOARP, "NOARP"},
                                        {IFF_ALLMULTI, "ALLMULTI"},
                                        {IFF_PROMISC, "PROMISC"},
                                        {IFF_MASTER, "MASTER"},
                                        {IFF_SLAVE, "SLAVE"},
                                        {IFF_DEBUG, "DEBUG"},
                                        {IFF_DYNAMIC, "DYNAMIC"},
                                        {IFF_AUTOMEDIA, "AUTOMEDIA"},
                                        {IFF_PORTSEL, "PORTSEL"},
                                        {IFF_NOTRAILERS, "NOTRAILERS"},
                                        {IFF_UP, "UP"},
                                        {IFF_LOWER_UP, "LOWER_UP"},
                                        {IFF_DORMANT, "DORMANT"},
                                        {IFF_ECHO, "ECHO"}};
  const bool no_carrier = (row.flags & IFF_UP) != 0 && (row.flags & IFF_RUNNING) == 0;
  return flags_cell(row.flags | (no_carrier ? kNoCarrier : 0), kNames, scratch);
}

std::string_view hardware_type_name(std::uint16_t type) {
  switch (type) {
    case ARPHRD_ETHER:
      return "ether";
    case ARPHRD_LOOPBACK:
      return "loopback";
    case ARPHRD_INFINIBAND:
      return "infiniband";
    case ARPHRD_NONE:
      return "none";
    case ARPHRD_PPP:
      return "ppp";
    case ARPHRD_SLIP:
      return "slip";
    case ARPHRD_TUNNEL:
      return "ipip";
    case ARPHRD_TUNNEL6:
      return "tunnel6";
    case ARPHRD_SIT:
      return "sit";
    case ARPHRD_IPGRE:
      return "gre";
    case ARPHRD_IP6GRE:
      return "gre6";
    case ARPHRD_IEEE80211:
      return "ieee802.11";
    case ARPHRD_IEEE80211_PRISM:
      return "ieee802.11/prism";
    case ARPHRD_IEEE80211_RADIOTAP:
      return "ieee802.11/radiotap";
    case ARPHRD_IEEE802154:
      return "ieee802.15.4";
    case ARPHRD_CAN:
      return "can";
    case ARPHRD_RAWIP:
      return "rawip";
    case ARPHRD_NETLINK:
      return "netlink";
    case ARPHRD_6LOWPAN:
      return "6lowpan";
    case ARPHRD_VSOCKMON:
      return "vsockmon";
    case ARPHRD_IEEE1394:
      return "ieee1394";
      return "fcoe";
    case ARPHRD_VOID:
      return "void";
    default:
      return "";
  }
}

Cell type_cell(const Link& row, std::string& scratch) {
  return named_or_number(hardware_type_name(row.hardware_type), row.hardware_type, scratch);
}

Cell admin_up_cell(const Link& row, std::string&) {
  return integer_cell((row.flags & IFF_UP) != 0 ? 1 : 0);
}

void describe_counters(TableBuilder<Link>& builder) {
  builder.counter<&Link::rx_packets>("rx_packets", "packets", "IFLA_STATS64 rx_packets", "Good packets received")
      .counter<&Link::tx_packets>("tx_packets", "packets", "IFLA_STATS64 tx_packets", "Packets sent")
      .counter<&Link::rx_bytes>("rx_bytes", "bytes", "IFLA_STATS64 rx_bytes", "Good bytes received")
      .counter<&Link::tx_bytes>("tx_bytes", "bytes", "IFLA_STATS64 tx_bytes", "Good bytes sent")
      .counter<&Link::rx_errors>("rx_errors", "packets", "IFLA_STATS64 rx_errors",
                                 "Bad packets received, of every kind")
      .counter<&Link::tx_errors>("tx_errors", "packets", "IFLA_STATS64 tx_errors", "Failures to send, of every kind")
      .counter<&Link::rx_dropped>("rx_dropped", "packets", "IFLA_STATS64 rx_dropped",
                                  "Packets received and dropped by the software (no handler, no memory, filters)")
      .counter<&Link::tx_dropped>("tx_dropped", "packets", "IFLA_STATS64 tx_dropped",
                                  "Packets dropped on their way out")
      .counter<&Link::multicast>("multicast", "packets", "IFLA_STATS64 multicast", "Multicast packets received")
      .counter<&Link::collisions>("collisions", "", "IFLA_STATS64 collisions",
                                  "Collisions while sending; a full-duplex link has none")
      .counter<&Link::rx_length_errors>("rx_length_errors", "packets", "IFLA_STATS64 rx_length_errors",
                                        "Packets received of a wrong length")
      .counter<&Link::rx_over_errors>("rx_over_errors", "packets", "IFLA_STATS64 rx_over_errors",
                                      "Receiver overflows, as the driver counts them")
      .counter<&Link::rx_crc_errors>("rx_crc_errors", "packets", "IFLA_STATS64 rx_crc_errors",
                                     "Packets received with a wrong checksum: cable, connector, transceiver")
      .counter<&Link::rx_frame_errors>("rx_frame_errors", "packets", "IFLA_STATS64 rx_frame_errors",
                                       "Frames received with an alignment error")
      .counter<&Link::rx_fifo_errors>("rx_fifo_errors", "packets", "IFLA_STATS64 rx_fifo_errors",
                                      "Packets lost because the receive ring was full")
      .counter<&Link::rx_missed_errors>("rx_missed_errors", "packets", "IFLA_STATS64 rx_missed_errors",
                                        "Packets missed because the host had no buffer for them")
      .counter<&Link::tx_aborted_errors>("tx_aborted_errors", "packets", "IFLA_STATS64 tx_aborted_errors",
                                         "Sending given up, e.g. after too many collisions")
      .counter<&Link::tx_carrier_errors>("tx_carrier_errors", "packets", "IFLA_STATS64 tx_carrier_errors",
                                         "Carrier lost while sending")
      .counter<&Link::tx_fifo_errors>("tx_fifo_errors", "packets", "IFLA_STATS64 tx_fifo_errors",
                                      "Sending failed because the transmit queue ran dry")
      .counter<&Link::tx_heartbeat_errors>("tx_heartbeat_errors", "packets", "IFLA_STATS64 tx_heartbeat_errors",
                                           "Heartbeat or signal-quality errors of old half-duplex Ethernet")
      .counter<&Link::tx_window_errors>("tx_window_errors", "packets", "IFLA_STATS64 tx_window_errors",
                                        "Late collisions: a sign of a duplex mismatch")
      .counter<&Link::rx_nohandler>("rx_nohandler", "packets", "IFLA_STATS64 rx_nohandler",
                                    "Packets received that nobody wanted, on an inactive bond port for example")
      .counter<&Link::rx_otherhost_dropped>("rx_otherhost_dropped", "packets", "IFLA_STATS64 rx_otherhost_dropped",
                                            "Packets dropped because another host's address was on them; Linux 5.19");
}

}  // namespace

const TableInfo& Link::table() {
  static const TableInfo info = [] {
    TableBuilder<Link> builder("links", "Network interfaces, one row each");
    builder.key<&Link::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
        .key<&Link::ifindex>("ifindex", "", "ifinfomsg.ifi_index", "Number of the interface")
        .column<&Link::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
        .column<&Link::kind>("kind", "", "IFLA_INFO_KIND", "veth, bridge, vlan, bond, ...; NULL for hardware and lo")
        .column<&Link::slave_kind>("slave_kind", "", "IFLA_INFO_SLAVE_KIND", "Kind of the master that it is a port of")
        .computed<state_cell>("state", Type::text, "", "IFLA_OPERSTATE",
                              "Operational state (RFC 2863): up, down, lowerlayerdown, dormant, notpresent, unknown")
        .computed<admin_up_cell>("admin_up", Type::boolean, "", "IFF_UP", "Whether the administrator wants it up")
        .column<&Link::carrier>("carrier", "", "IFLA_CARRIER", "Whether a signal is on the line")
        .column<&Link::carrier_changes>("carrier_changes", "", "IFLA_CARRIER_CHANGES",
                                        "Times that the carrier came or went since the interface was made")
        .counter<&Link::carrier_up_count>("carrier_up_count", "", "IFLA_CARRIER_UP_COUNT",
                                          "Times that the carrier came")
        .counter<&Link::carrier_down_count>("carrier_down_count", "", "IFLA_CARRIER_DOWN_COUNT",
                                            "Times that the carrier went")
        .column<&Link::mtu>("mtu", "bytes", "IFLA_MTU", "Largest packet")
        .column<&Link::min_mtu>("min_mtu", "bytes", "IFLA_MIN_MTU", "Smallest MTU that can be set")
        .column<&Link::max_mtu>("max_mtu", "bytes", "IFLA_MAX_MTU", "Largest MTU that can be set")
        .column<&Link::master>("master", "", "IFLA_MASTER", "Name of the bridge, bond or VRF that it is a port of")
        .column<&Link::master_ifindex>("master_ifindex", "", "IFLA_MASTER", "Number of that interface")
        .column<&Link::link>("link", "", "IFLA_LINK",
                             "Name of the interface below or of the peer; NULL where that is in another namespace")
        .column<&Link::link_ifindex>("link_ifindex", "", "IFLA_LINK", "Number of that interface, in its namespace")
        .column<&Link::link_netnsid>("link_netnsid", "", "IFLA_LINK_NETNSID",
                                     "Number of the namespace of that interface, where it is another one")
        .column<&Link::address>("address", "", "IFLA_ADDRESS", "Link-layer address")
        .column<&Link::broadcast>("broadcast", "", "IFLA_BROADCAST", "Link-layer broadcast address")
        .column<&Link::perm_address>("perm_address", "", "IFLA_PERM_ADDRESS",
                                     "Address in the hardware, where it has one")
        .column<&Link::promiscuity>("promiscuity", "", "IFLA_PROMISCUITY", "How many ask for promiscuous mode")
        .column<&Link::group>("group", "", "IFLA_GROUP", "Group number; a keyword of SQL, write \"group\"")
        .column<&Link::qdisc>("qdisc", "", "IFLA_QDISC", "Queueing discipline at its root")
        .column<&Link::tx_queue_len>("tx_queue_len", "packets", "IFLA_TXQLEN", "Length of the transmit queue")
        .column<&Link::num_tx_queues>("num_tx_queues", "", "IFLA_NUM_TX_QUEUES", "Transmit queues")
        .column<&Link::num_rx_queues>("num_rx_queues", "", "IFLA_NUM_RX_QUEUES", "Receive queues")
        .column<&Link::gso_max_size>("gso_max_size", "bytes", "IFLA_GSO_MAX_SIZE", "Largest packet before segmentation")
        .column<&Link::gro_max_size>("gro_max_size", "bytes", "IFLA_GRO_MAX_SIZE", "Largest packet after coalescing")
        .computed<link_flags_cell>("flags", Type::text, "", "ifinfomsg.ifi_flags",
                                   "Flags as ip(8) names them, separated by commas")
        .computed<type_cell>("type", Type::text, "", "ifinfomsg.ifi_type", "ether, loopback, none, ipip, gre, ...")
        .column<&Link::physical>("physical", "", "IFLA_INFO_KIND, IFLA_PARENT_DEV_NAME",
                                 "Whether a device of the (virtual) machine is behind it")
        .column<&Link::parent_device>("parent_device", "", "IFLA_PARENT_DEV_NAME", "That device; Linux 5.14")
        .column<&Link::parent_bus>("parent_bus", "", "IFLA_PARENT_DEV_BUS_NAME",
                                   "Its bus: pci, virtio, usb, ...; Linux 5.14")
        .column<&Link::xdp>("xdp", "", "IFLA_XDP_ATTACHED", "Whether an XDP program sees its packets first")
        .column<&Link::proto_down>("proto_down", "", "IFLA_PROTO_DOWN", "Whether a control protocol holds it down")
        .column<&Link::vlan_id>("vlan_id", "", "IFLA_VLAN_ID", "VLAN number of a vlan interface")
        .column<&Link::alias>("alias", "", "IFLA_IFALIAS", "Description that somebody gave it");
    describe_counters(builder);
    return builder.build();
  }();
  return info;
}

namespace {

std::string_view address_protocol_name(std::uint8_t protocol) {
  static constexpr std::string_view kNames[] = {"", "kernel_lo", "kernel_ra", "kernel_ll"};
  return protocol < std::size(kNames) ? kNames[protocol] : "";
}

Cell scope_cell(const InterfaceAddress& row, std::string& scratch) {
  return named_or_number(route_scope_name(row.scope), row.scope, scratch);
}

Cell address_flags_cell(const InterfaceAddress& row, std::string& scratch) {
  static constexpr FlagName kV4[] = {{IFA_F_SECONDARY, "secondary"}};
  static constexpr FlagName kV6[] = {{IFA_F_TEMPORARY, "temporary"}};
  static constexpr FlagName kNames[] = {{IFA_F_TEMPORARY, ""},
                                        {IFA_F_NODAD, "nodad"},
                                        {IFA_F_OPTIMISTIC, "optimistic"},
                                        {IFA_F_DADFAILED, "dadfailed"},
                                        {IFA_F_HOMEADDRESS, "home"},
                                        {IFA_F_DEPRECATED, "deprecated"},
                                        {IFA_F_TENTATIVE, "tentative"},
                                        {IFA_F_PERMANENT, "permanent"},
                                        {IFA_F_MANAGETEMPADDR, "mngtmpaddr"},
                                        {IFA_F_NOPREFIXROUTE, "noprefixroute"},
                                        {IFA_F_MCAUTOJOIN, "autojoin"},
                                        {IFA_F_STABLE_PRIVACY, "stable-privacy"}};
  std::string first;
  const bool v4 = row.family == Family::ipv4;
  if (const Cell cell = v4 ? flags_cell(row.flags, kV4, scratch) : flags_cell(row.flags, kV6, scratch);
      cell.kind == Cell::Kind::text) {
    first = cell.text;
  }
  const Cell rest = flags_cell(row.flags & ~static_cast<std::uint32_t>(IFA_F_TEMPORARY), kNames, scratch);
  if (first.empty()) return rest;
  scratch = rest.kind == Cell::Kind::text ? first + ',' + scratch : first;
  return text_cell(scratch);
}

template <std::uint32_t kFlag>
Cell flag_cell(const InterfaceAddress& row, std::string&) {
  return integer_cell((row.flags & kFlag) != 0 ? 1 : 0);
}

Cell secondary_cell(const InterfaceAddress& row, std::string&) {
  return integer_cell(row.family == Family::ipv4 && (row.flags & IFA_F_SECONDARY) != 0 ? 1 : 0);
}

Cell temporary_cell(const InterfaceAddress& row, std::string&) {
  return integer_cell(row.family == Family::ipv6 && (row.flags & IFA_F_TEMPORARY) != 0 ? 1 : 0);
}

Cell address_protocol_cell(const InterfaceAddress& row, std::string& scratch) {
  if (row.protocol == 0) return {};
  return named_or_number(address_protocol_name(row.protocol), row.protocol, scratch);
}

}  // namespace

const TableInfo& InterfaceAddress::table() {
  using Row = InterfaceAddress;
  static const TableInfo info =
      TableBuilder<Row>("addresses", "IPv4 and IPv6 addresses of every interface")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::family>("family", "", "ifaddrmsg.ifa_family", "inet or inet6")
          .key<&Row::ifindex>("ifindex", "", "ifaddrmsg.ifa_index", "Number of the interface")
          .column<&Row::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
          .key<&Row::address>("address", "", "IFA_LOCAL, IFA_ADDRESS", "The host's address")
          .key<&Row::prefix_length>("prefix_length", "bits", "ifaddrmsg.ifa_prefixlen", "Length of the on-link prefix")
          .column<&Row::peer>("peer", "", "IFA_ADDRESS", "Address of the other end of a point-to-point link")
          .column<&Row::broadcast>("broadcast", "", "IFA_BROADCAST", "IPv4 broadcast address")
          .column<&Row::label>("label", "", "IFA_LABEL", "IPv4 label, such as eth0:1")
          .computed<scope_cell>("scope", Type::text, "", "ifaddrmsg.ifa_scope", "global, link, host or site")
          .computed<address_flags_cell>("flags", Type::text, "", "IFA_FLAGS", "Flags, separated by commas")
          .computed<flag_cell<IFA_F_DEPRECATED>>("deprecated", Type::boolean, "", "IFA_F_DEPRECATED",
                                                 "Preferred life is over: no new connection uses it")
          .computed<flag_cell<IFA_F_TENTATIVE>>("tentative", Type::boolean, "", "IFA_F_TENTATIVE",
                                                "Duplicate detection is not finished: not usable yet")
          .computed<flag_cell<IFA_F_DADFAILED>>("dadfailed", Type::boolean, "", "IFA_F_DADFAILED",
                                                "Another host has the same address")
          .computed<temporary_cell>("temporary", Type::boolean, "", "IFA_F_TEMPORARY", "IPv6 privacy address")
          .computed<secondary_cell>("secondary", Type::boolean, "", "IFA_F_SECONDARY",
                                    "IPv4 address that is not the first of its subnet")
          .computed<flag_cell<IFA_F_PERMANENT>>("permanent", Type::boolean, "", "IFA_F_PERMANENT",
                                                "Whether its life does not end by itself")
          .column<&Row::valid_s>("valid_s", "s", "IFA_CACHEINFO ifa_valid", "Life left; NULL for ever")
          .column<&Row::preferred_s>("preferred_s", "s", "IFA_CACHEINFO ifa_prefered",
                                     "Preferred life left; NULL for ever")
          .computed<address_protocol_cell>("protocol", Type::text, "", "IFA_PROTO",
                                           "Who set it: kernel_lo, kernel_ra, kernel_ll or a number; Linux 5.18")
          .build();
  return info;
}

}  // namespace hostcheck::facts
