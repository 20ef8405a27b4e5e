#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connlimit.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_dscp.h>
#include <linux/netfilter/xt_helper.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_length.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_socket.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpmss.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>
#include <linux/netfilter_ipv6/ip6t_hl.h>

#include "core/kernel/nft_value.h"
#include "core/kernel/xt_conntrack.h"
#include "core/kernel/xt_text.h"
#include "core/kernel/xt_value.h"

namespace hostcheck::kernel {
namespace {

std::string_view bang(bool inverted) {
  return inverted ? " !" : "";
}

// One range of ports; asks for it plainly when it is not inverted.
std::string port_range(std::string_view option, const std::uint16_t (&range)[2], bool inverted,
                       RuleColumn column,  // NOLINT
                       RuleMeaning& rule) {
  if (range[0] == 0 && range[1] == 0xffff) {
    if (inverted) rule.plain = false;
    return {};
  }
  const bool one = range[0] == range[1];
  if (inverted) {
    rule.plain = false;
  } else {
    rule.ask(column, one ? fmt::format("{}", range[0]) : fmt::format("{}-{}", range[0], range[1]));
  }
  return one ? fmt::format("{} {} {}", bang(inverted), option, range[0])
             : fmt::format("{} {} {}:{}", bang(inverted), option, range[0], range[1]);
}

std::string tcp_flags_text(std::uint8_t flags) {
  constexpr std::array<std::string_view, 6> kNames = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
  if ((flags & 0x3f) == 0) return "NONE";
  std::string text;
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!text.empty()) text += ',';
    text += kNames[bit];
  }
  return text;
}

XtArguments tcp(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_tcp>(match.data);
  if (!info) return std::nullopt;
  std::string text =
      port_range("--sport", info->spts, (info->invflags & XT_TCP_INV_SRCPT) != 0, RuleColumn::sport, rule);
  text += port_range("--dport", info->dpts, (info->invflags & XT_TCP_INV_DSTPT) != 0, RuleColumn::dport, rule);
  if (info->option != 0 || (info->invflags & XT_TCP_INV_OPTION) != 0) {
    text += fmt::format("{} --tcp-option {}", bang((info->invflags & XT_TCP_INV_OPTION) != 0), info->option);
    rule.plain = false;
  }
  if (info->flg_mask != 0 || (info->invflags & XT_TCP_INV_FLAGS) != 0) {
    text += fmt::format("{} --tcp-flags {} {}", bang((info->invflags & XT_TCP_INV_FLAGS) != 0),
                        tcp_flags_text(info->flg_mask), tcp_flags_text(info->flg_cmp));
    rule.plain = false;
  }
  return text;
}

XtArguments udp(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_udp>(match.data);
  if (!info) return std::nullopt;
  return port_range("--sport", info->spts, (info->invflags & XT_UDP_INV_SRCPT) != 0, RuleColumn::sport, rule) +
         port_range("--dport", info->dpts, (info->invflags & XT_UDP_INV_DSTPT) != 0, RuleColumn::dport, rule);
}

XtArguments multiport(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_multiport_v1>(match.data);
  if (match.revision != 1 || !info || info->count > XT_MULTI_PORTS || info->flags > XT_MULTIPORT_EITHER)
    return std::nullopt;
  std::string list;
  std::string column;
  for (std::size_t i = 0; i < info->count; ++i) {
    if (i > 0) {
      list += ',';
      column += ',';
    }
    list += std::to_string(info->ports[i]);
    column += std::to_string(info->ports[i]);
    if (info->pflags[i] == 0 || i + 1 == info->count) continue;
    ++i;
    list += fmt::format(":{}", info->ports[i]);
    column += fmt::format("-{}", info->ports[i]);
  }
  constexpr std::array<std::string_view, 3> kOptions = {"--sports", "--dports", "--ports"};
  if (info->invert != 0 || info->flags == XT_MULTIPORT_EITHER) {
    rule.plain = false;
  } else {
    rule.ask(info->flags == XT_MULTIPORT_SOURCE ? RuleColumn::sport : RuleColumn::dport, column);
  }
  return fmt::format("{} {} {}", bang(info->invert != 0), kOptions[info->flags], list);
}

