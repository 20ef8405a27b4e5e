#include "core/kernel/nft_value.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "core/base/address.h"

namespace hostcheck::kernel {
namespace {

using Name = std::pair<std::uint32_t, std::string_view>;

constexpr std::array<Name, 17> kProtocols = {{{1, "icmp"},
                                              {2, "igmp"},
                                              {4, "ipencap"},
                                              {6, "tcp"},
                                              {17, "udp"},
                                              {33, "dccp"},
                                              {41, "ipv6"},
                                              {46, "rsvp"},
                                              {47, "gre"},
                                              {50, "esp"},
                                              {51, "ah"},
                                              {58, "ipv6-icmp"},
                                              {88, "eigrp"},
                                              {89, "ospf"},
                                              {103, "pim"},
                                              {132, "sctp"},
                                              {136, "udplite"}}};
constexpr std::array<Name, 8> kEtherTypes = {{{0x0800, "ip"},
                                              {0x0806, "arp"},
                                              {0x86dd, "ip6"},
                                              {0x8100, "8021q"},
                                              {0x88a8, "8021ad"},
                                              {0x8863, "pppoe-discovery"},
                                              {0x8864, "pppoe"},
                                              {0x8847, "mpls"}}};
constexpr std::array<Name, 7> kArpOperations = {
    {{1, "request"}, {2, "reply"}, {3, "rrequest"}, {4, "rreply"}, {8, "inrequest"}, {9, "inreply"}, {10, "nak"}}};
constexpr std::array<Name, 5> kNfProtocols = {{{2, "ipv4"}, {3, "arp"}, {5, "netdev"}, {7, "bridge"}, {10, "ipv6"}}};
constexpr std::array<Name, 5> kStates = {
    {{1, "invalid"}, {8, "new"}, {2, "established"}, {4, "related"}, {64, "untracked"}}};
constexpr std::array<Name, 7> kStatuses = {
    {{1, "expected"}, {2, "seen-reply"}, {4, "assured"}, {8, "confirmed"}, {16, "snat"}, {32, "dnat"}, {512, "dying"}}};
constexpr std::array<Name, 8> kTcpFlags = {
    {{1, "fin"}, {2, "syn"}, {4, "rst"}, {8, "psh"}, {16, "ack"}, {32, "urg"}, {64, "ecn"}, {128, "cwr"}}};
constexpr std::array<Name, 2> kDirections = {{{0, "original"}, {1, "reply"}}};
constexpr std::array<Name, 15> kIcmpTypes = {{{0, "echo-reply"},
                                              {3, "destination-unreachable"},
                                              {4, "source-quench"},
                                              {5, "redirect"},
                                              {8, "echo-request"},
                                              {9, "router-advertisement"},
                                              {10, "router-solicitation"},
                                              {11, "time-exceeded"},
                                              {12, "parameter-problem"},
                                              {13, "timestamp-request"},
                                              {14, "timestamp-reply"},
                                              {15, "info-request"},
                                              {16, "info-reply"},
                                              {17, "address-mask-request"},
                                              {18, "address-mask-reply"}}};
constexpr std::array<Name, 18> kIcmpv6Types = {{{1, "destination-unreachable"},
                                                {2, "packet-too-big"},
                                                {3, "time-exceeded"},
                                                {4, "parameter-problem"},
                                                {128, "echo-request"},
                                                {129, "echo-reply"},
                                                {130, "mld-listener-query"},
                                                {131, "mld-listener-report"},
                                                {132, "mld-listener-done"},
                                                {133, "nd-router-solicit"},
                                                {134, "nd-router-advert"},
                                                {135, "nd-neighbor-solicit"},
                                                {136, "nd-neighbor-advert"},
                                                {137, "nd-redirect"},
                                                {138, "router-renumbering"},
                                                {141, "ind-neighbor-solicit"},
                                                {142, "ind-neighbor-advert"},
                                                {143, "mld2-listener-report"}}};
constexpr std::array<Name, 4> kPacketTypes = {{{0, "host"}, {1, "broadcast"}, {2, "multicast"}, {3, "other"}}};
constexpr std::array<Name, 7> kDeviceTypes = {
    {{1, "ether"}, {512, "ppp"}, {768, "ipip"}, {769, "ipip6"}, {772, "loopback"}, {776, "sit"}, {778, "ipgre"}}};
constexpr std::array<Name, 23> kDscp = {
    {{0, "cs0"},   {8, "cs1"},   {16, "cs2"},  {24, "cs3"},  {32, "cs4"},  {40, "cs5"},  {48, "cs6"},  {56, "cs7"},
     {1, "lephb"}, {10, "af11"}, {12, "af12"}, {14, "af13"}, {18, "af21"}, {20, "af22"}, {22, "af23"}, {26, "af31"},
     {28, "af32"}, {30, "af33"}, {34, "af41"}, {36, "af42"}, {38, "af43"}, {46, "ef"},   {44, "va"}}};
constexpr std::array<Name, 9> kAddressTypes = {{{0, "unspec"},
                                                {1, "unicast"},
                                                {2, "local"},
                                                {3, "broadcast"},
                                                {4, "anycast"},
                                                {5, "multicast"},
                                                {6, "blackhole"},
                                                {7, "unreachable"},
                                                {8, "prohibit"}}};
constexpr std::array<Name, 2> kExistence = {{{0, "missing"}, {1, "exists"}}};

constexpr std::array<Name, 7> kWeekdays = {{{0, "\"Sunday\""},
                                            {1, "\"Monday\""},
                                            {2, "\"Tuesday\""},
                                            {3, "\"Wednesday\""},
                                            {4, "\"Thursday\""},
                                            {5, "\"Friday\""},
                                            {6, "\"Saturday\""}}};

std::span<const Name> names_of(NftKind kind) {
  switch (kind) {
    case NftKind::weekday:
      return kWeekdays;
    case NftKind::ethertype:
      return kEtherTypes;
    case NftKind::arp_operation:
      return kArpOperations;
    case NftKind::l4proto:
      return kProtocols;
    case NftKind::nfproto:
      return kNfProtocols;
    case NftKind::ct_state:
      return kStates;
    case NftKind::ct_status:
      return kStatuses;
    case NftKind::ct_direction:
      return kDirections;
    case NftKind::icmp_type:
      return kIcmpTypes;
    case NftKind::icmpv6_type:
      return kIcmpv6Types;
    case NftKind::tcp_flags:
      return kTcpFlags;
    case NftKind::packet_type:
      return kPacketTypes;
    case NftKind::device_type:
      return kDeviceTypes;
    case NftKind::dscp:
      return kDscp;
    case NftKind::address_type:
      return kAddressTypes;
    case NftKind::existence:
      return kExistence;
    default:
      return {};
  }
}

std::string_view find_name(std::span<const Name> names, std::uint64_t value) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const Name& name) { return name.first == value; });
  return found == names.end() ? std::string_view{} : found->second;
}

