#include <array>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "core/kernel/rtnl_routes.h"

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

// "1,2/3": member 1 with weight 2, member 3 with weight 1.
bool fill_group(Bytes payload, std::string& group) {
  for (; payload.size() >= sizeof(nexthop_grp); payload = payload.subspan(sizeof(nexthop_grp))) {
    const auto member = read_number<nexthop_grp>(payload);
    if (!group.empty()) group += '/';
    group += std::to_string(member.id);
    if (member.weight != 0) group += ',' + std::to_string(member.weight + 1);
  }
  return payload.empty();
}

}  // namespace

Parsed parse_nexthop(const nlmsghdr& message, RtnlReader& reader, facts::Nexthop& row) {
  const auto* header = header_of<nhmsg>(message);
  std::array<Bytes, NHA_FDB + 1> at;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), at)) return Parsed::malformed;
  if (at[NHA_ID].empty()) return Parsed::malformed;
  row.id = read_number<std::uint32_t>(at[NHA_ID]);
  row.family = family_of(header->nh_family);
  row.scope = header->nh_scope;
  row.protocol = header->nh_protocol;
  row.flags = header->nh_flags;
  row.gateway = IpAddress::from_bytes(at[NHA_GATEWAY]);
  row.ifindex = read_number<std::uint32_t>(at[NHA_OIF]);
  row.ifname = reader.names.of(row.ifindex);
  row.blackhole = at[NHA_BLACKHOLE].data() != nullptr;
  row.fdb = at[NHA_FDB].data() != nullptr;
  return fill_group(at[NHA_GROUP], row.group) ? Parsed::row : Parsed::malformed;
}

Result<void> read_nexthops(RtnlReader& reader) {
  NetlinkRequest request(RTM_GETNEXTHOP, 0);
  (void)request.header<nhmsg>();
  facts::RowFilter all(facts::Nexthop::table(), nullptr);
  return dump_rows<facts::Nexthop>(
      reader, request, RTM_NEWNEXTHOP, "RTM_GETNEXTHOP dump", all,
      [&](const nlmsghdr& message, facts::Nexthop& row) { return parse_nexthop(message, reader, row); });
}

}  // namespace hostcheck::kernel
