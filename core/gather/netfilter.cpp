#include "core/gather/netfilter.h"

#include <array>

#include "core/facts/netfilter.h"
#include "core/kernel/interface_names.h"
#include "core/kernel/iptables_legacy.h"
#include "core/kernel/nfnetlink.h"
#include "core/kernel/nftables.h"

namespace hostcheck::gather {
namespace {

using kernel::NetfilterWanted;

// A backend that could not be read: its row is missing among the backends, and the other two tables are not whole.
void mark_absent(const Task& task, const NetfilterWanted& wanted, std::string_view backend, const Error& error) {
  if (wanted.backends) {
    task.out.add_absence({"netfilter_backends",
                          {},
                          task.netns.name,
                          std::string(backend),
                          error.code,
                          error.message(),
                          error.code == ErrorCode::denied ? "run as root" : ""});
  }
  if (wanted.chains) task.out.add_absence("netfilter_chains", task.netns.name, error);
  if (wanted.rules) task.out.add_absence("netfilter_rules", task.netns.name, error);
}

void gather_nftables(const Task& task, const NetfilterWanted& wanted) {
  const auto present = kernel::module_present(task.files, "nf_tables");
  if (!present) {
    mark_absent(task, wanted, "nft", present.error());
    return;
  }
  const Symbol netns = task.out.intern(task.netns.name);
  if (!*present) {  // the code is not loaded, so there can be no rules
    if (wanted.backends) {
      facts::NetfilterBackend row;
      row.netns = netns;
      row.backend = task.out.intern("nft");
      task.out.rows<facts::NetfilterBackend>().push_back(row);
    }
    return;
  }
  auto socket = kernel::open_nfnetlink();
  if (!socket) {
    mark_absent(task, wanted, "nft", socket.error());
    return;
  }
  const auto done = kernel::read_nftables(*socket, wanted, netns, kernel::interface_names(), task.out);
  if (!done) mark_absent(task, wanted, "nft", done.error());
}

void gather_netfilter(const Task& task) {
  NetfilterWanted wanted;
  wanted.backends = task.asked("netfilter_backends") != nullptr;
  wanted.chains = task.asked("netfilter_chains") != nullptr;
  wanted.rules = task.asked("netfilter_rules") != nullptr;
  // Asked for and empty is not the same as not asked for.
  if (wanted.backends) (void)task.out.rows<facts::NetfilterBackend>();
  if (wanted.chains) (void)task.out.rows<facts::NetfilterChain>();
  if (wanted.rules) (void)task.out.rows<facts::NetfilterRule>();
  gather_nftables(task, wanted);
  for (const bool ipv6 : {false, true}) {
    const auto done =
        kernel::read_iptables_legacy(task.files, ipv6, wanted, task.out.intern(task.netns.name), task.out);
    if (!done) mark_absent(task, wanted, kernel::legacy_backend_name(ipv6), done.error());
  }
}

}  // namespace

const Source& netfilter_source() {
  static constexpr std::array<std::string_view, 3> kTables = {"netfilter_backends", "netfilter_chains",
                                                              "netfilter_rules"};
  static const Source source{"netfilter", Where::each_namespace, kTables, gather_netfilter};
  return source;
}

}  // namespace hostcheck::gather
