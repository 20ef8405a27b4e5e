// What rules of nftables load into registers, and what is done to it there.
#include <algorithm>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/kernel/nfnetlink.h"
#include "core/kernel/nft_rule.h"

namespace hostcheck::kernel {
namespace {

// enum nft_bitwise_ops: its first value has two names, by the age of the kernel headers.
constexpr std::uint32_t kBitwiseMaskXor = 0;

}  // namespace

void NftRuleDecoder::meta(const Attributes& a) {
  NftField field = meta_field(read_be32(a[NFTA_META_KEY]));
  if (a[NFTA_META_SREG].data() != nullptr) {
    say(field.text + " set " + value_of(a[NFTA_META_SREG], field.kind, field.host_order, field.length));
    return;
  }
  load(a[NFTA_META_DREG], std::move(field));
}

void NftRuleDecoder::payload(const Attributes& a) {
  const std::uint32_t base = read_be32(a[NFTA_PAYLOAD_BASE]);
  const std::uint32_t offset = read_be32(a[NFTA_PAYLOAD_OFFSET]);
  const std::uint32_t length = read_be32(a[NFTA_PAYLOAD_LEN]);
  if (a[NFTA_PAYLOAD_SREG].data() == nullptr) {
    load(a[NFTA_PAYLOAD_DREG], payload_fields(base, offset, length, context_));
    return;
  }
  const Register* const reg = at(a[NFTA_PAYLOAD_SREG]);
  // Writing one byte or some bits is written as a change to the two bytes around them.
  if (reg != nullptr && reg->state == Register::State::loaded && !reg->mask.empty() && reg->mask.size() == length) {
    const auto changed =
        std::find_if(reg->mask.begin(), reg->mask.end(), [](std::uint8_t byte) { return byte != 0xff; });
    const auto others =
        std::count_if(reg->mask.begin(), reg->mask.end(), [](std::uint8_t byte) { return byte != 0xff; });
    if (others == 1 && reg->flip.size() == length) {
      const auto index = static_cast<std::size_t>(changed - reg->mask.begin());
      auto fields = payload_fields(base, offset + static_cast<std::uint32_t>(index), 1, context_);
      const auto bits = static_cast<std::uint8_t>(~*changed);
      if (bits == 0xff || narrow_to_bit_field(fields.front(), {&bits, 1})) {
        const auto value = static_cast<std::uint8_t>(reg->flip[index] >> fields.front().shift);
        imply(fields.front());
        std::string text = fields.front().text + " set ";
        append_nft_value(text, fields.front().kind, {&value, 1}, false, 1, names_);
        say(std::move(text));
        return;
      }
    }
  }
  const auto fields = payload_fields(base, offset, length, context_);
  const NftKind kind = fields.size() == 1 ? fields.front().kind : NftKind::bytes;
  for (const NftField& field : fields) imply(field);
  std::string value = value_of(a[NFTA_PAYLOAD_SREG], kind, false, length);
  say(joined(fields) + " set " + value);
}

void NftRuleDecoder::ct(const Attributes& a) {
  const Bytes direction = a[NFTA_CT_DIRECTION];
  NftField field = ct_field(read_be32(a[NFTA_CT_KEY]), direction.empty() ? -1 : direction[0]);
  if (a[NFTA_CT_SREG].data() != nullptr) {
    say(field.text + " set " + value_of(a[NFTA_CT_SREG], field.kind, field.host_order, field.length));
    return;
  }
  if (field.text.ends_with(" saddr") && field.kind == NftKind::bytes && context_.l3 == NFPROTO_IPV4) {
    field.kind = NftKind::ipv4;
    field.length = field.full_length = 4;
  }
  load(a[NFTA_CT_DREG], std::move(field));
}

void NftRuleDecoder::exthdr(const Attributes& a) {
  const Bytes type = a[NFTA_EXTHDR_TYPE];
  const bool presence = (read_be32(a[NFTA_EXTHDR_FLAGS]) & NFT_EXTHDR_F_PRESENT) != 0;
  const std::uint32_t length = std::min<std::uint32_t>(read_be32(a[NFTA_EXTHDR_LEN]), NFT_DATA_VALUE_MAXLEN);
  NftField field = exthdr_field(read_be32(a[NFTA_EXTHDR_OP]), type.empty() ? 0 : type[0],
                                read_be32(a[NFTA_EXTHDR_OFFSET]), length, presence);
  if (a[NFTA_EXTHDR_DREG].data() != nullptr) {
    load(a[NFTA_EXTHDR_DREG], std::move(field));
    return;
  }
  imply(field);
  if (a[NFTA_EXTHDR_SREG].data() == nullptr) {
    say("reset " + field.text.substr(0, field.text.find(" @")));
    return;
  }
  const bool mss = field.text == "tcp option maxseg size";
  say(field.text + " set " + value_of(a[NFTA_EXTHDR_SREG], field.kind, field.host_order, length));
  if (mss) out_->decide("tcpmss");
}

void NftRuleDecoder::rt(const Attributes& a) {
  load(a[NFTA_RT_DREG], routing_field(read_be32(a[NFTA_RT_KEY])));
}

void NftRuleDecoder::socket(const Attributes& a) {
  NftField field = socket_field(read_be32(a[NFTA_SOCKET_KEY]));
  if (a[NFTA_SOCKET_LEVEL].data() != nullptr && read_be32(a[NFTA_SOCKET_KEY]) == NFT_SOCKET_CGROUPV2) {
    field.text += fmt::format(" level {}", read_be32(a[NFTA_SOCKET_LEVEL]));
  }
  load(a[NFTA_SOCKET_DREG], std::move(field));
}

void NftRuleDecoder::fib(const Attributes& a) {
  const std::uint32_t flags = read_be32(a[NFTA_FIB_FLAGS]);
  std::string text = "fib ";
  const auto add = [&](std::uint32_t flag, std::string_view name) {
    if ((flags & flag) == 0) return;
    if (text.size() > 4) text += " . ";
    text += name;
  };
  add(NFTA_FIB_F_SADDR, "saddr");
  add(NFTA_FIB_F_DADDR, "daddr");
  add(NFTA_FIB_F_MARK, "mark");
  add(NFTA_FIB_F_IIF, "iif");
  add(NFTA_FIB_F_OIF, "oif");
  NftField field;
  switch (read_be32(a[NFTA_FIB_RESULT])) {
    case NFT_FIB_RESULT_OIF:
      field = text_field(text + " oif", NftKind::ifindex, 4, true);
      break;
    case NFT_FIB_RESULT_OIFNAME:
      field = text_field(text + " oifname", NftKind::ifname, 16, true);
      break;
    case NFT_FIB_RESULT_ADDRTYPE:
      field = text_field(text + " type", NftKind::address_type, 4, true);
      break;
    default:
      field = text_field(text + " [?]", NftKind::bytes, 4, true);
  }
  if ((flags & NFTA_FIB_F_PRESENT) != 0) field.kind = NftKind::existence;
  load(a[NFTA_FIB_DREG], std::move(field));
}

void NftRuleDecoder::numgen(const Attributes& a) {
  const std::uint32_t offset = read_be32(a[NFTA_NG_OFFSET]);
  std::string text = fmt::format("numgen {} mod {}", read_be32(a[NFTA_NG_TYPE]) == NFT_NG_RANDOM ? "random" : "inc",
                                 read_be32(a[NFTA_NG_MODULUS]));
  if (offset != 0) text += fmt::format(" offset {}", offset);
  load(a[NFTA_NG_DREG], text_field(std::move(text), NftKind::number, 4, true));
}

void NftRuleDecoder::hash(const Attributes& a) {
  std::string text = "symhash";
  if (read_be32(a[NFTA_HASH_TYPE]) == NFT_HASH_JENKINS) {
    const auto fields = fields_at(a[NFTA_HASH_SREG], read_be32(a[NFTA_HASH_LEN]));
    for (const NftField& field : fields) imply(field);
    text = "jhash " + (fields.empty() ? std::string("[?]") : joined(fields));
  }
  text += fmt::format(" mod {}", read_be32(a[NFTA_HASH_MODULUS]));
  if (const std::uint32_t seed = read_be32(a[NFTA_HASH_SEED]); seed != 0) text += fmt::format(" seed {:#x}", seed);
  if (const std::uint32_t offset = read_be32(a[NFTA_HASH_OFFSET]); offset != 0)
    text += fmt::format(" offset {}", offset);
  load(a[NFTA_HASH_DREG], text_field(std::move(text), NftKind::number, 4, true));
}

void NftRuleDecoder::osf(const Attributes& a) {
  const Bytes ttl = a[NFTA_OSF_TTL];
  const std::string_view mode = ttl.empty() || ttl[0] == 0 ? "" : ttl[0] == 1 ? " ttl loose" : " ttl skip";
  load(a[NFTA_OSF_DREG], text_field(fmt::format("osf{} name", mode), NftKind::text, 16, true));
}

void NftRuleDecoder::xfrm(const Attributes& a) {
  constexpr std::array<std::string_view, 7> kKeys = {"[?]",       "ip daddr", "ip6 daddr", "ip saddr",
                                                     "ip6 saddr", "reqid",    "spi"};
  const std::uint32_t key = read_be32(a[NFTA_XFRM_KEY]);
  const Bytes direction = a[NFTA_XFRM_DIR];
  constexpr std::uint8_t kOut = 1;
  const NftKind kind = key == 1 || key == 3 ? NftKind::ipv4 : key == 2 || key == 4 ? NftKind::ipv6 : NftKind::number;
  load(a[NFTA_XFRM_DREG],
       text_field(fmt::format("ipsec {} {}", !direction.empty() && direction[0] == kOut ? "out" : "in",
                              key < kKeys.size() ? kKeys[key] : kKeys[0]),
                  kind, kind == NftKind::ipv6 ? 16 : 4, key == 5));
}

void NftRuleDecoder::immediate(const Attributes& a) {
  std::array<Bytes, NFTA_DATA_MAX + 1> data;
  if (!parse_attributes(a[NFTA_IMMEDIATE_DATA], data)) {
    say("[immediate]", true);
    return;
  }
  if (data[NFTA_DATA_VERDICT].data() != nullptr) {
    std::string target;
    const std::string_view verdict = parse_verdict(data[NFTA_DATA_VERDICT], target);
    say(target.empty() ? std::string(verdict) : fmt::format("{} {}", verdict, target));
    out_->decide(verdict, target);
    return;
  }
  if (Register* const reg = at(a[NFTA_IMMEDIATE_DREG])) {
    reg->state = Register::State::constant;
    reg->constant = data[NFTA_DATA_VALUE];
  }
}

void NftRuleDecoder::bitwise(const Attributes& a) {
  Register* const from = at(a[NFTA_BITWISE_SREG]);
  Register* const to = at(a[NFTA_BITWISE_DREG]);
  if (from == nullptr || to == nullptr || from->state != Register::State::loaded) {
    say("[bitwise]", true);
    return;
  }
  if (to != from) *to = *from;
  const std::uint32_t operation = read_be32(a[NFTA_BITWISE_OP]);
  const bool already = !to->mask.empty();
  if (operation != kBitwiseMaskXor || already) {
    NftField field = text_field(joined(to->fields), NftKind::bytes, read_be32(a[NFTA_BITWISE_LEN]), false);
    for (const NftField& each : to->fields) imply(each);
    if (operation == NFT_BITWISE_LSHIFT || operation == NFT_BITWISE_RSHIFT) {
      field.text += fmt::format(" {} {}", operation == NFT_BITWISE_LSHIFT ? "<<" : ">>",
                                nft_number(nft_data_value(a[NFTA_BITWISE_DATA]), true));
      if (to->fields.size() == 1) {
        field.kind = to->fields[0].kind;
        field.host_order = to->fields[0].host_order;
      }
    } else {
      field.text += " & ";
      append_nft_value(field.text, NftKind::bytes, nft_data_value(a[NFTA_BITWISE_MASK]), false, 0, names_);
    }
    load(a[NFTA_BITWISE_DREG], std::move(field));
    return;
  }
  to->mask = nft_data_value(a[NFTA_BITWISE_MASK]);
  to->flip = nft_data_value(a[NFTA_BITWISE_XOR]);
  if (to->fields.size() == 1 && all_zero(to->flip) && narrow_to_bit_field(to->fields[0], to->mask)) {
    if (to->fields[0].text.starts_with("vlan")) to->fields[0].needs_l3 = kNftVlan;
  }
}

void NftRuleDecoder::byteorder(const Attributes& a) {
  Register* const from = at(a[NFTA_BYTEORDER_SREG]);
  Register* const to = at(a[NFTA_BYTEORDER_DREG]);
  if (from == nullptr || to == nullptr || from->state != Register::State::loaded) return;
  if (to != from) *to = *from;
  for (NftField& field : to->fields) field.host_order = read_be32(a[NFTA_BYTEORDER_OP]) == NFT_BYTEORDER_NTOH;
}

}  // namespace hostcheck::kernel