XtArguments comment(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_comment_info>(match.data);
  if (!info) return std::nullopt;
  rule.comment = text_of(info->comment);
  return " --comment " + quoted(text_of(info->comment));
}

XtArguments limit(const XtExtension& match, RuleMeaning& rule) {
  struct Rate {
    std::string_view name;
    std::uint32_t ticks;
  };
  constexpr std::array<Rate, 4> kRates = {{{"day", 24U * 60 * 60 * XT_LIMIT_SCALE},
                                           {"hour", 60U * 60 * XT_LIMIT_SCALE},
                                           {"min", 60U * XT_LIMIT_SCALE},
                                           {"sec", XT_LIMIT_SCALE}}};
  const auto info = take<xt_rateinfo>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  if (info->avg == 0) return " --limit inf";
  std::size_t unit = 1;
  while (unit < kRates.size() && info->avg <= kRates[unit].ticks &&
         kRates[unit].ticks / info->avg >= kRates[unit].ticks % info->avg) {
    ++unit;
  }
  std::string text = fmt::format(" --limit {}/{}", kRates[unit - 1].ticks / info->avg, kRates[unit - 1].name);
  constexpr std::uint32_t kUsualBurst = 5;
  if (info->burst != kUsualBurst) text += fmt::format(" --limit-burst {}", info->burst);
  return text;
}

XtArguments addrtype(const XtExtension& match, RuleMeaning& rule) {
  constexpr std::array<XtFlag, 12> kTypes = {{{XT_ADDRTYPE_UNSPEC, "UNSPEC"},
                                              {XT_ADDRTYPE_UNICAST, "UNICAST"},
                                              {XT_ADDRTYPE_LOCAL, "LOCAL"},
                                              {XT_ADDRTYPE_BROADCAST, "BROADCAST"},
                                              {XT_ADDRTYPE_ANYCAST, "ANYCAST"},
                                              {XT_ADDRTYPE_MULTICAST, "MULTICAST"},
                                              {XT_ADDRTYPE_BLACKHOLE, "BLACKHOLE"},
                                              {XT_ADDRTYPE_UNREACHABLE, "UNREACHABLE"},
                                              {XT_ADDRTYPE_PROHIBIT, "PROHIBIT"},
                                              {XT_ADDRTYPE_THROW, "THROW"},
                                              {XT_ADDRTYPE_NAT, "NAT"},
                                              {XT_ADDRTYPE_XRESOLVE, "XRESOLVE"}}};
  const auto info = take<xt_addrtype_info_v1>(match.data);
  if (match.revision != 1 || !info) return std::nullopt;
  rule.plain = false;
  std::string text;
  if (info->source != 0) {
    text += fmt::format("{} --src-type {}", bang((info->flags & XT_ADDRTYPE_INVERT_SOURCE) != 0),
                        names_of_flags(info->source, kTypes));
  }
  if (info->dest != 0) {
    text += fmt::format("{} --dst-type {}", bang((info->flags & XT_ADDRTYPE_INVERT_DEST) != 0),
                        names_of_flags(info->dest, kTypes));
  }
  if ((info->flags & XT_ADDRTYPE_LIMIT_IFACE_IN) != 0) text += " --limit-iface-in";
  if ((info->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT) != 0) text += " --limit-iface-out";
  return text;
}

std::string marked(std::uint32_t mark, std::uint32_t mask) {
  return mask == 0xffffffff ? fmt::format("0x{:x}", mark) : fmt::format("0x{:x}/0x{:x}", mark, mask);
}

XtArguments mark(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_mark_mtinfo1>(match.data);
  if (match.revision != 1 || !info) return std::nullopt;
  rule.plain = false;
  return fmt::format("{} --mark {}", bang(info->invert != 0), marked(info->mark, info->mask));
}

