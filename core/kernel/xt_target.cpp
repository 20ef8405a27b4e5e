#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CLASSIFY.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_DSCP.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_TPROXY.h>
#include <linux/netfilter_ipv4/ipt_LOG.h>
#include <linux/netfilter_ipv4/ipt_TTL.h>
#include <linux/netfilter_ipv6/ip6t_HL.h>

#include "core/base/address.h"
#include "core/kernel/nfnetlink.h"
#include "core/kernel/xt_text.h"
#include "core/kernel/xt_value.h"

namespace hostcheck::kernel {
namespace {

XtArguments reject(const XtExtension& target, RuleMeaning&) {
  constexpr std::array<std::string_view, 9> kIpv4 = {
      "icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-port-unreachable",
      "[echo-reply]",         "icmp-net-prohibited",   "icmp-host-prohibited",   "tcp-reset",
      "icmp-admin-prohibited"};
  constexpr std::array<std::string_view, 9> kIpv6 = {
      "icmp6-no-route",         "icmp6-adm-prohibited", "[not-neighbour]", "icmp6-addr-unreachable",
      "icmp6-port-unreachable", "[echo-reply]",         "tcp-reset",       "icmp6-policy-fail",
      "icmp6-reject-route"};
  const auto with = take<std::uint32_t>(target.data);
  if (!with || *with >= kIpv4.size()) return std::nullopt;
  return fmt::format(" --reject-with {}", target.ipv6 ? kIpv6[*with] : kIpv4[*with]);
}

// struct ipt_log_info and struct ip6t_log_info are the same.
XtArguments log(const XtExtension& target, RuleMeaning&) {
  const auto info = take<ipt_log_info>(target.data);
  if (!info) return std::nullopt;
  std::string text;
  if (!text_of(info->prefix).empty()) text += " --log-prefix " + quoted(text_of(info->prefix));
  constexpr std::uint8_t kWarning = 4;
  if (info->level != kWarning) text += fmt::format(" --log-level {}", info->level);
  if ((info->logflags & IPT_LOG_TCPSEQ) != 0) text += " --log-tcp-sequence";
  if ((info->logflags & IPT_LOG_TCPOPT) != 0) text += " --log-tcp-options";
  if ((info->logflags & IPT_LOG_IPOPT) != 0) text += " --log-ip-options";
  if ((info->logflags & IPT_LOG_UID) != 0) text += " --log-uid";
  if ((info->logflags & IPT_LOG_MACDECODE) != 0) text += " --log-macdecode";
  return text;
}

XtArguments nflog(const XtExtension& target, RuleMeaning&) {
  const auto info = take<xt_nflog_info>(target.data);
  if (!info) return std::nullopt;
  std::string text;
  if (!text_of(info->prefix).empty()) text += " --nflog-prefix " + quoted(text_of(info->prefix));
  if (info->group != 0) text += fmt::format(" --nflog-group {}", info->group);
  if ((info->flags & XT_NFLOG_F_COPY_LEN) != 0) {
    text += fmt::format(" --nflog-size {}", info->len);
  } else if (info->len != 0) {
    text += fmt::format(" --nflog-range {}", info->len);
  }
  if (info->threshold != XT_NFLOG_DEFAULT_THRESHOLD) text += fmt::format(" --nflog-threshold {}", info->threshold);
  return text;
}

// The three structs that NAT targets have had, as one.
struct NatRange {
  std::uint32_t flags = 0;
  std::string first;
  std::string last;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
};

std::uint16_t port_of(const nf_conntrack_man_proto& proto) {
  return read_be16({reinterpret_cast<const std::uint8_t*>(&proto), sizeof proto});
}

std::optional<NatRange> nat_range(const XtExtension& target) {
  if (!target.ipv6 && target.revision == 0) {
    const auto info = take<nf_nat_ipv4_multi_range_compat>(target.data);
    if (!info || info->rangesize != 1) return std::nullopt;
    const nf_nat_ipv4_range& range = info->range[0];
    return NatRange{range.flags, inet_text(&range.min_ip, false), inet_text(&range.max_ip, false), port_of(range.min),
                    port_of(range.max)};
  }
  const auto info = take<nf_nat_range>(target.data);
  if (!info) return std::nullopt;
  return NatRange{info->flags, inet_text(&info->min_addr, target.ipv6), inet_text(&info->max_addr, target.ipv6),
                  port_of(info->min_proto), port_of(info->max_proto)};
}

std::string nat_ports(const NatRange& range) {
  if ((range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) == 0) return {};
  std::string text = std::to_string(range.first_port);
  if (range.first_port != range.last_port) text += fmt::format("-{}", range.last_port);
  return text;
}

std::string nat_flags(const NatRange& range) {
  std::string text;
  if ((range.flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY) != 0) {
    text += " --random-fully";
  } else if ((range.flags & NF_NAT_RANGE_PROTO_RANDOM) != 0) {
    text += " --random";
  }
  if ((range.flags & NF_NAT_RANGE_PERSISTENT) != 0) text += " --persistent";
  return text;
}

// MASQUERADE and REDIRECT
XtArguments nat_to_here(const XtExtension& target, RuleMeaning&) {
  const auto range = nat_range(target);
  if (!range) return std::nullopt;
  const std::string ports = nat_ports(*range);
  return (ports.empty() ? "" : " --to-ports " + ports) + nat_flags(*range);
}

XtArguments nat_to_address(const XtExtension& target, RuleMeaning&) {
  const auto range = nat_range(target);
  if (!range) return std::nullopt;
  std::string where;
  if ((range->flags & NF_NAT_RANGE_MAP_IPS) != 0) {
    where = range->first;
    if (range->first != range->last) where += "-" + range->last;
    if (target.ipv6 && (range->flags & NF_NAT_RANGE_PROTO_SPECIFIED) != 0) where = "[" + where + "]";
  }
  if (const std::string ports = nat_ports(*range); !ports.empty()) where += ":" + ports;
  return fmt::format(" {} {}{}", target.name == "SNAT" ? "--to-source" : "--to-destination", where, nat_flags(*range));
}

XtArguments netmap(const XtExtension& target, RuleMeaning&) {
  const auto range = nat_range(target);
  const auto first = range ? IpAddress::parse(range->first) : std::nullopt;
  const auto last = range ? IpAddress::parse(range->last) : std::nullopt;
  if (!first || !last) return std::nullopt;
  std::array<std::uint8_t, 16> mask{};
  for (std::size_t i = 0; i < first->size(); ++i) {
    mask[i] = static_cast<std::uint8_t>(~(first->bytes()[i] ^ last->bytes()[i]));
  }
  return fmt::format(" --to {}{}", range->first, mask_text(mask.data(), target.ipv6));
}

XtArguments mark(const XtExtension& target, RuleMeaning&) {
  const auto info = take<xt_mark_tginfo2>(target.data);
  if (target.revision != 2 || !info) return std::nullopt;
  return fmt::format(" --set-xmark 0x{:x}/0x{:x}", info->mark, info->mask);
}

XtArguments connmark(const XtExtension& target, RuleMeaning&) {
  const auto info = take<xt_connmark_tginfo1>(target.data);
  const auto shifting = take<xt_connmark_tginfo2>(target.data);
  if (target.revision == 0 || !info || (target.revision >= 2 && !shifting)) return std::nullopt;
  std::string text;
  switch (target.revision >= 2 ? shifting->mode : info->mode) {
    case XT_CONNMARK_SET:
      text = fmt::format(" --set-xmark 0x{:x}/0x{:x}", info->ctmark, info->ctmask);
      break;
    case XT_CONNMARK_SAVE:
      text = fmt::format(" --save-mark --nfmask 0x{:x} --ctmask 0x{:x}", info->nfmask, info->ctmask);
      break;
    case XT_CONNMARK_RESTORE:
      text = fmt::format(" --restore-mark --nfmask 0x{:x} --ctmask 0x{:x}", info->nfmask, info->ctmask);
      break;
    default:
      return std::nullopt;
  }
  if (target.revision >= 2 && shifting->shift_bits != 0) {
    text += fmt::format(" --{}-shift-mark {}", shifting->shift_dir == D_SHIFT_LEFT ? "left" : "right",
                        shifting->shift_bits);
  }
  return text;
}

XtArguments tcpmss(const XtExtension& target, RuleMeaning&) {
  const auto info = take<xt_tcpmss_info>(target.data);
  if (!info) return std::nullopt;
  return info->mss == XT_TCPMSS_CLAMP_PMTU ? " --clamp-mss-to-pmtu" : fmt::format(" --set-mss {}", info->mss);
}

XtArguments ct(const XtExtension& target, RuleMeaning& rule) {
  const auto info = take<xt_ct_target_info>(target.data);
  if (!info) return std::nullopt;
  std::string text;
  if ((info->flags & (XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS)) != 0) {
    text += " --notrack";
    rule.decide("notrack");
  }
  if (!text_of(info->helper).empty()) text += fmt::format(" --helper {}", text_of(info->helper));
  if (info->ct_events != 0) text += fmt::format(" --ctevents 0x{:x}", info->ct_events);
  if (info->exp_events != 0) text += fmt::format(" --expevents 0x{:x}", info->exp_events);
  if (info->zone != 0) text += fmt::format(" --zone {}", info->zone);
  return text;
}

XtArguments nfqueue(const XtExtension& target, RuleMeaning&) {
  const auto first = take<std::uint16_t>(target.data);
  if (!first) return std::nullopt;
  const auto all = take<xt_NFQ_info_v3>(target.data);
  const std::uint32_t total = target.revision >= 1 && all ? all->queues_total : 1;
  std::string text = total > 1 ? fmt::format(" --queue-balance {}:{}", *first, *first + total - 1)
                               : fmt::format(" --queue-num {}", *first);
  if (target.revision >= 2 && all) {
    if ((all->flags & NFQ_FLAG_BYPASS) != 0) text += " --queue-bypass";
    if (target.revision >= 3 && (all->flags & NFQ_FLAG_CPU_FANOUT) != 0) text += " --queue-cpu-fanout";
  }
  return text;
}

XtArguments tproxy(const XtExtension& target, RuleMeaning&) {
  const auto info = take<xt_tproxy_target_info_v1>(target.data);
  if (target.revision != 1 || !info) return std::nullopt;
  std::string text = fmt::format(" --on-port {}", read_be16({reinterpret_cast<const std::uint8_t*>(&info->lport), 2}));
  text += fmt::format(" --on-ip {}", inet_text(&info->laddr, target.ipv6));
  return text + fmt::format(" --tproxy-mark 0x{:x}/0x{:x}", info->mark_value, info->mark_mask);
}

XtArguments hops(const XtExtension& target, RuleMeaning&) {
  constexpr std::array<std::string_view, 3> kModes = {"set", "inc", "dec"};
  // struct ipt_TTL_info and struct ip6t_HL_info: mode, number.
  if (target.data.size() < 2 || target.data[0] >= kModes.size()) return std::nullopt;
  return fmt::format(" --{}-{} {}", target.name == "TTL" ? "ttl" : "hl", kModes[target.data[0]], target.data[1]);
}

XtArguments classify(const XtExtension& target, RuleMeaning&) {
  const auto info = take<xt_classify_target_info>(target.data);
  if (!info) return std::nullopt;
  return fmt::format(" --set-class {:04x}:{:04x}", info->priority >> 16, info->priority & 0xffff);
}

XtArguments dscp(const XtExtension& target, RuleMeaning&) {
  if (target.data.empty()) return std::nullopt;
  return fmt::format(" --set-dscp 0x{:02x}", target.data[0]);
}

XtArguments checksum(const XtExtension&, RuleMeaning&) {
  return " --checksum-fill";
}
XtArguments nothing(const XtExtension&, RuleMeaning&) {
  return std::string{};
}

struct Decoder {
  std::string_view name;
  std::string_view verdict;  // "" for a target that lets the packet go on
  XtArguments (*decode)(const XtExtension& target, RuleMeaning& rule);
};
constexpr std::array<Decoder, 24> kDecoders = {{
    {"REJECT", "reject", reject},
    {"LOG", "log", log},
    {"NFLOG", "log", nflog},
    {"MASQUERADE", "masquerade", nat_to_here},
    {"REDIRECT", "redirect", nat_to_here},
    {"SNAT", "snat", nat_to_address},
    {"DNAT", "dnat", nat_to_address},
    {"NETMAP", "netmap", netmap},
    {"MARK", "", mark},
    {"CONNMARK", "", connmark},
    {"TCPMSS", "tcpmss", tcpmss},
    {"CT", "", ct},
    {"NOTRACK", "notrack", nothing},
    {"NFQUEUE", "queue", nfqueue},
    {"TPROXY", "tproxy", tproxy},
    {"TTL", "", hops},
    {"HL", "", hops},
    {"CLASSIFY", "", classify},
    {"DSCP", "", dscp},
    {"CHECKSUM", "", checksum},
    {"TRACE", "", nothing},
    {"SYNPROXY", "synproxy", nullptr},
    {"TEE", "dup", nullptr},
    {"SET", "", nullptr},
}};

}  // namespace

std::string describe_xt_target(const XtExtension& target, RuleMeaning& rule) {
  const auto known =
      std::find_if(kDecoders.begin(), kDecoders.end(), [&](const Decoder& each) { return each.name == target.name; });
  if (known == kDecoders.end()) {
    rule.decide("other");
    return fmt::format(" {} [revision {}]", target.name, target.revision);
  }
  if (!known->verdict.empty()) rule.decide(known->verdict);
  if (known->decode != nullptr) {
    if (const XtArguments arguments = known->decode(target, rule)) return fmt::format(" {}{}", target.name, *arguments);
  }
  return fmt::format(" {} [revision {}]", target.name, target.revision);
}

}  // namespace hostcheck::kernel