void append_flags(std::string& out, std::span<const Name> names, std::uint64_t value) {
  if (value == 0) {
    out += "0x0";
    return;
  }
  bool first = true;
  for (const auto& [bit, name] : names) {
    if ((value & bit) == 0) continue;
    if (!first) out += ',';
    first = false;
    out += name;
    value &= ~std::uint64_t{bit};
  }
  if (value != 0) fmt::format_to(std::back_inserter(out), "{}{:#x}", first ? "" : ",", value);
}

void append_address(std::string& out, Bytes value, std::size_t full_length) {
  std::array<std::uint8_t, 16> whole{};
  std::copy_n(value.begin(), std::min(value.size(), full_length), whole.begin());
  IpAddress::from_bytes(Bytes(whole).first(full_length)).append_to(out);
  if (value.size() < full_length) fmt::format_to(std::back_inserter(out), "/{}", value.size() * 8);
}

void append_hex(std::string& out, Bytes value) {
  out += "0x";
  for (const std::uint8_t byte : value) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
}

// Text up to the first zero; without one it stands for all names that begin so.
void append_name(std::string& out, Bytes value, std::size_t full_length) {
  const auto end = std::find(value.begin(), value.end(), 0);
  for (auto at = value.begin(); at != end; ++at) out += *at < 0x20 || *at == 0x7f ? '?' : static_cast<char>(*at);
  if (end == value.end() && value.size() < full_length) out += '*';
}

void append_number(std::string& out, NftKind kind, Bytes value, bool host_order) {
  const std::uint64_t number = nft_number(value, host_order);
  switch (kind) {
    case NftKind::hex:
      fmt::format_to(std::back_inserter(out), "0x{:08x}", number);
      break;
    case NftKind::boolean:
      out += number != 0 ? "1" : "0";
      break;
    case NftKind::milliseconds:
      fmt::format_to(std::back_inserter(out), "{}ms", number);
      break;
    case NftKind::tc_class:
      if (number == 0) {
        out += "none";
      } else {
        fmt::format_to(std::back_inserter(out), "{:x}:{:x}", number >> 16, number & 0xffff);
      }
      break;
    case NftKind::ethertype:
      fmt::format_to(std::back_inserter(out), "{:#06x}", number);
      break;
    case NftKind::dscp:
      fmt::format_to(std::back_inserter(out), "{:#04x}", number);
      break;
    default:
      fmt::format_to(std::back_inserter(out), "{}", number);
  }
}

