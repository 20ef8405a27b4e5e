#include "core/kernel/xt_conntrack.h"

#include <array>

#include <fmt/format.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_state.h>

namespace hostcheck::kernel {
namespace {

constexpr std::array<XtFlag, 7> kStates = {{{XT_CONNTRACK_STATE_INVALID, "INVALID"},
                                            {XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "NEW"},
                                            {XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "RELATED"},
                                            {XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "ESTABLISHED"},
                                            {XT_CONNTRACK_STATE_UNTRACKED, "UNTRACKED"},
                                            {XT_CONNTRACK_STATE_SNAT, "SNAT"},
                                            {XT_CONNTRACK_STATE_DNAT, "DNAT"}}};
// The same in the words and the order of nftables, for the column.
constexpr std::array<XtFlag, 5> kPlainStates = {{{XT_CONNTRACK_STATE_INVALID, "invalid"},
                                                 {XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "new"},
                                                 {XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "established"},
                                                 {XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "related"},
                                                 {XT_CONNTRACK_STATE_UNTRACKED, "untracked"}}};

void ask_states(std::uint32_t states, bool inverted, RuleMeaning& rule) {
  constexpr std::uint32_t kNoPlain = XT_CONNTRACK_STATE_SNAT | XT_CONNTRACK_STATE_DNAT;
  if (inverted || (states & kNoPlain) != 0) {
    rule.plain = false;
  } else {
    rule.ask(RuleColumn::ct_state, names_of_flags(states, kPlainStates));
  }
}

// The three revisions differ in the width of the masks only; ports are not decoded.
template <typename Info>
XtArguments conntrack_of(const XtExtension& match, RuleMeaning& rule) {
  const auto info = take<Info>(match.data);
  if (!info) return std::nullopt;
  const auto has = [&](std::uint16_t flag) { return (info->match_flags & flag) != 0; };
  const auto inverted = [&](std::uint16_t flag) { return (info->invert_flags & flag) != 0; };
  std::string text;
  if (has(XT_CONNTRACK_STATE)) {
    ask_states(info->state_mask, inverted(XT_CONNTRACK_STATE), rule);
    text +=
        fmt::format("{} {} {}", bang(inverted(XT_CONNTRACK_STATE)),
                    has(XT_CONNTRACK_STATE_ALIAS) ? "--state" : "--ctstate", names_of_flags(info->state_mask, kStates));
  }
  if ((info->match_flags & ~(XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS)) != 0) rule.plain = false;
  if (has(XT_CONNTRACK_PROTO)) {
    text += fmt::format("{} --ctproto {}", bang(inverted(XT_CONNTRACK_PROTO)), info->l4proto);
  }
  const auto address = [&](std::uint16_t flag, std::string_view option, const nf_inet_addr& value,
                           const nf_inet_addr& mask) {
    if (!has(flag)) return;
    text +=
        fmt::format("{} {} {}{}", bang(inverted(flag)), option, inet_text(&value, match.ipv6),
                    mask_text(&mask, match.ipv6) == (match.ipv6 ? "/128" : "/32") ? "" : mask_text(&mask, match.ipv6));
  };
  address(XT_CONNTRACK_ORIGSRC, "--ctorigsrc", info->origsrc_addr, info->origsrc_mask);
  address(XT_CONNTRACK_ORIGDST, "--ctorigdst", info->origdst_addr, info->origdst_mask);
  address(XT_CONNTRACK_REPLSRC, "--ctreplsrc", info->replsrc_addr, info->replsrc_mask);
  address(XT_CONNTRACK_REPLDST, "--ctrepldst", info->repldst_addr, info->repldst_mask);
  constexpr std::uint16_t kPorts =
      XT_CONNTRACK_ORIGSRC_PORT | XT_CONNTRACK_ORIGDST_PORT | XT_CONNTRACK_REPLSRC_PORT | XT_CONNTRACK_REPLDST_PORT;
  if ((info->match_flags & kPorts) != 0) text += " [ports]";
  if (has(XT_CONNTRACK_STATUS)) {
    constexpr std::array<XtFlag, 4> kStatuses = {{{IPS_EXPECTED, "EXPECTED"},
                                                  {IPS_SEEN_REPLY, "SEEN_REPLY"},
                                                  {IPS_ASSURED, "ASSURED"},
                                                  {IPS_CONFIRMED, "CONFIRMED"}}};
    const std::string names = names_of_flags(info->status_mask, kStatuses);
    text += fmt::format("{} --ctstatus {}", bang(inverted(XT_CONNTRACK_STATUS)), names.empty() ? "NONE" : names);
  }
  if (has(XT_CONNTRACK_EXPIRES)) {
    text += fmt::format("{} --ctexpire {}", bang(inverted(XT_CONNTRACK_EXPIRES)), info->expires_min);
    if (info->expires_min != info->expires_max) text += fmt::format(":{}", info->expires_max);
  }
  if (has(XT_CONNTRACK_DIRECTION)) {
    text += inverted(XT_CONNTRACK_DIRECTION) ? " --ctdir REPLY" : " --ctdir ORIGINAL";
  }
  return text;
}

}  // namespace

XtArguments conntrack_arguments(const XtExtension& match, RuleMeaning& rule) {
  switch (match.revision) {
    case 1:
      return conntrack_of<xt_conntrack_mtinfo1>(match, rule);
    case 2:
      return conntrack_of<xt_conntrack_mtinfo2>(match, rule);
    case 3:
      return conntrack_of<xt_conntrack_mtinfo3>(match, rule);
    default:
      return std::nullopt;
  }
}

XtArguments state_arguments(const XtExtension& match, RuleMeaning& rule) {
  constexpr std::array<XtFlag, 5> kNames = {{{XT_STATE_INVALID, "INVALID"},
                                             {XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "NEW"},
                                             {XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "RELATED"},
                                             {XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "ESTABLISHED"},
                                             {XT_STATE_UNTRACKED, "UNTRACKED"}}};
  const auto info = take<xt_state_info>(match.data);
  if (!info) return std::nullopt;
  std::uint32_t states = info->statemask & ~static_cast<std::uint32_t>(XT_STATE_UNTRACKED);
  if ((info->statemask & XT_STATE_UNTRACKED) != 0) states |= XT_CONNTRACK_STATE_UNTRACKED;
  ask_states(states, false, rule);
  return " --state " + names_of_flags(info->statemask, kNames);
}

}  // namespace hostcheck::kernel
