#include "core/kernel/nft_rule.h"

#include <algorithm>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/kernel/nfnetlink.h"

namespace hostcheck::kernel {
namespace {

constexpr std::uint8_t kVlan = 0xfe;  // stands for "8021q" among the layer 3 protocols that conditions imply
constexpr std::uint16_t kEtherIp = 0x0800;
constexpr std::uint16_t kEtherArp = 0x0806;
constexpr std::uint16_t kEtherIp6 = 0x86dd;
constexpr std::uint16_t kEtherVlan = 0x8100;

// The bytes of a NFTA_DATA_* nest.
Bytes data_value(Bytes nest) {
  std::array<Bytes, NFTA_DATA_MAX + 1> table;
  return parse_attributes(nest, table) ? table[NFTA_DATA_VALUE] : Bytes{};
}

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::uint8_t l3_of_ethertype(std::uint64_t type) {
  switch (type) {
    case kEtherIp:
      return NFPROTO_IPV4;
    case kEtherIp6:
      return NFPROTO_IPV6;
    case kEtherArp:
      return NFPROTO_ARP;
    case kEtherVlan:
      return kVlan;
    default:
      return 0;
  }
}

NftField text_field(std::string text, NftKind kind, std::size_t length, bool host_order) {
  NftField field;
  field.text = std::move(text);
  field.kind = kind;
  field.host_order = host_order;
  field.length = field.full_length = static_cast<std::uint8_t>(length);
  return field;
}

std::string joined(const std::vector<NftField>& fields) {
  std::string text;
  for (const NftField& field : fields) {
    if (!text.empty()) text += " . ";
    text += field.text;
  }
  return text;
}

constexpr std::array<std::string_view, 6> kOperators = {" ", " != ", " < ", " <= ", " > ", " >= "};

}  // namespace

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
  if (operation != NFT_BITWISE_MASK_XOR || already) {
    NftField field = text_field(joined(to->fields), NftKind::bytes, read_be32(a[NFTA_BITWISE_LEN]), false);
    for (const NftField& each : to->fields) imply(each);
    if (operation == NFT_BITWISE_LSHIFT || operation == NFT_BITWISE_RSHIFT) {
      field.text += fmt::format(" {} {}", operation == NFT_BITWISE_LSHIFT ? "<<" : ">>",
                                nft_number(data_value(a[NFTA_BITWISE_DATA]), true));
      if (to->fields.size() == 1) {
        field.kind = to->fields[0].kind;
        field.host_order = to->fields[0].host_order;
      }
    } else {
      field.text += " & ";
      append_nft_value(field.text, NftKind::bytes, data_value(a[NFTA_BITWISE_MASK]), false, 0, names_);
    }
    load(a[NFTA_BITWISE_DREG], std::move(field));
    return;
  }
  to->mask = data_value(a[NFTA_BITWISE_MASK]);
  to->flip = data_value(a[NFTA_BITWISE_XOR]);
  if (to->fields.size() == 1 && all_zero(to->flip) && narrow_to_bit_field(to->fields[0], to->mask)) {
    if (to->fields[0].text.starts_with("vlan")) to->fields[0].needs_l3 = kVlan;
  }
}

void NftRuleDecoder::byteorder(const Attributes& a) {
  Register* const from = at(a[NFTA_BYTEORDER_SREG]);
  Register* const to = at(a[NFTA_BYTEORDER_DREG]);
  if (from == nullptr || to == nullptr || from->state != Register::State::loaded) return;
  if (to != from) *to = *from;
  for (NftField& field : to->fields) field.host_order = read_be32(a[NFTA_BYTEORDER_OP]) == NFT_BYTEORDER_NTOH;
}

void NftRuleDecoder::cmp(const Attributes& a) {
  const Bytes value = data_value(a[NFTA_CMP_DATA]);
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
  compare_range(reg->fields[0], data_value(a[NFTA_RANGE_FROM_DATA]), data_value(a[NFTA_RANGE_TO_DATA]),
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
      if (l3 != kVlan) context_.l3 = l3;
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
