// What rules of nftables do with a packet.
#include <algorithm>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_synproxy.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "core/kernel/nfnetlink.h"
#include "core/kernel/nft_rule.h"
#include "core/kernel/xt_text.h"

namespace hostcheck::kernel {
namespace {

struct Amount {
  std::uint64_t value;
  std::string_view unit;
};

// 10485760 bytes are "10 mbytes".
Amount amount_of(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 3> kUnits = {"bytes", "kbytes", "mbytes"};
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return {bytes, kUnits[unit]};
}

std::string duration_of(std::uint64_t ms) {
  std::string text;
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 5> kUnits = {
      {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}}};
  for (const auto& [size, name] : kUnits) {
    if (ms < size) continue;
    text += fmt::format("{}{}", ms / size, name);
    ms %= size;
  }
  return text.empty() ? "0s" : text;
}

std::string_view name_in(std::span<const std::pair<int, std::string_view>> names, int code) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const auto& each) { return each.first == code; });
  return found == names.end() ? std::string_view("[code]") : found->second;
}

std::string limit_text(Bytes rate, Bytes unit, Bytes burst, Bytes type, Bytes flags) {
  const std::uint64_t seconds = read_be64(unit);
  const std::string_view per = seconds == 1       ? "second"
                               : seconds == 60    ? "minute"
                               : seconds == 3600  ? "hour"
                               : seconds == 86400 ? "day"
                                                  : "week";
  const std::string_view over = (read_be32(flags) & NFT_LIMIT_F_INV) != 0 ? "over " : "";
  const std::uint32_t allowance = read_be32(burst);
  if (read_be32(type) == NFT_LIMIT_PKT_BYTES) {
    const Amount amount = amount_of(read_be64(rate));
    std::string text = fmt::format("limit rate {}{} {}/{}", over, amount.value, amount.unit, per);
    if (allowance != 0) text += fmt::format(" burst {} {}", amount_of(allowance).value, amount_of(allowance).unit);
    return text;
  }
  std::string text = fmt::format("limit rate {}{}/{}", over, read_be64(rate), per);
  constexpr std::uint32_t kUsualBurst = 5;
  if (allowance != 0 && allowance != kUsualBurst) text += fmt::format(" burst {} packets", allowance);
  return text;
}

}  // namespace

void NftRuleDecoder::counter(const Attributes& a) {
  out_->packets = read_be64(a[NFTA_COUNTER_PACKETS]);
  out_->bytes = read_be64(a[NFTA_COUNTER_BYTES]);
  say("counter");
}

void NftRuleDecoder::limit(const Attributes& a) {
  say(limit_text(a[NFTA_LIMIT_RATE], a[NFTA_LIMIT_UNIT], a[NFTA_LIMIT_BURST], a[NFTA_LIMIT_TYPE], a[NFTA_LIMIT_FLAGS]),
      true);
}

void NftRuleDecoder::log(const Attributes& a) {
  constexpr std::array<std::string_view, 9> kLevels = {"emerg",  "alert", "crit",  "err",  "warn",
                                                       "notice", "info",  "debug", "audit"};
  std::string text = "log";
  if (a[NFTA_LOG_PREFIX].data() != nullptr) text += fmt::format(" prefix \"{}\"", read_text(a[NFTA_LOG_PREFIX]));
  if (a[NFTA_LOG_GROUP].data() != nullptr) text += fmt::format(" group {}", read_be16(a[NFTA_LOG_GROUP]));
  if (const auto length = read_be32(a[NFTA_LOG_SNAPLEN]); length != 0) text += fmt::format(" snaplen {}", length);
  if (const auto queued = read_be16(a[NFTA_LOG_QTHRESHOLD]); queued != 0)
    text += fmt::format(" queue-threshold {}", queued);
  if (a[NFTA_LOG_LEVEL].data() != nullptr) {
    const std::uint32_t level = read_be32(a[NFTA_LOG_LEVEL]);
    if (level != NFT_LOGLEVEL_WARNING && level < kLevels.size()) text += fmt::format(" level {}", kLevels[level]);
  }
  const std::uint32_t flags = read_be32(a[NFTA_LOG_FLAGS]);
  if ((flags & NF_LOG_MASK) == NF_LOG_MASK) {
    text += " flags all";
  } else {
    if ((flags & (NF_LOG_TCPSEQ | NF_LOG_TCPOPT)) != 0) {
      text += fmt::format(" flags tcp {}{}{}", (flags & NF_LOG_TCPSEQ) != 0 ? "sequence" : "",
                          (flags & (NF_LOG_TCPSEQ | NF_LOG_TCPOPT)) == (NF_LOG_TCPSEQ | NF_LOG_TCPOPT) ? "," : "",
                          (flags & NF_LOG_TCPOPT) != 0 ? "options" : "");
    }
    if ((flags & NF_LOG_IPOPT) != 0) text += " flags ip options";
    if ((flags & NF_LOG_UID) != 0) text += " flags skuid";
    if ((flags & NF_LOG_MACDECODE) != 0) text += " flags ether";
  }
  say(std::move(text));
  out_->decide("log");
}

