// The legacy tables of iptables and ip6tables, by libiptc.
#pragma once

#include <string_view>

#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/facts/netfilter.h"
#include "core/kernel/nftables.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

// "iptables-legacy", "ip6tables-legacy"
[[nodiscard]] std::string_view legacy_backend_name(bool ipv6);

// Appends the rows of the tables that exist already in the present namespace (/proc/net/ip_tables_names); asking the
// kernel for another one would make it. On an Error nothing is appended.
[[nodiscard]] Result<void> read_iptables_legacy(const FileTree& files, bool ipv6, const NetfilterWanted& wanted,
                                                Symbol netns, facts::Facts& out);

}  // namespace hostcheck::kernel
