#include <array>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "core/kernel/rtnl_routes.h"

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kRuleDump = "RTM_GETRULE dump";

template <typename Number>
std::optional<Number> number_if(Bytes payload) {
  return payload.empty() ? std::nullopt : std::optional(read_number<Number>(payload));
}

std::optional<facts::PortRange> port_range(Bytes payload) {
  if (payload.size() < sizeof(fib_rule_port_range)) return std::nullopt;
  const auto range = read_number<fib_rule_port_range>(payload);
  return facts::PortRange{range.start, range.end};
}

// FRA_SUPPRESS_*: the kernel says -1 for "not set".
std::optional<std::int32_t> suppressed(Bytes payload) {
  const auto value = number_if<std::int32_t>(payload);
  return value && *value >= 0 ? value : std::nullopt;
}

}  // namespace

Parsed parse_policy_rule(const nlmsghdr& message, RtnlReader& reader, const TableNames& tables,
                         facts::PolicyRule& row) {
  const auto* header = header_of<fib_rule_hdr>(message);
  std::array<Bytes, FRA_DPORT_RANGE + 1> at;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), at)) return Parsed::malformed;
  row.family = family_of(header->family);
  if (row.family == Family::none) return Parsed::passed;
  row.priority = read_number<std::uint32_t>(at[FRA_PRIORITY]);
  row.src = IpAddress::from_bytes(at[FRA_SRC]);
  row.dst = IpAddress::from_bytes(at[FRA_DST]);
  row.src_length = header->src_len;
  row.dst_length = header->dst_len;
  row.iif = reader.out.intern(read_text(at[FRA_IIFNAME]));
  row.oif = reader.out.intern(read_text(at[FRA_OIFNAME]));
  row.fwmark = number_if<std::uint32_t>(at[FRA_FWMARK]);
  row.fwmask = number_if<std::uint32_t>(at[FRA_FWMASK]);
  row.tos = header->tos;
  row.ip_proto = read_number<std::uint8_t>(at[FRA_IP_PROTO]);
  row.sport = port_range(at[FRA_SPORT_RANGE]);
  row.dport = port_range(at[FRA_DPORT_RANGE]);
  if (at[FRA_UID_RANGE].size() >= sizeof(fib_rule_uid_range)) {
    const auto range = read_number<fib_rule_uid_range>(at[FRA_UID_RANGE]);
    row.uid_first = range.start;
    row.uid_last = range.end;
  }
  row.action = header->action;
  const std::uint32_t table = at[FRA_TABLE].empty() ? header->table : read_number<std::uint32_t>(at[FRA_TABLE]);
  if (header->action == FR_ACT_TO_TBL) row.table_id = table;
  row.table_name = tables.of(table);
  row.goto_priority = read_number<std::uint32_t>(at[FRA_GOTO]);
  row.suppress_prefixlength = suppressed(at[FRA_SUPPRESS_PREFIXLEN]);
  row.suppress_ifgroup = suppressed(at[FRA_SUPPRESS_IFGROUP]);
  row.l3mdev = read_number<std::uint8_t>(at[FRA_L3MDEV]) != 0;
  row.invert = (header->flags & FIB_RULE_INVERT) != 0;
  row.detached = (header->flags & (FIB_RULE_IIF_DETACHED | FIB_RULE_OIF_DETACHED)) != 0;
  row.protocol = read_number<std::uint8_t>(at[FRA_PROTOCOL]);
  return Parsed::row;
}

Result<void> read_policy_rules(RtnlReader& reader, const TableNames& tables, Family family) {
  NetlinkRequest request(RTM_GETRULE, 0);
  request.header<fib_rule_hdr>().family = address_family_of(family);
  facts::RowFilter all(facts::PolicyRule::table(), nullptr);
  return dump_rows<facts::PolicyRule>(reader, request, RTM_NEWRULE, kRuleDump, all,
                                      [&](const nlmsghdr& message, facts::PolicyRule& row) {
                                        const Parsed parsed = parse_policy_rule(message, reader, tables, row);
                                        // A kernel without IPv6 answers with every family that it has.
                                        return parsed == Parsed::row && row.family != family ? Parsed::passed : parsed;
                                      });
}

}  // namespace hostcheck::kernel
