#include "core/facts/rtnl_names.h"

#include <array>
#include <charconv>

#include <linux/rtnetlink.h>

#include "core/base/text.h"

namespace hostcheck::facts {
namespace {

constexpr std::array<std::string_view, 12> kRouteTypes = {"none",     "unicast",   "local",     "broadcast",
                                                          "anycast",  "multicast", "blackhole", "unreachable",
                                                          "prohibit", "throw",     "nat",       "xresolve"};

// linux/rtnetlink.h RTPROT_*; numbers above 4 belong to routing daemons, the names are iproute2's rt_protos.
constexpr FlagName kProtocols[] = {{0, "unspec"},      {1, "redirect"}, {2, "kernel"}, {3, "boot"},   {4, "static"},
                                   {8, "gated"},       {9, "ra"},       {10, "mrt"},   {11, "zebra"}, {12, "bird"},
                                   {13, "dnrouted"},   {14, "xorp"},    {15, "ntk"},   {16, "dhcp"},  {17, "mrouted"},
                                   {18, "keepalived"}, {42, "babel"},   {84, "ovn"},   {99, "openr"}, {186, "bgp"},
                                   {187, "isis"},      {188, "ospf"},   {189, "rip"},  {192, "eigrp"}};

}  // namespace

std::string_view route_type_name(std::uint8_t type) {
  return type < kRouteTypes.size() ? kRouteTypes[type] : "";
}

std::string_view route_protocol_name(std::uint8_t protocol) {
  for (const auto& [number, name] : kProtocols) {
    if (number == protocol) return name;
  }
  return "";
}

std::string_view route_scope_name(std::uint8_t scope) {
  switch (scope) {
    case RT_SCOPE_UNIVERSE:
      return "global";
    case RT_SCOPE_SITE:
      return "site";
    case RT_SCOPE_LINK:
      return "link";
    case RT_SCOPE_HOST:
      return "host";
    case RT_SCOPE_NOWHERE:
      return "nowhere";
    default:
      return "";
  }
}

std::string_view route_table_name(std::uint32_t table) {
  switch (table) {
    case RT_TABLE_MAIN:
      return "main";
    case RT_TABLE_LOCAL:
      return "local";
    case RT_TABLE_DEFAULT:
      return "default";
    default:
      return "";
  }
}

std::optional<std::uint8_t> route_type_number(std::string_view name) {
  for (std::size_t type = 0; type < kRouteTypes.size(); ++type) {
    if (kRouteTypes[type] == name) return static_cast<std::uint8_t>(type);
  }
  return parse_number<std::uint8_t>(name);
}

std::optional<std::uint8_t> route_protocol_number(std::string_view name) {
  for (const auto& [number, known] : kProtocols) {
    if (known == name) return static_cast<std::uint8_t>(number);
  }
  return parse_number<std::uint8_t>(name);
}

Cell named_or_number(std::string_view name, std::uint64_t number, std::string& scratch) {
  if (!name.empty()) return text_cell(name);
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  scratch.assign(digits.data(), end);
  return text_cell(scratch);
}

Cell prefix_cell(const IpAddress& address, unsigned length, std::string& scratch) {
  if (address.empty()) return {};
  scratch.clear();
  address.append_to(scratch);
  std::array<char, 8> digits{'/'};
  const auto end = std::to_chars(digits.data() + 1, digits.data() + digits.size(), length).ptr;
  scratch.append(digits.data(), end);
  return text_cell(scratch);
}

Cell flags_cell(std::uint32_t flags, std::span<const FlagName> names, std::string& scratch) {
  scratch.clear();
  for (const auto& [bit, name] : names) {
    if ((flags & bit) == 0) continue;
    if (!scratch.empty()) scratch += ',';
    scratch += name;
  }
  return scratch.empty() ? Cell{} : text_cell(scratch);
}

}  // namespace hostcheck::facts