void NftRuleDecoder::reject(const Attributes& a) {
  using Names = std::array<std::pair<int, std::string_view>, 7>;
  static constexpr Names kIcmp = {{{0, "net-unreachable"},
                                   {1, "host-unreachable"},
                                   {2, "prot-unreachable"},
                                   {3, "port-unreachable"},
                                   {9, "net-prohibited"},
                                   {10, "host-prohibited"},
                                   {13, "admin-prohibited"}}};
  static constexpr std::array<std::pair<int, std::string_view>, 6> kIcmpv6 = {{{0, "no-route"},
                                                                               {1, "admin-prohibited"},
                                                                               {3, "addr-unreachable"},
                                                                               {4, "port-unreachable"},
                                                                               {5, "policy-fail"},
                                                                               {6, "reject-route"}}};
  static constexpr std::array<std::pair<int, std::string_view>, 4> kIcmpx = {
      {{0, "no-route"}, {1, "port-unreachable"}, {2, "host-unreachable"}, {3, "admin-prohibited"}}};
  const Bytes code_bytes = a[NFTA_REJECT_ICMP_CODE];
  const int code = code_bytes.empty() ? 0 : code_bytes[0];
  std::string text = "reject";
  switch (read_be32(a[NFTA_REJECT_TYPE])) {
    case NFT_REJECT_TCP_RST:
      text += " with tcp reset";
      break;
    case NFT_REJECT_ICMPX_UNREACH:
      if (code != NFT_REJECT_ICMPX_PORT_UNREACH) text += fmt::format(" with icmpx {}", name_in(kIcmpx, code));
      break;
    default: {
      const bool ipv6 = context_.l3 == NFPROTO_IPV6;
      const int usual = ipv6 ? 4 : 3;
      const bool both = family_ != NFPROTO_IPV4 && family_ != NFPROTO_IPV6;
      if (both) {
        NftField family;
        family.needs_l3 = context_.l3;
        imply(family);
      }
      if (code != usual || both) {
        text +=
            fmt::format(" with {} {}", ipv6 ? "icmpv6" : "icmp", ipv6 ? name_in(kIcmpv6, code) : name_in(kIcmp, code));
      }
    }
  }
  say(std::move(text));
  out_->decide("reject");
}

void NftRuleDecoder::append_flags_of(std::string& out, std::uint32_t flags) const {
  std::string names;
  const auto add = [&](std::uint32_t flag, std::string_view name) {
    if ((flags & flag) == 0) return;
    names += names.empty() ? " " : ",";
    names += name;
  };
  add(NF_NAT_RANGE_PROTO_RANDOM, "random");
  add(NF_NAT_RANGE_PROTO_RANDOM_FULLY, "fully-random");
  add(NF_NAT_RANGE_PERSISTENT, "persistent");
  out += names;
}

void NftRuleDecoder::append_ports(std::string& out, Bytes first, Bytes last) {
  if (first.data() == nullptr) return;
  std::string port = value_of(first, NftKind::port, false, 2);
  out += ":" + port;
  if (last.data() == nullptr || read_be32(first) == read_be32(last)) return;
  const std::string end = value_of(last, NftKind::port, false, 2);
  if (end != port) out += "-" + end;
}

