// Values that nftables compares, as text in the words of nft(8).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace hostcheck::kernel {

using Bytes = std::span<const std::uint8_t>;

// What the bytes in a register stand for.
enum class NftKind : std::uint8_t {
  number,
  hex,  // marks: 0x00000010
  ipv4,
  ipv6,
  ether,
  ethertype,
  arp_operation,
  l4proto,
  port,
  ifindex,
  ifname,
  text,
  nfproto,
  ct_state,
  ct_status,
  ct_direction,
  icmp_type,
  icmpv6_type,
  tcp_flags,
  packet_type,
  device_type,
  dscp,
  address_type,
  existence,
  boolean,
  tc_class,
  milliseconds,
  weekday,
  bytes,
};

// Name of the interface with that index, "" for an unknown one.
using InterfaceNames = std::function<std::string(std::uint32_t ifindex)>;

// A value as nft writes it. host_order: a number in the machine's own order (else network order). full_length: bytes
// that a whole value has; fewer bytes are a prefix (10.0.0.0/8, "eth*").
void append_nft_value(std::string& out, NftKind kind, Bytes value, bool host_order, std::size_t full_length,
                      const InterfaceNames& names);

// The same without the quotes that nft puts around names: for columns.
void append_plain_value(std::string& out, NftKind kind, Bytes value, bool host_order, std::size_t full_length,
                        const InterfaceNames& names);

// Whether the kind is a set of flags that are written with commas.
[[nodiscard]] bool is_flags(NftKind kind);

// The kind of one of nft(8)'s data types by its number (NFTA_SET_KEY_TYPE, NFTA_SET_DATA_TYPE).
[[nodiscard]] NftKind kind_of_type(std::uint32_t type);
// Whether values of that data type are in the machine's order.
[[nodiscard]] bool is_host_order_type(std::uint32_t type);
// Bytes of a value of that data type; 0 where it is not fixed.
[[nodiscard]] std::size_t size_of_type(std::uint32_t type);

// Length of the prefix that a mask is; -1 for a mask with a hole.
[[nodiscard]] int prefix_of_mask(Bytes mask);

// A number of 1 to 8 bytes.
[[nodiscard]] std::uint64_t nft_number(Bytes value, bool host_order);

// The bytes of a NFTA_DATA_* nest; none where it has none.
[[nodiscard]] Bytes nft_data_value(Bytes nest);
[[nodiscard]] bool all_zero(Bytes bytes);

// Name of an IP protocol as nft writes it; "" for an unknown one.
[[nodiscard]] std::string_view l4proto_name(std::uint8_t protocol);

}  // namespace hostcheck::kernel
