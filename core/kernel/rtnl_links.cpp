#include "core/kernel/rtnl_links.h"

#include <algorithm>
#include <array>

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kLinkDump = "RTM_GETLINK dump";

void fill_counters(Bytes payload, facts::LinkCounters& row) {
  // Kernels differ in how many of rtnl_link_stats64's numbers they send; those that are not sent are 0.
  if (payload.empty()) return;
  rtnl_link_stats64 stats{};
  std::memcpy(&stats, payload.data(), std::min(payload.size(), sizeof stats));
  row.rx_packets = stats.rx_packets;
  row.tx_packets = stats.tx_packets;
  row.rx_bytes = stats.rx_bytes;
  row.tx_bytes = stats.tx_bytes;
  row.rx_errors = stats.rx_errors;
  row.tx_errors = stats.tx_errors;
  row.rx_dropped = stats.rx_dropped;
  row.tx_dropped = stats.tx_dropped;
  row.multicast = stats.multicast;
  row.collisions = stats.collisions;
  row.rx_length_errors = stats.rx_length_errors;
  row.rx_over_errors = stats.rx_over_errors;
  row.rx_crc_errors = stats.rx_crc_errors;
  row.rx_frame_errors = stats.rx_frame_errors;
  row.rx_fifo_errors = stats.rx_fifo_errors;
  row.rx_missed_errors = stats.rx_missed_errors;
  row.tx_aborted_errors = stats.tx_aborted_errors;
  row.tx_carrier_errors = stats.tx_carrier_errors;
  row.tx_fifo_errors = stats.tx_fifo_errors;
  row.tx_heartbeat_errors = stats.tx_heartbeat_errors;
  row.tx_window_errors = stats.tx_window_errors;
  row.rx_nohandler = stats.rx_nohandler;
  constexpr std::size_t kOtherhostEnd = offsetof(rtnl_link_stats64, rx_otherhost_dropped) + sizeof(std::uint64_t);
  if (payload.size() >= kOtherhostEnd) row.rx_otherhost_dropped = facts::Counter(stats.rx_otherhost_dropped);
}

// IFLA_LINKINFO: the driver's kind and what a master makes of it.
bool fill_link_info(Bytes payload, facts::Facts& texts, facts::Link& row) {
  std::array<Bytes, IFLA_INFO_SLAVE_DATA + 1> info;
  if (!parse_attributes(payload, info)) return false;
  const std::string_view kind = read_text(info[IFLA_INFO_KIND]);
  row.kind = texts.intern(kind);
  row.slave_kind = texts.intern(read_text(info[IFLA_INFO_SLAVE_KIND]));
  if (kind == "vlan") {
    std::array<Bytes, IFLA_VLAN_ID + 1> vlan;
    if (!parse_attributes(info[IFLA_INFO_DATA], vlan)) return false;
    row.vlan_id = read_number<std::uint16_t>(vlan[IFLA_VLAN_ID]);
  }
  return true;
}

bool is_physical(const facts::Link& row, bool kernel_tells_parents) {
  if (!row.kind.empty() || row.hardware_type == ARPHRD_LOOPBACK) return false;
  if (kernel_tells_parents) return !row.parent_device.empty();
  // Before Linux 5.14: hardware drivers have no kind, and virtual Ethernet devices have one.
  return row.hardware_type == ARPHRD_ETHER || row.hardware_type == ARPHRD_INFINIBAND;
}

void fill_names(std::span<const Bytes> at, facts::Facts& texts, facts::Link& row) {
  row.ifname = texts.intern(read_text(at[IFLA_IFNAME]));
  row.qdisc = texts.intern(read_text(at[IFLA_QDISC]));
  row.parent_device = texts.intern(read_text(at[IFLA_PARENT_DEV_NAME]));
  row.parent_bus = texts.intern(read_text(at[IFLA_PARENT_DEV_BUS_NAME]));
  row.alias = read_text(at[IFLA_IFALIAS]);
  row.address = LinkAddress::from_bytes(at[IFLA_ADDRESS]);
  row.broadcast = LinkAddress::from_bytes(at[IFLA_BROADCAST]);
  row.perm_address = LinkAddress::from_bytes(at[IFLA_PERM_ADDRESS]);
}