void NftRuleDecoder::nat(const Attributes& a) {
  const bool source = read_be32(a[NFTA_NAT_TYPE]) == NFT_NAT_SNAT;
  const std::uint32_t family = read_be32(a[NFTA_NAT_FAMILY]);
  const std::uint32_t flags = read_be32(a[NFTA_NAT_FLAGS]);
  std::string text = source ? "snat" : "dnat";
  if (family_ == NFPROTO_INET && family != NFPROTO_INET) {
    NftField implied;
    implied.needs_l3 = static_cast<std::uint8_t>(family);
    imply(implied);
    text += family == NFPROTO_IPV6 ? " ip6" : " ip";
  }
  const bool ipv6 = family == NFPROTO_IPV6;
  const NftKind kind = ipv6 ? NftKind::ipv6 : NftKind::ipv4;
  const Bytes first = a[NFTA_NAT_REG_ADDR_MIN];
  const Bytes last = a[NFTA_NAT_REG_ADDR_MAX];
  const Bytes port = a[NFTA_NAT_REG_PROTO_MIN];
  std::string where;
  bool mapped = false;
  if (first.data() != nullptr) {
    const Register* const reg = at(first);
    mapped = reg != nullptr && reg->state == Register::State::loaded;
    where = value_of(first, kind, false, ipv6 ? 16 : 4);
    if (!mapped && last.data() != nullptr && read_be32(first) != read_be32(last)) {
      const std::string end = value_of(last, kind, false, ipv6 ? 16 : 4);
      if (end != where) where += "-" + end;
    }
    if (ipv6 && port.data() != nullptr && !mapped) where = "[" + where + "]";
  }
  // The port of a map of addresses and ports lies behind the address in the same register.
  const Register* const port_reg = port.data() != nullptr ? at(port) : nullptr;
  if (port_reg != nullptr && port_reg->state != Register::State::none)
    append_ports(where, port, a[NFTA_NAT_REG_PROTO_MAX]);
  if (!where.empty()) text += " to " + where;
  append_flags_of(text, flags);
  say(std::move(text));
  out_->decide(source ? "snat" : "dnat");
}

void NftRuleDecoder::masq(const Attributes& a) {
  std::string text = "masquerade";
  std::string ports;
  append_ports(ports, a[NFTA_MASQ_REG_PROTO_MIN], a[NFTA_MASQ_REG_PROTO_MAX]);
  if (!ports.empty()) text += " to " + ports;
  append_flags_of(text, read_be32(a[NFTA_MASQ_FLAGS]));
  say(std::move(text));
  out_->decide("masquerade");
}

void NftRuleDecoder::redir(const Attributes& a) {
  std::string text = "redirect";
  std::string ports;
  append_ports(ports, a[NFTA_REDIR_REG_PROTO_MIN], a[NFTA_REDIR_REG_PROTO_MAX]);
  if (!ports.empty()) text += " to " + ports;
  append_flags_of(text, read_be32(a[NFTA_REDIR_FLAGS]));
  say(std::move(text));
  out_->decide("redirect");
}

void NftRuleDecoder::tproxy(const Attributes& a) {
  const std::uint32_t family = read_be32(a[NFTA_TPROXY_FAMILY]);
  std::string where;
  if (a[NFTA_TPROXY_REG_ADDR].data() != nullptr) {
    const bool ipv6 = family == NFPROTO_IPV6;
    where = value_of(a[NFTA_TPROXY_REG_ADDR], ipv6 ? NftKind::ipv6 : NftKind::ipv4, false, ipv6 ? 16 : 4);
    if (ipv6) where = "[" + where + "]";
  }
  append_ports(where, a[NFTA_TPROXY_REG_PORT], {});
  const std::string_view which = family_ != NFPROTO_INET  ? ""
                                 : family == NFPROTO_IPV4 ? " ip"
                                 : family == NFPROTO_IPV6 ? " ip6"
                                                          : "";
  say(fmt::format("tproxy{} to {}", which, where));
  out_->decide("tproxy");
}

void NftRuleDecoder::queue(const Attributes& a) {
  const std::uint16_t flags = read_be16(a[NFTA_QUEUE_FLAGS]);
  const std::uint32_t first = read_be16(a[NFTA_QUEUE_NUM]);
  const std::uint32_t total = read_be16(a[NFTA_QUEUE_TOTAL]);
  std::string text = "queue";
  if ((flags & NFT_QUEUE_FLAG_MASK) != 0) {
    text += fmt::format(" flags {}{}{}", (flags & NFT_QUEUE_FLAG_BYPASS) != 0 ? "bypass" : "",
                        (flags & NFT_QUEUE_FLAG_MASK) == NFT_QUEUE_FLAG_MASK ? "," : "",
                        (flags & NFT_QUEUE_FLAG_CPU_FANOUT) != 0 ? "fanout" : "");
  }
  if (a[NFTA_QUEUE_SREG_QNUM].data() != nullptr) {
    text += " to " + value_of(a[NFTA_QUEUE_SREG_QNUM], NftKind::number, true, 4);
  } else if (total > 1) {
    text += fmt::format(" to {}-{}", first, first + total - 1);
  } else {
    text += fmt::format(" to {}", first);
  }
  say(std::move(text));
  out_->decide("queue");
}

