// Matches and targets of xtables, as iptables-save writes them. Legacy tables and iptables-nft have the same ones.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/kernel/rule_meaning.h"

namespace hostcheck::kernel {

struct XtExtension {
  std::string_view name;  // "conntrack", "REJECT"
  std::uint32_t revision = 0;
  std::span<const std::uint8_t> data;  // the extension's own struct
  bool ipv6 = false;
  std::string_view protocol;  // of the rule, where it is known
};

// " --ctstate NEW,ESTABLISHED" with the extension's name before it: " conntrack --ctstate NEW". One that is not known
// is " name [revision N]". Fills the columns that it plainly asks for.
[[nodiscard]] std::string describe_xt_match(const XtExtension& match, RuleMeaning& rule);
// " REJECT --reject-with icmp-port-unreachable"; sets the verdict.
[[nodiscard]] std::string describe_xt_target(const XtExtension& target, RuleMeaning& rule);

}  // namespace hostcheck::kernel
