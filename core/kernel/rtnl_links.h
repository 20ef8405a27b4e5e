// RTM_GETLINK, RTM_GETADDR and RTM_GETQDISC: interfaces, their addresses, their queueing disciplines.
#pragma once

#include "core/facts/link.h"
#include "core/facts/qdisc.h"
#include "core/kernel/rtnl.h"

namespace hostcheck::kernel {

// Names every interface in reader.names, and appends the interfaces' rows where keep_rows says so. with_counters false
// spares the kernel their sums over all processors; the rows' counters are 0 then.
[[nodiscard]] Result<void> read_links(RtnlReader& reader, bool keep_rows, bool with_counters);

// One message as a row; the names of its master and lower interface are looked up later (name_others).
[[nodiscard]] Parsed parse_link(const nlmsghdr& message, facts::Facts& texts, facts::Link& row);

// Family none: both.
[[nodiscard]] Result<void> read_addresses(RtnlReader& reader, Family family, facts::RowFilter& filter);
[[nodiscard]] Parsed parse_address(const nlmsghdr& message, RtnlReader& reader, facts::InterfaceAddress& row);

[[nodiscard]] Result<void> read_qdiscs(RtnlReader& reader);
[[nodiscard]] Parsed parse_qdisc(const nlmsghdr& message, RtnlReader& reader, facts::Qdisc& row);

}  // namespace hostcheck::kernel