void fill_numbers(std::span<const Bytes> at, facts::Link& row) {
  const auto number = [&](std::size_t type) { return read_number<std::uint32_t>(at[type]); };
  row.operstate = read_number<std::uint8_t>(at[IFLA_OPERSTATE]);
  row.proto_down = read_number<std::uint8_t>(at[IFLA_PROTO_DOWN]) != 0;
  if (!at[IFLA_CARRIER].empty()) row.carrier = read_number<std::uint8_t>(at[IFLA_CARRIER]) != 0;
  row.carrier_changes = number(IFLA_CARRIER_CHANGES);
  row.carrier_up_count = number(IFLA_CARRIER_UP_COUNT);
  row.carrier_down_count = number(IFLA_CARRIER_DOWN_COUNT);
  row.mtu = number(IFLA_MTU);
  row.min_mtu = number(IFLA_MIN_MTU);
  row.max_mtu = number(IFLA_MAX_MTU);
  row.link_ifindex = number(IFLA_LINK);
  if (!at[IFLA_LINK_NETNSID].empty()) row.link_netnsid = read_number<std::int32_t>(at[IFLA_LINK_NETNSID]);
  row.master_ifindex = number(IFLA_MASTER);
  row.promiscuity = number(IFLA_PROMISCUITY);
  row.group = number(IFLA_GROUP);
  row.tx_queue_len = number(IFLA_TXQLEN);
  row.num_tx_queues = number(IFLA_NUM_TX_QUEUES);
  row.num_rx_queues = number(IFLA_NUM_RX_QUEUES);
  row.gso_max_size = number(IFLA_GSO_MAX_SIZE);
  row.gro_max_size = number(IFLA_GRO_MAX_SIZE);
}

// The names of interfaces that other rows point at are known only when all have been read.
void name_others(std::span<facts::Link> rows, const InterfaceNames& names) {
  for (facts::Link& row : rows) {
    if (row.master_ifindex) row.master = names.of(*row.master_ifindex);
    if (row.link_ifindex && !row.link_netnsid) row.link = names.of(*row.link_ifindex);
  }
}

}  // namespace

Parsed parse_link(const nlmsghdr& message, facts::Facts& texts, facts::Link& row) {
  const auto* header = header_of<ifinfomsg>(message);
  std::array<Bytes, IFLA_MAX + 1> at;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), at)) return Parsed::malformed;
  if (header->ifi_family != AF_UNSPEC) return Parsed::passed;  // a bridge's or IPv6's view of the same interface
  row.ifindex = static_cast<std::uint32_t>(header->ifi_index);
  row.flags = header->ifi_flags;
  row.hardware_type = header->ifi_type;
  fill_names(at, texts, row);
  if (row.ifname.empty()) return Parsed::malformed;
  fill_numbers(at, row);
  if (!fill_link_info(at[IFLA_LINKINFO], texts, row)) return Parsed::malformed;
  row.physical =
      is_physical(row, at[IFLA_PARENT_DEV_NAME].data() != nullptr || at[IFLA_GRO_MAX_SIZE].data() != nullptr);
  std::array<Bytes, IFLA_XDP_ATTACHED + 1> xdp;
  if (!parse_attributes(at[IFLA_XDP], xdp)) return Parsed::malformed;
  row.xdp = read_number<std::uint8_t>(xdp[IFLA_XDP_ATTACHED]) != XDP_ATTACHED_NONE;
  fill_counters(at[IFLA_STATS64], row);
  return Parsed::row;
}

Result<void> read_links(RtnlReader& reader, bool keep_rows, bool with_counters) {
  NetlinkRequest request(RTM_GETLINK, 0);
  request.header<ifinfomsg>().ifi_family = AF_UNSPEC;
  // Without RTEXT_FILTER_VF the kernel leaves out what it knows of virtual functions, which can be very long.
  if (!with_counters) request.add_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::vector<facts::Link> rows;
  auto done = reader.socket.dump(
      request, kLinkDump,
      [&](const nlmsghdr& message) -> Result<void> {
        if (message.nlmsg_type != RTM_NEWLINK) return {};
        facts::Link row;
        row.netns = reader.netns;
        const Parsed parsed = parse_link(message, reader.out, row);
        if (parsed == Parsed::malformed) return unexpected(malformed(kLinkDump));
        if (parsed == Parsed::passed) return {};
        reader.names.set(row.ifindex, row.ifname);
        if (keep_rows) rows.push_back(std::move(row));
        return {};
      },
      [&] {
        rows.clear();
        reader.names.clear();
      });
  if (!done) return done;
  if (!keep_rows) return {};
  name_others(rows, reader.names);
  auto& all = reader.out.rows<facts::Link>();
  all.insert(all.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  return {};
}

}  // namespace hostcheck::kernel
