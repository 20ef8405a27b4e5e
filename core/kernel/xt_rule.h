// A rule of legacy iptables from its entry, as iptables-save writes it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/kernel/rule_meaning.h"

namespace hostcheck::kernel {

// entry: struct ipt_entry or struct ip6t_entry with its matches and its target. target: what libiptc calls the target,
// "" for none; is_chain: it is a chain of the table. An entry whose lengths do not fit is "[malformed]".
void describe_xt_entry(std::span<const std::uint8_t> entry, bool ipv6, std::string_view target, bool is_chain,
                       RuleMeaning& rule);

}  // namespace hostcheck::kernel
