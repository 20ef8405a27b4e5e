#include <array>

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "core/kernel/rtnl_links.h"

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool fill_statistics(Bytes payload, facts::Qdisc& row) {
  std::array<Bytes, TCA_STATS_PKT64 + 1> at;
  if (!parse_attributes(payload, at)) return false;
  // The byte counter of gnet_stats_basic is of 64 bits, the packet counter of 32; newer kernels give it whole in PKT64.
  row.bytes = read_number<std::uint64_t>(at[TCA_STATS_BASIC]);
  if (at[TCA_STATS_BASIC].size() >= offsetof(gnet_stats_basic, packets) + sizeof(std::uint32_t)) {
    row.packets = read_number<std::uint32_t>(at[TCA_STATS_BASIC].subspan(offsetof(gnet_stats_basic, packets)));
  }
  if (!at[TCA_STATS_PKT64].empty()) row.packets = read_number<std::uint64_t>(at[TCA_STATS_PKT64]);
  const auto queue = read_number<gnet_stats_queue>(at[TCA_STATS_QUEUE]);
  row.qlen = queue.qlen;
  row.backlog_bytes = queue.backlog;
  row.drops = queue.drops;
  row.requeues = queue.requeues;
  row.overlimits = queue.overlimits;
  return true;
}

}  // namespace

Parsed parse_qdisc(const nlmsghdr& message, RtnlReader& reader, facts::Qdisc& row) {
  const auto* header = header_of<tcmsg>(message);
  std::array<Bytes, TCA_STATS2 + 1> at;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), at)) return Parsed::malformed;
  row.ifindex = static_cast<std::uint32_t>(header->tcm_ifindex);
  row.ifname = reader.names.of(row.ifindex);
  row.handle = header->tcm_handle;
  row.parent = header->tcm_parent;
  row.kind = reader.out.intern(read_text(at[TCA_KIND]));
  return fill_statistics(at[TCA_STATS2], row) ? Parsed::row : Parsed::malformed;
}

Result<void> read_qdiscs(RtnlReader& reader) {
  NetlinkRequest request(RTM_GETQDISC, 0);
  (void)request.header<tcmsg>();
  facts::RowFilter all(facts::Qdisc::table(), nullptr);
  return dump_rows<facts::Qdisc>(
      reader, request, RTM_NEWQDISC, "RTM_GETQDISC dump", all,
      [&](const nlmsghdr& message, facts::Qdisc& row) { return parse_qdisc(message, reader, row); });
}

}  // namespace hostcheck::kernel
