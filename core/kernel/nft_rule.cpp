#include "core/kernel/nft_rule.h"

#include <algorithm>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/kernel/nfnetlink.h"

namespace hostcheck::kernel {

const NftRuleDecoder::Expression* NftRuleDecoder::find(std::string_view name) {
  using D = NftRuleDecoder;
  static constexpr std::array<Expression, 40> kExpressions = {{
      {"meta", &D::meta},         {"payload", &D::payload},
      {"cmp", &D::cmp},           {"immediate", &D::immediate},
      {"counter", &D::counter},   {"bitwise", &D::bitwise},
      {"lookup", &D::lookup},     {"ct", &D::ct},
      {"match", &D::xt_match},    {"target", &D::xt_target},
      {"range", &D::range},       {"byteorder", &D::byteorder},
      {"exthdr", &D::exthdr},     {"rt", &D::rt},
      {"socket", &D::socket},     {"fib", &D::fib},
      {"numgen", &D::numgen},     {"hash", &D::hash},
      {"osf", &D::osf},           {"xfrm", &D::xfrm},
      {"limit", &D::limit},       {"log", &D::log},
      {"reject", &D::reject},     {"nat", &D::nat},
      {"masq", &D::masq},         {"redir", &D::redir},
      {"tproxy", &D::tproxy},     {"queue", &D::queue},
      {"quota", &D::quota},       {"connlimit", &D::connlimit},
      {"dynset", &D::dynset},     {"objref", &D::objref},
      {"dup", &D::dup},           {"fwd", &D::fwd},
      {"synproxy", &D::synproxy}, {"flow_offload", &D::flow_offload},
      {"notrack", &D::notrack},   {"last", &D::last},
      {"bitmask", &D::bitwise},   {"flow", &D::flow_offload},
  }};
  const auto found =
      std::find_if(kExpressions.begin(), kExpressions.end(), [&](const Expression& each) { return each.name == name; });
  return found == kExpressions.end() ? nullptr : &*found;
}

bool NftRuleDecoder::decode(std::uint8_t family, std::string_view table, Bytes expressions, Bytes userdata,
                            RuleMeaning& out) {
  family_ = family;
  table_ = table;
  out.clear();
  out_ = &out;
  context_ = {};
  if (family == NFPROTO_IPV4 || family == NFPROTO_IPV6 || family == NFPROTO_ARP) context_.l3 = family;
  for (Register& each : registers_) each.state = Register::State::none;
  pieces_.clear();
  l3_ = l4_ = ether_ = {};
  pending_.active = false;
  has_xt_ = false;
  AttributeReader list(expressions);
  while (list.next()) {
    std::array<Bytes, NFTA_EXPR_MAX + 1> table_of_one;
    if (!parse_attributes(list.payload(), table_of_one) || table_of_one[NFTA_EXPR_NAME].data() == nullptr) return false;
    expression(read_text(table_of_one[NFTA_EXPR_NAME]), table_of_one[NFTA_EXPR_DATA]);
  }
  flush_pending();
  if (list.bad()) return false;
  comment(userdata);
  finish();
  return true;
}

void NftRuleDecoder::expression(std::string_view name, Bytes data) {
  const Expression* known = find(name);
  Attributes attributes;
  // The "<=" that makes a range of the ">=" before it is looked for in cmp().
  if (name != "cmp") flush_pending();
  if (known == nullptr || !parse_attributes(data, attributes)) {
    say(fmt::format("[{}]", name), true);
    return;
  }
  (this->*known->decode)(attributes);
}

void NftRuleDecoder::comment(Bytes userdata) {
  constexpr std::uint8_t kComment = 0;  // NFTNL_UDATA_RULE_COMMENT
  while (userdata.size() >= 2) {
    const std::uint8_t type = userdata[0];
    const std::size_t length = userdata[1];
    userdata = userdata.subspan(2);
    if (length > userdata.size()) return;
    if (type == kComment) out_->comment = read_text(userdata.first(length));
    userdata = userdata.subspan(length);
  }
}

void NftRuleDecoder::finish() {
  for (const Piece& piece : pieces_) {
    if (piece.dropped) continue;
    if (piece.outside) out_->plain = false;
    if (!out_->text.empty()) out_->text += ' ';
    out_->text += piece.text;
  }
}

NftRuleDecoder::Piece& NftRuleDecoder::say(std::string text, bool outside) {
  return pieces_.emplace_back(Piece{std::move(text), outside, false});
}

NftRuleDecoder::Register* NftRuleDecoder::at(Bytes number) {
  const std::uint32_t reg = read_be32(number);
  if (reg >= NFT_REG_1 && reg <= NFT_REG_4) return &registers_[(reg - NFT_REG_1) * 4];
  if (reg >= NFT_REG32_00 && reg <= NFT_REG32_15) return &registers_[reg - NFT_REG32_00];
  return nullptr;
}

void NftRuleDecoder::load(Bytes number, NftField field) {
  Register* const reg = at(number);
  if (reg == nullptr) return;
  reg->state = Register::State::loaded;
  reg->fields.clear();
  reg->fields.push_back(std::move(field));
  reg->mask = reg->flip = {};
}

void NftRuleDecoder::load(Bytes number, std::vector<NftField> fields) {
  Register* const reg = at(number);
  if (reg == nullptr) return;
  reg->state = Register::State::loaded;
  reg->fields = std::move(fields);
  reg->mask = reg->flip = {};
}

std::vector<NftField> NftRuleDecoder::fields_at(Bytes number, std::size_t bytes) {
  std::vector<NftField> fields;
  Register* reg = at(number);
  if (reg == nullptr) return fields;
  auto slot = static_cast<std::size_t>(reg - registers_.data());
  std::size_t got = 0;
  while (slot < kSlots && registers_[slot].state == Register::State::loaded) {
    std::size_t length = 0;
    for (NftField field : registers_[slot].fields) {
      length += field.length;
      if (!registers_[slot].mask.empty()) {
        field.text += " & ";
        append_nft_value(field.text,
                         field.kind == NftKind::ipv4 || field.kind == NftKind::ipv6 ? field.kind : NftKind::bytes,
                         registers_[slot].mask, field.host_order, field.full_length, names_);
        field.column = RuleColumn::none;
      }
      fields.push_back(std::move(field));
    }
    got += (length + 3) & ~std::size_t{3};
    if (got >= bytes || length == 0) break;
    slot += (length + 3) / 4;
  }
  if (got < bytes) fields.clear();
  return fields;
}

std::string NftRuleDecoder::value_of(Bytes number, NftKind kind, bool host_order, std::size_t length) {
  const Register* const reg = at(number);
  std::string text;
  if (reg == nullptr || reg->state == Register::State::none) return "[?]";
  if (reg->state == Register::State::constant) {
    Bytes value = reg->constant;
    if (length > 0 && value.size() > length) value = value.first(length);
    append_nft_value(text, kind, value, host_order, value.size(), names_);
    return text;
  }
  text = joined(reg->fields);
  for (const NftField& field : reg->fields) imply(field);
  if (reg->mask.empty() || reg->mask.size() > 8 || reg->flip.size() != reg->mask.size()) return text;
  const bool order = reg->fields.size() == 1 && reg->fields[0].host_order;
  const std::uint64_t mask = nft_number(reg->mask, order);
  const std::uint64_t flip = nft_number(reg->flip, order);
  const std::uint64_t ones = reg->mask.size() == 8 ? ~0ULL : (1ULL << reg->mask.size() * 8) - 1;
  // (x & mask) ^ flip is what is left of a chain of and, or, xor.
  const auto number_text = [&](std::uint64_t bits) {
    return kind == NftKind::hex ? fmt::format("0x{:08x}", bits) : fmt::format("{:#x}", bits);
  };
  if ((mask | flip) != ones) text += " & " + number_text(mask | flip);
  if ((flip & ~mask) != 0) text += " | " + number_text(flip & ~mask);
  if ((flip & mask) != 0) text += " ^ " + number_text(flip & mask);
  return text;
}

void NftRuleDecoder::imply(const NftField& field) {
  const auto drop = [&](Dependency& dependency, std::uint8_t needed) {
    if (needed == 0 || dependency.piece < 0 || dependency.value != needed) return;
    pieces_[static_cast<std::size_t>(dependency.piece)].dropped = true;
    dependency.piece = -1;
  };
  drop(l3_, field.needs_l3);
  drop(l4_, field.needs_l4);
  if (field.needs_ether) drop(ether_, 1);
}

}  // namespace hostcheck::kernel