XtArguments connmark(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_connmark_mtinfo1>(match.data);
  if (match.revision != 1 || !info) return std::nullopt;
  rule.plain = false;
  return fmt::format("{} --mark {}", bang(info->invert != 0), marked(info->mark, info->mask));
}

XtArguments mac(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_mac_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  const auto& a = info->srcaddr;
  return fmt::format("{} --mac-source {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bang(info->invert != 0), a[0], a[1],
                     a[2], a[3], a[4], a[5]);
}

XtArguments iprange(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_iprange_mtinfo>(match.data);
  if (match.revision != 1 || !info) return std::nullopt;
  std::string text;
  const auto side = [&](std::uint8_t flag, std::uint8_t inverse, std::string_view option, const nf_inet_addr& first,
                        const nf_inet_addr& last, RuleColumn column) {
    if ((info->flags & flag) == 0) return;
    const bool inverted = (info->flags & inverse) != 0;
    const std::string range = inet_text(&first, match.ipv6) + "-" + inet_text(&last, match.ipv6);
    text += fmt::format("{} {} {}", bang(inverted), option, range);
    if (inverted) {
      rule.plain = false;
    } else {
      rule.ask(column, range);
    }
  };
  side(IPRANGE_SRC, IPRANGE_SRC_INV, "--src-range", info->src_min, info->src_max, RuleColumn::src);
  side(IPRANGE_DST, IPRANGE_DST_INV, "--dst-range", info->dst_min, info->dst_max, RuleColumn::dst);
  return text;
}

std::string number_range(std::uint32_t first, std::uint32_t last) {
  return first == last ? std::to_string(first) : fmt::format("{}:{}", first, last);
}

XtArguments length(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_length_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  return fmt::format("{} --length {}", bang(info->invert != 0), number_range(info->min, info->max));
}

XtArguments tcpmss(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_tcpmss_match_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  return fmt::format("{} --mss {}", bang(info->invert != 0), number_range(info->mss_min, info->mss_max));
}

XtArguments pkttype(const XtExtension& match, RuleMeaning& rule) {
  constexpr std::array<std::string_view, 3> kTypes = {"unicast", "broadcast", "multicast"};
  const auto info = take<xt_pkttype_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  const auto type = static_cast<std::size_t>(info->pkttype);
  return fmt::format("{} --pkt-type {}", bang(info->invert != 0), type < kTypes.size() ? kTypes[type] : "[?]");
}

XtArguments owner(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_owner_match_info>(match.data);
  if (match.revision != 1 || !info) return std::nullopt;
  rule.plain = false;
  std::string text;
  const auto range = [](std::uint32_t first, std::uint32_t last) {
    return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
  };
  if ((info->match & XT_OWNER_SOCKET) != 0) {
    text += fmt::format("{} --socket-exists", bang((info->invert & XT_OWNER_SOCKET) != 0));
  }
  if ((info->match & XT_OWNER_UID) != 0) {
    text +=
        fmt::format("{} --uid-owner {}", bang((info->invert & XT_OWNER_UID) != 0), range(info->uid_min, info->uid_max));
  }
  if ((info->match & XT_OWNER_GID) != 0) {
    text +=
        fmt::format("{} --gid-owner {}", bang((info->invert & XT_OWNER_GID) != 0), range(info->gid_min, info->gid_max));
  }
  if ((info->match & XT_OWNER_SUPPL_GROUPS) != 0) text += " --suppl-groups";
  return text;
}

