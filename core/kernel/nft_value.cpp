#include "core/kernel/nft_value.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>

#include "core/base/address.h"
#include "core/kernel/netlink.h"
#include "core/kernel/nft_names.h"

namespace hostcheck::kernel {
namespace {

std::string_view find_name(std::span<const NftName> names, std::uint64_t value) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const NftName& name) { return name.first == value; });
  return found == names.end() ? std::string_view{} : found->second;
}

void append_flags(std::string& out, std::span<const NftName> names, std::uint64_t value) {
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
    append_flags(out, nft_names(kind), nft_number(value, host_order));
    return;
  }
  const std::string_view name = find_name(nft_names(kind), nft_number(value, host_order));
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

Bytes nft_data_value(Bytes nest) {
  std::array<Bytes, NFTA_DATA_MAX + 1> table;
  return parse_attributes(nest, table) ? table[NFTA_DATA_VALUE] : Bytes{};
}

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string_view l4proto_name(std::uint8_t protocol) {
  return find_name(nft_names(NftKind::l4proto), protocol);
}

}  // namespace hostcheck::kernel