void NftRuleDecoder::quota(const Attributes& a) {
  const bool over = (read_be32(a[NFTA_QUOTA_FLAGS]) & NFT_QUOTA_F_INV) != 0;
  const Amount amount = amount_of(read_be64(a[NFTA_QUOTA_BYTES]));
  say(fmt::format("quota {}{} {}", over ? "over " : "", amount.value, amount.unit), true);
}

void NftRuleDecoder::connlimit(const Attributes& a) {
  const bool over = (read_be32(a[NFTA_CONNLIMIT_FLAGS]) & NFT_CONNLIMIT_F_INV) != 0;
  say(fmt::format("ct count {}{}", over ? "over " : "", read_be32(a[NFTA_CONNLIMIT_COUNT])), true);
}

std::string NftRuleDecoder::nested_statement(Bytes expression_nest) {
  std::array<Bytes, NFTA_EXPR_MAX + 1> one;
  Attributes a;
  if (!parse_attributes(expression_nest, one) || !parse_attributes(one[NFTA_EXPR_DATA], a)) return "[?]";
  const std::string_view name = read_text(one[NFTA_EXPR_NAME]);
  if (name == "limit") {
    return limit_text(a[NFTA_LIMIT_RATE], a[NFTA_LIMIT_UNIT], a[NFTA_LIMIT_BURST], a[NFTA_LIMIT_TYPE],
                      a[NFTA_LIMIT_FLAGS]);
  }
  if (name == "connlimit") {
    return fmt::format("ct count {}{}", (read_be32(a[NFTA_CONNLIMIT_FLAGS]) & NFT_CONNLIMIT_F_INV) != 0 ? "over " : "",
                       read_be32(a[NFTA_CONNLIMIT_COUNT]));
  }
  if (name == "counter" || name == "last") return std::string(name);
  return fmt::format("[{}]", name);
}

void NftRuleDecoder::dynset(const Attributes& a) {
  const std::string_view name = read_text(a[NFTA_DYNSET_SET_NAME]);
  const NftSet* const set = sets_(family_, table_, name);
  const auto fields = fields_at(a[NFTA_DYNSET_SREG_KEY], set != nullptr ? set->key_length : 1);
  for (const NftField& field : fields) imply(field);
  std::string key;
  for (const NftField& field : fields) key += (key.empty() ? "" : " . ") + field.text;
  const std::uint32_t operation = read_be32(a[NFTA_DYNSET_OP]);
  std::string text = operation == NFT_DYNSET_OP_ADD ? "add" : operation == NFT_DYNSET_OP_UPDATE ? "update" : "delete";
  text += fmt::format(" @{} {{ {}", name, key.empty() ? "[?]" : key);
  if (const std::uint64_t ms = read_be64(a[NFTA_DYNSET_TIMEOUT]); ms != 0) text += " timeout " + duration_of(ms);
  bool limits = false;
  const auto add_statement = [&](Bytes nest) {
    const std::string statement = nested_statement(nest);
    limits = limits || (statement != "counter" && statement != "last");
    text += " " + statement;
  };
  if (a[NFTA_DYNSET_EXPR].data() != nullptr) add_statement(a[NFTA_DYNSET_EXPR]);
  AttributeReader list(a[NFTA_DYNSET_EXPRESSIONS]);
  while (list.next()) add_statement(list.payload());
  if (a[NFTA_DYNSET_SREG_DATA].data() != nullptr) {
    const std::uint32_t type = set != nullptr ? set->data_type : 0;
    text +=
        " : " + value_of(a[NFTA_DYNSET_SREG_DATA], kind_of_type(type), is_host_order_type(type), size_of_type(type));
  }
  say(text + " }", limits);
}

void NftRuleDecoder::objref(const Attributes& a) {
  constexpr std::array<std::string_view, 11> kKinds = {
      "[?]",         "counter name",   "quota name",       "ct helper set",      "limit name",   "ct count name",
      "tunnel name", "ct timeout set", "meta secmark set", "ct expectation set", "synproxy name"};
  const auto kind_text = [&](std::uint32_t type) { return kKinds[type < kKinds.size() ? type : 0]; };
  const bool by_map = a[NFTA_OBJREF_SET_NAME].data() != nullptr;
  const std::uint32_t type = read_be32(a[NFTA_OBJREF_IMM_TYPE]);
  // A quota or a limit lets a packet go on or not.
  const bool condition = by_map || type == NFT_OBJECT_QUOTA || type == NFT_OBJECT_LIMIT || type == NFT_OBJECT_CONNLIMIT;
  if (!by_map) {
    say(fmt::format("{} \"{}\"", kind_text(type), read_text(a[NFTA_OBJREF_IMM_NAME])), condition);
    return;
  }
  const std::string_view name = read_text(a[NFTA_OBJREF_SET_NAME]);
  const NftSet* const set = sets_(family_, table_, name);
  const auto fields = fields_at(a[NFTA_OBJREF_SET_SREG], set != nullptr ? set->key_length : 1);
  std::string key;
  for (const NftField& field : fields) {
    imply(field);
    key += (key.empty() ? "" : " . ") + field.text;
  }
  say(fmt::format("[object] {} map {}", key,
                  set != nullptr ? set_text(*set, fields, names_) : fmt::format("@{}", name)),
      true);
}

