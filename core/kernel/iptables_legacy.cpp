#include "core/kernel/iptables_legacy.h"

#include "core/base/text.h"

namespace hostcheck::kernel {

std::string_view legacy_backend_name(bool ipv6) {
  return ipv6 ? "ip6tables-legacy" : "iptables-legacy";
}

Result<void> read_iptables_legacy(const FileTree& files, bool ipv6, const NetfilterWanted& wanted, Symbol netns,
                                  facts::Facts& out) {
  const auto names = files.read(ipv6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names");
  if (!names && names.error().code != ErrorCode::vanished) return unexpected(names.error());
  if (names && !trim(*names).empty())
    return unexpected(make_error(ErrorCode::unsupported, "legacy", {}, "not yet read"));
  if (wanted.backends) {
    facts::NetfilterBackend row;
    row.netns = netns;
    row.backend = out.intern(legacy_backend_name(ipv6));
    out.rows<facts::NetfilterBackend>().push_back(row);
  }
  return {};
}

}  // namespace hostcheck::kernel
