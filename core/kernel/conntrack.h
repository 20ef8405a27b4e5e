// Connection tracking, from its sysctls, ctnetlink and /proc/net.
#pragma once

#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/facts/conntrack.h"
#include "core/facts/facts.h"
#include "core/kernel/netlink.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

// Entries of the namespace now; nullopt where the kernel does not track connections (module nf_conntrack is not there).
[[nodiscard]] Result<std::optional<std::uint64_t>> count_of_conntrack(const FileTree& files);

// The namespace's row. A kernel without connection tracking has 0 entries and no limit.
[[nodiscard]] Result<facts::Conntrack> read_conntrack(const FileTree& files);

// One row a timeout sysctl of the namespace; none without connection tracking.
[[nodiscard]] Result<std::vector<facts::ConntrackTimeout>> read_conntrack_timeouts(const FileTree& files,
                                                                                   facts::Facts& pool);

// Counters of each processor, by IPCTNL_MSG_CT_GET_STATS_CPU. Needs CAP_NET_ADMIN.
[[nodiscard]] Result<std::vector<facts::ConntrackCpu>> dump_conntrack_cpu(NetlinkSocket& socket);
// The same from /proc/net/stat/nf_conntrack, which needs no privilege but is not in every kernel.
[[nodiscard]] Result<std::vector<facts::ConntrackCpu>> read_conntrack_cpu(const FileTree& files);
[[nodiscard]] std::vector<facts::ConntrackCpu> parse_conntrack_stat(std::string_view text);

// The table's entries counted by kind, from IPCTNL_MSG_CT_GET. family: AF_UNSPEC for both. Needs CAP_NET_ADMIN.
[[nodiscard]] Result<std::vector<facts::ConntrackEntries>> count_conntrack(NetlinkSocket& socket, std::uint8_t family,
                                                                           facts::Facts& pool);
// The same from /proc/net/nf_conntrack, for kernels without ctnetlink. At most 16 MiB of it (some 80,000 entries).
[[nodiscard]] Result<std::vector<facts::ConntrackEntries>> count_conntrack_file(const FileTree& files,
                                                                                facts::Facts& pool);

// Counts of one kind of entry; what the hot loop of a dump adds to.
class ConntrackCounts {
 public:
  // One IPCTNL_MSG_CT_NEW message. false when it cannot be read.
  [[nodiscard]] bool add(const nlmsghdr& message);
  // A line of /proc/net/nf_conntrack.
  [[nodiscard]] bool add_line(std::string_view line);
  void clear() { kinds_.clear(); }
  [[nodiscard]] std::vector<facts::ConntrackEntries> rows(facts::Facts& pool) const;

 private:
  struct Kind {
    std::uint32_t code = 0;  // family, protocol, state and flags in one number
    std::uint64_t entries = 0;
  };
  void count(std::uint8_t family, std::uint8_t protocol, std::uint8_t state, std::uint32_t status);
  std::vector<Kind> kinds_;  // at most some dozens: a search through them beats a map
};

}  // namespace hostcheck::kernel