void append_value(std::string& out, NftKind kind, Bytes value, bool host_order, std::size_t full_length,
                  const InterfaceNames& names, std::string_view quote) {
  switch (kind) {
    case NftKind::ipv4:
      append_address(out, value, 4);
      return;
    case NftKind::ipv6:
      append_address(out, value, 16);
      return;
    case NftKind::ether:
      LinkAddress::from_bytes(value).append_to(out);
      return;
    case NftKind::bytes:
      append_hex(out, value);
      return;
    case NftKind::ifname:
    case NftKind::text:
      out += quote;
      append_name(out, value, full_length);
      out += quote;
      return;
    case NftKind::ifindex: {
      const std::string name = names(static_cast<std::uint32_t>(nft_number(value, host_order)));
      if (name.empty()) break;
      out.append(quote).append(name).append(quote);
      return;
    }
    default:
      break;
  }
  if (value.size() > 8) {
    append_hex(out, value);
    return;
  }
  if (is_flags(kind)) {
    append_flags(out, names_of(kind), nft_number(value, host_order));
    return;
  }
  const std::string_view name = find_name(names_of(kind), nft_number(value, host_order));
  if (name.empty()) {
    append_number(out, kind, value, host_order);
  } else {
    out += name;
  }
}

}  // namespace

void append_nft_value(std::string& out, NftKind kind, Bytes value, bool host_order, std::size_t full_length,
                      const InterfaceNames& names) {
  append_value(out, kind, value, host_order, full_length, names, "\"");
}

void append_plain_value(std::string& out, NftKind kind, Bytes value, bool host_order, std::size_t full_length,
                        const InterfaceNames& names) {
  append_value(out, kind, value, host_order, full_length, names, "");
}

bool is_flags(NftKind kind) {
  return kind == NftKind::ct_state || kind == NftKind::ct_status || kind == NftKind::tcp_flags;
}

NftKind kind_of_type(std::uint32_t type) {
  switch (type) {
    case 2:
      return NftKind::nfproto;
    case 5:
      return NftKind::text;
    case 7:
      return NftKind::ipv4;
    case 8:
      return NftKind::ipv6;
    case 6:
    case 9:
      return NftKind::ether;
    case 10:
      return NftKind::ethertype;
    case 11:
      return NftKind::arp_operation;
    case 12:
      return NftKind::l4proto;
    case 13:
      return NftKind::port;
    case 14:
      return NftKind::icmp_type;
    case 15:
      return NftKind::tcp_flags;
    case 18:
      return NftKind::milliseconds;
    case 19:
      return NftKind::hex;
    case 20:
      return NftKind::ifindex;
    case 21:
      return NftKind::device_type;
    case 23:
      return NftKind::tc_class;
    case 26:
      return NftKind::ct_state;
    case 27:
      return NftKind::ct_direction;
    case 28:
      return NftKind::ct_status;
    case 29:
      return NftKind::icmpv6_type;
    case 31:
      return NftKind::packet_type;
    case 36:
      return NftKind::dscp;
    case 38:
      return NftKind::address_type;
    case 39:
      return NftKind::boolean;
    case 41:
      return NftKind::ifname;
    default:
      return NftKind::number;
  }
}

bool is_host_order_type(std::uint32_t type) {
  switch (type) {
    case 18:
    case 19:
    case 20:
    case 21:
    case 22:
    case 23:
    case 24:
    case 25:
    case 26:
    case 28:
    case 35:
      return true;
    default:
      return false;
  }
}

std::size_t size_of_type(std::uint32_t type) {
  switch (type) {
    case 2:
    case 12:
    case 14:
    case 15:
    case 27:
    case 29:
    case 31:
    case 36:
    case 39:
      return 1;
    case 10:
    case 11:
    case 13:
    case 21:
      return 2;
    case 7:
    case 19:
    case 20:
    case 22:
    case 23:
    case 24:
    case 25:
    case 26:
    case 28:
    case 35:
    case 38:
      return 4;
    case 9:
      return 6;
    case 18:
      return 8;
    case 8:
    case 41:
      return 16;
    default:
      return 0;
  }
}

int prefix_of_mask(Bytes mask) {
  int length = 0;
  bool ended = false;
  for (const std::uint8_t byte : mask) {
    const int ones = std::countl_one(byte);
    if (std::popcount(byte) != ones || (ended && ones > 0)) return -1;
    length += ones;
    ended = ones < 8;
  }
  return length;
}

std::uint64_t nft_number(Bytes value, bool host_order) {
  std::uint64_t number = 0;
  const std::size_t size = std::min<std::size_t>(value.size(), 8);
  for (std::size_t i = 0; i < size; ++i) {
    const bool from_end = host_order && std::endian::native == std::endian::little;
    number = number << 8 | value[from_end ? size - 1 - i : i];
  }
  return number;
}

std::string_view l4proto_name(std::uint8_t protocol) {
  return find_name(kProtocols, protocol);
}

}  // namespace hostcheck::kernel
