// What rules of nftables ask of a packet: comparisons, ranges, sets.
#include <algorithm>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/kernel/nfnetlink.h"
#include "core/kernel/nft_rule.h"

namespace hostcheck::kernel {
namespace {

constexpr std::uint16_t kEtherIp = 0x0800;
constexpr std::uint16_t kEtherArp = 0x0806;
constexpr std::uint16_t kEtherIp6 = 0x86dd;
constexpr std::uint16_t kEtherVlan = 0x8100;

std::uint8_t l3_of_ethertype(std::uint64_t type) {
  switch (type) {
    case kEtherIp:
      return NFPROTO_IPV4;
    case kEtherIp6:
      return NFPROTO_IPV6;
    case kEtherArp:
      return NFPROTO_ARP;
    case kEtherVlan:
      return kNftVlan;
    default:
      return 0;
  }
}

constexpr std::array<std::string_view, 6> kOperators = {" ", " != ", " < ", " <= ", " > ", " >= "};

}  // namespace

void NftRuleDecoder::cmp(const Attributes& a) {
  const Bytes value = nft_data_value(a[NFTA_CMP_DATA]);
  const std::uint32_t op = read_be32(a[NFTA_CMP_OP]);
  const std::uint32_t number = read_be32(a[NFTA_CMP_SREG]);
  const Register* const reg = at(a[NFTA_CMP_SREG]);
  if (pending_.active && op == NFT_CMP_LTE && pending_.reg == number && value.size() == pending_.first.size()) {
    pending_.active = false;
    compare_range(pending_.field, pending_.first, value, false);
    return;
  }
  flush_pending();
  if (reg == nullptr || reg->state != Register::State::loaded || op >= kOperators.size()) {
    say("[cmp]", true);
    return;
  }
  if (op == NFT_CMP_GTE && reg->fields.size() == 1 && reg->mask.empty()) {
    pending_ = {true, reg->fields[0], value, number};
    return;
  }
  compare(*reg, op, value);
}

void NftRuleDecoder::flush_pending() {
  if (!pending_.active) return;
  pending_.active = false;
  compare_field(pending_.field, NFT_CMP_GTE, pending_.first);
}

void NftRuleDecoder::range(const Attributes& a) {
  const Register* const reg = at(a[NFTA_RANGE_SREG]);
  if (reg == nullptr || reg->state != Register::State::loaded || reg->fields.size() != 1 || !reg->mask.empty()) {
    say("[range]", true);
    return;
  }
  compare_range(reg->fields[0], nft_data_value(a[NFTA_RANGE_FROM_DATA]), nft_data_value(a[NFTA_RANGE_TO_DATA]),
                read_be32(a[NFTA_RANGE_OP]) == NFT_RANGE_NEQ);
}

void NftRuleDecoder::compare(const Register& loaded, std::uint32_t op, Bytes value) {
  if (!loaded.mask.empty() && loaded.fields.size() == 1) {
    compare_masked(loaded, op, value);
    return;
  }
  if (!loaded.mask.empty()) {
    NftField whole = text_field(joined(loaded.fields) + " & ", NftKind::bytes, value.size(), false);
    append_nft_value(whole.text, NftKind::bytes, loaded.mask, false, 0, names_);
    for (const NftField& field : loaded.fields) imply(field);
    compare_field(whole, op, value);
    return;
  }
  if (loaded.fields.size() == 1) {
    compare_field(loaded.fields[0], op, value);
    return;
  }
  if (op != NFT_CMP_EQ) {
    NftField whole = text_field(joined(loaded.fields), NftKind::bytes, value.size(), false);
    for (const NftField& field : loaded.fields) imply(field);
    compare_field(whole, op, value);
    return;
  }
  // Fields side by side that nft compares at once.
  for (const NftField& field : loaded.fields) {
    if (value.size() < field.length) {
      say("[cmp]", true);
      return;
    }
    compare_field(field, op, value.first(field.length));
    value = value.subspan(field.length);
  }
}

void NftRuleDecoder::compare_field(const NftField& field, std::uint32_t op, Bytes value) {
  imply(field);
  std::string text = field.text;
  text += is_flags(field.kind) && op == NFT_CMP_EQ ? " == " : kOperators[op];
  append_nft_value(text, field.kind, value, field.host_order, field.full_length, names_);
  const bool plain = op == NFT_CMP_EQ && field.column != RuleColumn::none;
  const int piece = static_cast<int>(pieces_.size());
  say(std::move(text), !plain);
  if (plain) {
    std::string shown;
    append_plain_value(shown, field.kind, value, field.host_order, field.full_length, names_);
    out_->ask(field.column, shown);
  }
  if (op == NFT_CMP_EQ) learn(field, value, piece);
}

void NftRuleDecoder::learn(const NftField& field, Bytes value, int piece) {
  const std::uint64_t number = nft_number(value, field.host_order);
  switch (field.kind) {
    case NftKind::nfproto:
      if (field.text != "meta nfproto") break;
      context_.l3 = static_cast<std::uint8_t>(number);
      l3_ = {piece, context_.l3};
      break;
    case NftKind::ethertype: {
      const std::uint8_t l3 = l3_of_ethertype(number);
      if (l3 == 0 || (field.text != "meta protocol" && field.text != "ether type")) break;
      if (l3 != kNftVlan) context_.l3 = l3;
      l3_ = {piece, l3};
      break;
    }
    case NftKind::l4proto:
      if (field.text.starts_with("ct ")) break;
      context_.l4 = static_cast<std::uint8_t>(number);
      // In a table of both families "ip protocol" says more than "tcp dport" implies.
      if (field.text == "meta l4proto" || family_ == NFPROTO_IPV4 || family_ == NFPROTO_IPV6)
        l4_ = {piece, context_.l4};
      break;
    case NftKind::device_type:
      if (field.text == "meta iiftype") ether_ = {piece, static_cast<std::uint8_t>(number)};
      break;
    default:
      break;
  }
}

void NftRuleDecoder::compare_masked(const Register& loaded, std::uint32_t op, Bytes value) {
  const NftField& field = loaded.fields[0];
  const bool flips = !all_zero(loaded.flip);
  const bool equality = op == NFT_CMP_EQ || op == NFT_CMP_NEQ;
  imply(field);
  std::string text = field.text;
  if (field.bit_field) {
    const std::uint64_t number = nft_number(value, field.host_order) >> field.shift;
    std::array<std::uint8_t, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
    text += kOperators[op];
    append_nft_value(text, field.kind, bytes, false, bytes.size(), names_);
    say(std::move(text), true);
    return;
  }
  const int prefix = prefix_of_mask(loaded.mask);
  if ((field.kind == NftKind::ipv4 || field.kind == NftKind::ipv6) && prefix >= 0 && equality && !flips) {
    std::string shown;
    append_plain_value(shown, field.kind, value, false, field.full_length, names_);
    shown += fmt::format("/{}", prefix);
    say(text + std::string(kOperators[op]) + shown, op != NFT_CMP_EQ || field.column == RuleColumn::none);
    if (op == NFT_CMP_EQ) out_->ask(field.column, shown);
    return;
  }
  std::string mask;
  append_nft_value(mask, field.kind, loaded.mask, field.host_order, field.full_length, names_);
  std::string shown;
  append_nft_value(shown, field.kind, value, field.host_order, field.full_length, names_);
  if (is_flags(field.kind) && equality && !flips) {
    const bool none = all_zero(value);
    // "any of these flags" is written as the flags alone.
    const bool any = none && op == NFT_CMP_NEQ;
    const bool plain = any && field.column != RuleColumn::none;
    if (any) {
      text += " " + mask;
    } else if (none) {
      text += " ! " + mask;
    } else {
      text += fmt::format("{}{} / {}", kOperators[op], shown, mask);
    }
    say(std::move(text), !plain);
    if (plain) out_->ask(field.column, mask);
    return;
  }
  text += " & " + mask;
  if (flips) {
    text += " ^ ";
    append_nft_value(text, field.kind, loaded.flip, field.host_order, field.full_length, names_);
  }
  text += op == NFT_CMP_EQ ? std::string_view(" == ") : kOperators[op];
  say(text + shown, true);
}

void NftRuleDecoder::compare_range(const NftField& field, Bytes first, Bytes last, bool inverted) {
  imply(field);
  std::string value;
  append_plain_value(value, field.kind, first, field.host_order, field.full_length, names_);
  value += '-';
  append_plain_value(value, field.kind, last, field.host_order, field.full_length, names_);
  const bool plain = !inverted && field.column != RuleColumn::none;
  if (plain) out_->ask(field.column, value);
  say(field.text + (inverted ? " != " : " ") + value, !plain);
}

void NftRuleDecoder::lookup(const Attributes& a) {
  const std::string_view name = read_text(a[NFTA_LOOKUP_SET]);
  const NftSet* const set = sets_(family_, table_, name);
  const Register* const reg = at(a[NFTA_LOOKUP_SREG]);
  const bool inverted = (read_be32(a[NFTA_LOOKUP_FLAGS]) & NFT_LOOKUP_F_INV) != 0;
  auto fields = fields_at(a[NFTA_LOOKUP_SREG], set != nullptr ? set->key_length : 1);
  if (reg == nullptr || fields.empty()) {
    say(fmt::format("[lookup @{}]", name), true);
    return;
  }
  for (const NftField& field : fields) imply(field);
  const std::string key = joined(fields);
  const std::string members = set != nullptr ? set_text(*set, fields, names_) : fmt::format("@{}", name);
  const Bytes target = a[NFTA_LOOKUP_DREG];
  if (target.data() == nullptr) {
    std::string list;
    if (set != nullptr && fields.size() == 1 && fields[0].column != RuleColumn::none && !inverted) {
      list = set_list(*set, fields[0], names_);
    }
    say(key + (inverted ? " != " : " ") + members, list.empty());
    if (!list.empty()) out_->ask(fields[0].column, list);
    return;
  }
  if (read_be32(target) == NFT_REG_VERDICT) {
    say(key + " vmap " + members, true);
    out_->decide("vmap");
    return;
  }
  const std::uint32_t type = set != nullptr ? set->data_type : 0;
  load(target, text_field(key + " map " + members, kind_of_type(type), size_of_type(type), is_host_order_type(type)));
}

}  // namespace hostcheck::kernel