XtArguments physdev(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_physdev_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  std::string text;
  const auto named = [&](std::uint8_t flag, std::string_view option, std::string_view name,
                         const char(&mask)[IFNAMSIZ]) {  // NOLINT
    if ((info->bitmask & flag) == 0) return;
    std::array<std::uint8_t, IFNAMSIZ> bytes{};
    std::memcpy(bytes.data(), mask, bytes.size());
    text += fmt::format("{} {} {}", bang((info->invert & flag) != 0), option, interface_text(name, bytes));
  };
  const auto flag = [&](std::uint8_t bit, std::string_view option) {
    if ((info->bitmask & bit) != 0) text += fmt::format("{} {}", bang((info->invert & bit) != 0), option);
  };
  flag(XT_PHYSDEV_OP_ISIN, "--physdev-is-in");
  named(XT_PHYSDEV_OP_IN, "--physdev-in", text_of(info->physindev), info->in_mask);
  flag(XT_PHYSDEV_OP_ISOUT, "--physdev-is-out");
  named(XT_PHYSDEV_OP_OUT, "--physdev-out", text_of(info->physoutdev), info->out_mask);
  flag(XT_PHYSDEV_OP_BRIDGED, "--physdev-is-bridged");
  return text;
}

XtArguments statistic(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_statistic_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  const std::string_view inverted = bang((info->flags & XT_STATISTIC_INVERT) != 0);
  if (info->mode == XT_STATISTIC_MODE_RANDOM) {
    return fmt::format(" --mode random{} --probability {:.11f}", inverted, info->u.random.probability / 2147483648.0);
  }
  return fmt::format(" --mode nth{} --every {} --packet {}", inverted, info->u.nth.every + 1, info->u.nth.packet);
}

XtArguments connlimit(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_connlimit_info>(match.data);
  if (match.revision != 1 || !info) return std::nullopt;
  rule.plain = false;
  return fmt::format(" --connlimit-{} {} --connlimit-mask {} {}",
                     (info->flags & XT_CONNLIMIT_INVERT) != 0 ? "upto" : "above", info->limit,
                     prefix_of_mask({reinterpret_cast<const std::uint8_t*>(&info->mask), match.ipv6 ? 16UL : 4UL}),
                     (info->flags & XT_CONNLIMIT_DADDR) != 0 ? "--connlimit-daddr" : "--connlimit-saddr");
}

// ttl and hl have the same modes.
std::string hops(std::string_view name, std::uint8_t mode, std::uint8_t value, RuleMeaning& rule) {
  constexpr std::array<std::string_view, 4> kModes = {"eq", "eq", "lt", "gt"};
  rule.plain = false;
  return fmt::format("{} --{}-{} {}", bang(mode == IPT_TTL_NE), name, mode < kModes.size() ? kModes[mode] : "[?]",
                     value);
}

XtArguments ttl(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<ipt_ttl_info>(match.data);
  if (!info) return std::nullopt;
  return hops("ttl", info->mode, info->ttl, rule);
}

XtArguments hl(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<ip6t_hl_info>(match.data);
  if (!info) return std::nullopt;
  return hops("hl", info->mode, info->hop_limit, rule);
}

// struct ipt_icmp and struct ip6t_icmp are the same: type, two codes, inversion.
XtArguments icmp(const XtExtension& match, RuleMeaning& rule) {
  constexpr std::uint8_t kAny = 0xff;
  if (match.data.size() < 4) return std::nullopt;
  rule.plain = false;
  const std::uint8_t type = match.data[0];
  std::string text =
      fmt::format("{} --{}-type ", bang((match.data[3] & 1) != 0), match.name == "icmp6" ? "icmpv6" : "icmp");
  if (type == kAny && match.name == "icmp") return text + "any";
  text += std::to_string(type);
  if (match.data[1] != 0 || match.data[2] != kAny) text += fmt::format("/{}", match.data[1]);
  if (match.data[1] != match.data[2] && match.data[1] != 0) text += fmt::format("-{}", match.data[2]);
  return text;
}

XtArguments dscp(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_dscp_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  return fmt::format("{} --dscp 0x{:02x}", bang(info->invert != 0), info->dscp);
}

XtArguments helper(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_helper_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  return fmt::format("{} --helper {}", bang(info->invert != 0), quoted(text_of(info->name)));
}

