// The ruleset of nftables in the present namespace.
#pragma once

#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/facts/netfilter.h"
#include "core/kernel/netlink.h"
#include "core/kernel/nft_value.h"

namespace hostcheck::kernel {

// Which of the tables the run asks for; rules are dumped for any of them (their number tells what is in use), and
// decoded when they are asked for.
struct NetfilterWanted {
  bool backends = false;
  bool chains = false;
  bool rules = false;
};

// Appends the rows of backend nft to out. The ruleset is of one moment: when it changes while it is read, it is read
// again, up to five times, then it is an Error and out has no rows of it. Ask module_present("nf_tables") first.
[[nodiscard]] Result<void> read_nftables(NetlinkSocket& socket, const NetfilterWanted& wanted, Symbol netns,
                                         const InterfaceNames& names, facts::Facts& out);

}  // namespace hostcheck::kernel
