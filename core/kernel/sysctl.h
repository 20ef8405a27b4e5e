// Settings under /proc/sys/net and /proc/sys/fs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/facts/sysctl.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

// "net/ipv4/conf/eth0.5/rp_filter" <-> "net.ipv4.conf.eth0/5.rp_filter": sysctl(8)'s spelling is its own inverse.
[[nodiscard]] std::string swap_sysctl_separators(std::string_view name);

// The interface (with its dots), "all" or "default" that a setting is for; "" for all other settings.
[[nodiscard]] std::string sysctl_ifname(std::string_view name);

// Fills value, text and v1 to v3 from what the file holds. Numbers above the largest signed one become that.
void parse_sysctl(std::string_view content, facts::Sysctl& row);

// Which settings to read: exact names, and shell patterns over names, in which * also matches dots.
struct SysctlSelection {
  std::vector<std::string> names;
  std::vector<std::string> patterns;
  [[nodiscard]] bool empty() const { return names.empty() && patterns.empty(); }
};
// From the patterns that a request has on the column `name`; everything below net and fs for nullopt. Names elsewhere
// are left out: the table does not have them.
[[nodiscard]] SysctlSelection select_sysctls(const std::optional<std::vector<std::string>>& patterns);

// What reading one setting gave: the file's content, or why it could not be read.
using SysctlVisitor = std::function<void(std::string_view name, const Result<std::string_view>& content)>;
// Reads what is selected, each setting once, in the namespace of the calling thread. Exact names that do not exist are
// given back. Left out without a word: files that can only be written, a secret that was never set (EIO), interfaces
// that went away meanwhile, and file systems mounted below (fs.binfmt_misc).
[[nodiscard]] std::vector<std::string> read_sysctls(const FileTree& files, const SysctlSelection& selection,
                                                    const SysctlVisitor& visit);

// Whether the value is a key, which is not for a report or a snapshot to show.
[[nodiscard]] bool is_secret(std::string_view name);

// Whether the calling thread's namespace is the first one: only that has net.core.netdev_max_backlog
// (net/core/sysctl_net_core.c registers it for init_net only).
[[nodiscard]] bool in_first_namespace(const FileTree& files);

// Whether a setting that is missing in a namespace can be there in the first one. Those of interfaces and those that
// every namespace has of its own cannot.
[[nodiscard]] bool may_be_global(std::string_view name);
// Whether a setting that other namespaces show is the machine's one value all the same, which they cannot change.
[[nodiscard]] bool shown_but_global(std::string_view name);

}  // namespace hostcheck::kernel