XtArguments rpfilter(const XtExtension& match, RuleMeaning& rule) {
  constexpr std::array<XtFlag, 4> kOptions = {{{XT_RPFILTER_LOOSE, " --loose"},
                                               {XT_RPFILTER_VALID_MARK, " --validmark"},
                                               {XT_RPFILTER_ACCEPT_LOCAL, " --accept-local"},
                                               {XT_RPFILTER_INVERT, " --invert"}}};
  const auto info = take<xt_rpfilter_info>(match.data);
  if (!info) return std::nullopt;
  rule.plain = false;
  std::string text;
  for (const XtFlag& each : kOptions) {
    if ((info->flags & each.bit) != 0) text += each.name;
  }
  return text;
}

XtArguments socket(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_socket_mtinfo1>(match.data);
  if (match.revision == 0 || !info) return std::nullopt;
  rule.plain = false;
  std::string text;
  if ((info->flags & XT_SOCKET_TRANSPARENT) != 0) text += " --transparent";
  if ((info->flags & XT_SOCKET_NOWILDCARD) != 0) text += " --nowildcard";
  if ((info->flags & XT_SOCKET_RESTORESKMARK) != 0) text += " --restore-skmark";
  return text;
}

XtArguments recent(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<xt_recent_mtinfo_v1>(match.data);
  if (match.revision != 1 || !info) return std::nullopt;
  rule.plain = false;
  std::string text(bang(info->invert != 0));
  if ((info->check_set & XT_RECENT_SET) != 0) text += " --set";
  if ((info->check_set & XT_RECENT_CHECK) != 0) text += " --rcheck";
  if ((info->check_set & XT_RECENT_UPDATE) != 0) text += " --update";
  if ((info->check_set & XT_RECENT_REMOVE) != 0) text += " --remove";
  if (info->seconds != 0) text += fmt::format(" --seconds {}", info->seconds);
  if ((info->check_set & XT_RECENT_REAP) != 0) text += " --reap";
  if (info->hit_count != 0) text += fmt::format(" --hitcount {}", info->hit_count);
  if ((info->check_set & XT_RECENT_TTL) != 0) text += " --rttl";
  return text + fmt::format(" --name {} --mask {} {}", text_of(info->name), inet_text(&info->mask, match.ipv6),
                            info->side == XT_RECENT_SOURCE ? "--rsource" : "--rdest");
}

struct Decoder {
  std::string_view name;
  XtArguments (*decode)(const XtExtension& match, RuleMeaning& rule);
};
constexpr std::array<Decoder, 29> kDecoders = {{
    {"tcp", tcp},
    {"udp", udp},
    {"udplite", udp},
    {"multiport", multiport},
    {"conntrack", conntrack_arguments},
    {"state", state_arguments},
    {"comment", comment},
    {"limit", limit},
    {"addrtype", addrtype},
    {"mark", mark},
    {"connmark", connmark},
    {"mac", mac},
    {"iprange", iprange},
    {"length", length},
    {"tcpmss", tcpmss},
    {"pkttype", pkttype},
    {"owner", owner},
    {"physdev", physdev},
    {"statistic", statistic},
    {"connlimit", connlimit},
    {"ttl", ttl},
    {"hl", hl},
    {"icmp", icmp},
    {"icmp6", icmp},
    {"dscp", dscp},
    {"helper", helper},
    {"rpfilter", rpfilter},
    {"socket", socket},
    {"recent", recent},
}};

}  // namespace

std::string describe_xt_match(const XtExtension& match, RuleMeaning& rule) {
  const auto known =
      std::find_if(kDecoders.begin(), kDecoders.end(), [&](const Decoder& each) { return each.name == match.name; });
  if (known != kDecoders.end()) {
    if (const XtArguments arguments = known->decode(match, rule)) {
      // A state match is a conntrack match under its old name.
      const bool alias = match.name == "conntrack" && arguments->find("--state ") != std::string::npos;
      return fmt::format(" {}{}", alias ? "state" : match.name, *arguments);
    }
  }
  rule.plain = false;
  return fmt::format(" {} [revision {}]", match.name, match.revision);
}

}  // namespace hostcheck::kernel
