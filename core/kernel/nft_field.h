// What nftables expressions load from a packet: header fields, metadata, connection tracking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/kernel/nft_value.h"
#include "core/kernel/rule_meaning.h"

namespace hostcheck::kernel {

// A value that a rule looks at, in the words of nft(8).
struct NftField {
  std::string text;  // "tcp dport", "meta mark", "jhash ip saddr mod 4"
  NftKind kind = NftKind::number;
  RuleColumn column = RuleColumn::none;
  bool host_order = false;       // in the register in the machine's own order
  std::uint8_t length = 0;       // bytes loaded
  std::uint8_t full_length = 0;  // bytes that the whole field has
  std::uint8_t shift = 0;        // bits right of it in the loaded bytes
  bool bit_field = false;        // some bits of the loaded bytes, picked by a mask
  std::uint8_t needs_l3 = 0;     // NFPROTO_* that the field implies, 0 for none
  std::uint8_t needs_l4 = 0;     // IPPROTO_* that it implies, 0 for none
  bool needs_ether = false;      // implies an Ethernet device
};

// A field that is worked out (numgen, hash, map) and has no place in the packet.
[[nodiscard]] NftField text_field(std::string text, NftKind kind, std::size_t length, bool host_order);
// "ip saddr . tcp dport"
[[nodiscard]] std::string joined(const std::vector<NftField>& fields);

// Stands for "8021q" among the layer 3 protocols that fields imply.
constexpr std::uint8_t kNftVlan = 0xfe;

// What is known of the packet where a rule's expression is reached.
struct NftContext {
  std::uint8_t l3 = 0;  // NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_ARP, or 0
  std::uint8_t l4 = 0;  // IPPROTO_*, or 0
};

// NFTA_PAYLOAD_BASE, _OFFSET, _LEN (bytes): the fields that lie there side by side. What is no whole field is one
// "@nh,0,16".
[[nodiscard]] std::vector<NftField> payload_fields(std::uint32_t base, std::uint32_t offset, std::uint32_t length,
                                                   const NftContext& context);
// The bit field that a mask picks from a loaded field ("ip dscp" from the second byte): true when there is one.
[[nodiscard]] bool narrow_to_bit_field(NftField& field, Bytes mask);

[[nodiscard]] NftField meta_field(std::uint32_t key);  // NFTA_META_KEY
// NFTA_CT_KEY; direction: NFTA_CT_DIRECTION, or -1 where there is none
[[nodiscard]] NftField ct_field(std::uint32_t key, int direction);
[[nodiscard]] NftField exthdr_field(std::uint32_t op, std::uint8_t type, std::uint32_t offset, std::uint32_t length,
                                    bool presence);
[[nodiscard]] NftField routing_field(std::uint32_t key);  // NFTA_RT_KEY
[[nodiscard]] NftField socket_field(std::uint32_t key);   // NFTA_SOCKET_KEY

}  // namespace hostcheck::kernel
