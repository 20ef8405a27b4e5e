// Processes as /proc shows them: who holds which socket, and what can be said of a process.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

// How far a search for holders goes.
enum class SearchExtent : std::uint8_t {
  until_found,  // one holder of each socket is enough
  whole_round,  // the same, but every process is looked at: the first 64 descriptors of each
  everything,   // every descriptor of every process
};

struct HolderSearch {
  std::span<const std::uint32_t> inodes;  // of the sockets, not 0, each once
  std::uint64_t netns_inode = 0;          // their namespace: its processes are looked at first
  SearchExtent extent = SearchExtent::until_found;
  // How many descriptors beyond the first 64 of each process to look at for those that were not found there: a socket
  // of the kernel itself or of a process that cannot be read is not worth all descriptors of a busy server.
  std::size_t more_descriptors = 16384;
  // How many descriptors of processes in other namespaces are looked at: a socket of the kernel has no holder to be
  // found, and a host's containers may have hundreds of thousands.
  std::size_t most_foreign = 10'000;
};

// A process has a descriptor of a socket; position: the socket's in HolderSearch::inodes.
struct Holding {
  std::uint32_t pid = 0;
  std::uint32_t position = 0;
  friend auto operator<=>(const Holding&, const Holding&) = default;
};

struct HoldersFound {
  std::vector<Holding> holdings;  // by pid and position, each pair once
  // Sockets without a holder: the kernel's own, those under way between processes, or unseen.
  std::uint32_t not_found = 0;
  bool cut_short = false;        // some were not found, and not every descriptor was looked at
  std::uint32_t unreadable = 0;  // processes whose descriptors could not be read for lack of privilege
};

// The first 64 descriptors of every process, then the next of each: sockets of servers have low numbers, and a process
// with very many descriptors does not delay the others. Of processes of other namespaces, to which a socket can have
// been handed, only the first 64. Processes that vanish meanwhile are passed over.
[[nodiscard]] Result<HoldersFound> find_holders(const FileTree& files, const HolderSearch& search);

// Whether processes outside of this process's pid namespace exist that /proc does not show.
[[nodiscard]] bool in_nested_pid_namespace();

// /proc/PID/comm and /proc/PID/cmdline: arguments parted by blanks, at most 256 bytes, bytes that are not printable
// ASCII as \xNN. "" where the process has vanished or has none.
[[nodiscard]] std::string process_name(const FileTree& files, std::uint32_t pid);
[[nodiscard]] std::string process_command(const FileTree& files, std::uint32_t pid);
// Path in the unified hierarchy or, where that is not used, in systemd's. "" where unknown.
[[nodiscard]] std::string process_cgroup(const FileTree& files, std::uint32_t pid);

struct ProcessStat {
  char state = '?';
  std::uint32_t threads = 0;
  std::uint64_t start_ticks = 0;  // since boot, in units of 1/sysconf(_SC_CLK_TCK) s
  std::uint64_t cpu_ticks = 0;    // used by all its threads, in user and kernel mode; the same unit
};
[[nodiscard]] Result<ProcessStat> process_stat(const FileTree& files, std::uint32_t pid);
// Effective user.
[[nodiscard]] Result<std::uint32_t> process_uid(const FileTree& files, std::uint32_t pid);

struct DescriptorLimits {
  std::optional<std::uint64_t> soft;  // nullopt: unlimited
  std::optional<std::uint64_t> hard;
};
[[nodiscard]] Result<DescriptorLimits> process_descriptor_limits(const FileTree& files, std::uint32_t pid);
// Open descriptors.
[[nodiscard]] Result<std::uint64_t> process_descriptors(const FileTree& files, std::uint32_t pid);

// Seconds since boot, as processes' start times count.
[[nodiscard]] Result<std::uint64_t> uptime_s(const FileTree& files);
// The user's name in /etc/passwd; "" where it has none.
[[nodiscard]] std::string user_name(const FileTree& files, std::uint32_t uid);

}  // namespace hostcheck::kernel