void NftRuleDecoder::dup(const Attributes& a) {
  std::string text = "dup to ";
  const bool ipv6 = context_.l3 == NFPROTO_IPV6;
  if (a[NFTA_DUP_SREG_ADDR].data() != nullptr) {
    text += value_of(a[NFTA_DUP_SREG_ADDR], ipv6 ? NftKind::ipv6 : NftKind::ipv4, false, ipv6 ? 16 : 4);
    if (a[NFTA_DUP_SREG_DEV].data() != nullptr) text += " device ";
  }
  if (a[NFTA_DUP_SREG_DEV].data() != nullptr) text += value_of(a[NFTA_DUP_SREG_DEV], NftKind::ifindex, true, 4);
  say(std::move(text));
  out_->decide("dup");
}

void NftRuleDecoder::fwd(const Attributes& a) {
  std::string text = "fwd to ";
  const bool ipv6 = read_be32(a[NFTA_FWD_NFPROTO]) == NFPROTO_IPV6;
  const std::string device = value_of(a[NFTA_FWD_SREG_DEV], NftKind::ifindex, true, 4);
  if (a[NFTA_FWD_SREG_ADDR].data() != nullptr) {
    text = fmt::format("fwd {} to {} device ", ipv6 ? "ip6" : "ip",
                       value_of(a[NFTA_FWD_SREG_ADDR], ipv6 ? NftKind::ipv6 : NftKind::ipv4, false, ipv6 ? 16 : 4));
  }
  say(text + device);
  out_->decide("fwd");
}

void NftRuleDecoder::synproxy(const Attributes& a) {
  const std::uint32_t flags = read_be32(a[NFTA_SYNPROXY_FLAGS]);
  std::string text = "synproxy";
  if ((flags & NF_SYNPROXY_OPT_MSS) != 0) text += fmt::format(" mss {}", read_be16(a[NFTA_SYNPROXY_MSS]));
  if ((flags & NF_SYNPROXY_OPT_WSCALE) != 0) {
    text += fmt::format(" wscale {}", a[NFTA_SYNPROXY_WSCALE].empty() ? 0 : a[NFTA_SYNPROXY_WSCALE][0]);
  }
  if ((flags & NF_SYNPROXY_OPT_TIMESTAMP) != 0) text += " timestamp";
  if ((flags & NF_SYNPROXY_OPT_SACK_PERM) != 0) text += " sack-perm";
  say(std::move(text));
  out_->decide("synproxy");
}

void NftRuleDecoder::flow_offload(const Attributes& a) {
  say(fmt::format("flow add @{}", read_text(a[NFTA_FLOW_TABLE_NAME])));
  out_->decide("offload");
}

void NftRuleDecoder::notrack(const Attributes&) {
  say("notrack");
  out_->decide("notrack");
}

void NftRuleDecoder::last(const Attributes&) {
  say("last");
}

void NftRuleDecoder::xt_match(const Attributes& a) {
  has_xt_ = true;
  const std::string text = describe_xt_match({read_text(a[NFTA_MATCH_NAME]),
                                              read_be32(a[NFTA_MATCH_REV]),
                                              a[NFTA_MATCH_INFO],
                                              context_.l3 == NFPROTO_IPV6,
                                              {}},
                                             *out_);
  say("xt match" + text);
}

void NftRuleDecoder::xt_target(const Attributes& a) {
  has_xt_ = true;
  const std::string text = describe_xt_target({read_text(a[NFTA_TARGET_NAME]),
                                               read_be32(a[NFTA_TARGET_REV]),
                                               a[NFTA_TARGET_INFO],
                                               context_.l3 == NFPROTO_IPV6,
                                               {}},
                                              *out_);
  say("xt target" + text);
}

}  // namespace hostcheck::kernel
