#include <array>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "core/kernel/rtnl_links.h"

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::optional<std::uint32_t> seconds_left(std::uint32_t seconds) {
  constexpr std::uint32_t kForever = 0xffffffff;
  return seconds == kForever ? std::nullopt : std::optional(seconds);
}

}  // namespace

Parsed parse_address(const nlmsghdr& message, RtnlReader& reader, facts::InterfaceAddress& row) {
  const auto* header = header_of<ifaddrmsg>(message);
  std::array<Bytes, IFA_PROTO + 1> at;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), at)) return Parsed::malformed;
  row.family = family_of(header->ifa_family);
  if (row.family == Family::none) return Parsed::passed;
  row.ifindex = header->ifa_index;
  row.ifname = reader.names.of(row.ifindex);
  row.prefix_length = header->ifa_prefixlen;
  row.scope = header->ifa_scope;
  row.flags = at[IFA_FLAGS].empty() ? header->ifa_flags : read_number<std::uint32_t>(at[IFA_FLAGS]);
  // On a point-to-point link IFA_LOCAL is this end and IFA_ADDRESS the other; IPv4 always gives both.
  const IpAddress address = IpAddress::from_bytes(at[IFA_ADDRESS]);
  const IpAddress local = IpAddress::from_bytes(at[IFA_LOCAL]);
  row.address = local.empty() ? address : local;
  if (row.address.family() != row.family) return Parsed::malformed;
  if (address != row.address) row.peer = address;
  row.broadcast = IpAddress::from_bytes(at[IFA_BROADCAST]);
  row.label = reader.out.intern(read_text(at[IFA_LABEL]));
  row.protocol = read_number<std::uint8_t>(at[IFA_PROTO]);
  if (const auto life = at[IFA_CACHEINFO]; life.size() >= sizeof(ifa_cacheinfo)) {
    const auto info = read_number<ifa_cacheinfo>(life);
    row.valid_s = seconds_left(info.ifa_valid);
    row.preferred_s = seconds_left(info.ifa_prefered);
  }
  return Parsed::row;
}

Result<void> read_addresses(RtnlReader& reader, Family family, facts::RowFilter& filter) {
  for (const Family each : {Family::ipv4, Family::ipv6}) {
    if (family != Family::none && family != each) continue;
    NetlinkRequest request(RTM_GETADDR, 0);
    request.header<ifaddrmsg>().ifa_family = address_family_of(each);
    const auto parse = [&](const nlmsghdr& message, facts::InterfaceAddress& row) {
      const Parsed parsed = parse_address(message, reader, row);
      // A kernel without IPv6 answers with every family that it has.
      return parsed == Parsed::row && row.family != each ? Parsed::passed : parsed;
    };
    auto done = dump_rows<facts::InterfaceAddress>(reader, request, RTM_NEWADDR, "RTM_GETADDR dump", filter, parse);
    if (!done) return done;
  }
  return {};
}

}  // namespace hostcheck::kernel
