#include "core/kernel/sysctl.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <map>
#include <unordered_set>

#include <sys/stat.h>

#include "core/base/text.h"

namespace hostcheck::kernel {
namespace {

constexpr std::string_view kRoot = "/proc/sys/";

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

std::optional<std::int64_t> parse_setting(std::string_view word) {
  if (const auto value = parse_number<std::int64_t>(word)) return value;
  if (parse_number<std::uint64_t>(word)) return std::numeric_limits<std::int64_t>::max();
  return std::nullopt;
}

// The three parts of net.FAMILY.{conf,neigh}.IF.key: where IF begins and how long it is.
std::optional<std::pair<std::size_t, std::size_t>> interface_part(std::string_view name) {
  if (!name.starts_with("net.")) return std::nullopt;
  const std::size_t family_end = name.find('.', 4);
  if (family_end == std::string_view::npos) return std::nullopt;
  for (const std::string_view kind : {".conf.", ".neigh."}) {
    if (!name.substr(family_end).starts_with(kind)) continue;
    const std::size_t begin = family_end + kind.size();
    const std::size_t end = name.find('.', begin);
    if (end == std::string_view::npos) return std::nullopt;
    return std::pair(begin, end - begin);
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(const FileTree& files, const SysctlVisitor& visit) : files_(files), visit_(visit) {}

  // false: it does not exist
  bool read(std::string_view name) {
    if (seen_.contains(std::string(name))) return true;
    path_ = kRoot;
    path_ += swap_sysctl_separators(name);
    const auto done = files_.read_short(path_, content_);
    if (!done && done.error().code == ErrorCode::vanished) return false;
    seen_.emplace(name);
    if (done) {
      visit_(name, std::string_view(content_));
    } else if (is_failure(done.error())) {
      visit_(name, unexpected(done.error()));
    }
    return true;
  }

  // Every setting below the folder (path below /proc/sys) that matches one of the patterns.
  void walk(const std::string& folder, const std::vector<std::string>& patterns, std::uint64_t device) {
    const std::string path = std::string(kRoot) + folder;
    const auto entries = files_.entries(path);
    if (!entries) {
      if (entries.error().code != ErrorCode::vanished) {
        visit_(swap_sysctl_separators(folder), unexpected(entries.error()));
      }
      return;
    }
    for (const FileEntry& entry : *entries) {
      const std::string below = folder + "/" + entry.name;
      if (!entry.folder) {
        const std::string name = swap_sysctl_separators(below);
        if (matches_any(patterns, name)) (void)read(name);
      } else if (const auto status = files_.status(path + "/" + entry.name); status && status->device == device) {
        walk(below, patterns, device);
      }
    }
  }

  // FOLDER.*.KEY for several keys, where folder holds one folder for each interface and nothing deeper.
  void read_interfaces(const std::string& folder, const std::vector<std::string>& keys) {
    const auto entries = files_.entries(std::string(kRoot) + folder);
    if (!entries) {
      if (entries.error().code != ErrorCode::vanished) {
        visit_(swap_sysctl_separators(folder), unexpected(entries.error()));
      }
      return;
    }
    for (const FileEntry& entry : *entries) {
      if (!entry.folder) continue;
      for (const std::string& key : keys) (void)read(swap_sysctl_separators(folder + "/" + entry.name + "/" + key));
    }
  }

 private:
  static bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& each) { return glob_match(each, name); });
  }

  bool is_failure(const Error& error) const {
    if (error.sys_errno == EIO) return !path_.ends_with("/stable_secret");
    if (error.sys_errno == EISDIR) return false;
    if (error.code != ErrorCode::denied) return true;
    const auto status = files_.status(path_);
    return !status || (status->mode & (S_IRUSR | S_IRGRP | S_IROTH)) != 0;
  }

  const FileTree& files_;
  const SysctlVisitor& visit_;
  std::unordered_set<std::string> seen_;
  std::string path_;
  std::string content_;
};

struct PatternGroups {
  std::map<std::string, std::vector<std::string>> interfaces;  // net/FAMILY/conf -> keys, for net.FAMILY.conf.*.KEY
  std::map<std::string, std::vector<std::string>> folders;     // deepest folder without a wildcard -> patterns
};

PatternGroups group(const std::vector<std::string>& patterns) {
  PatternGroups groups;
  for (const std::string& pattern : patterns) {
    const std::size_t wild = pattern.find_first_of("*?");
    const std::size_t folder_end = pattern.rfind('.', wild);
    // "n*" begins in no folder of ours: it means both.
    if (folder_end == std::string::npos) {
      for (const char* folder : {"net", "fs"}) groups.folders[folder].push_back(pattern);
      continue;
    }
    const std::string folder = swap_sysctl_separators(std::string_view(pattern).substr(0, folder_end));
    const std::string rest = pattern.substr(folder_end + 1);
    const bool of_interfaces = folder.ends_with("/conf") || folder.ends_with("/neigh");
    if (of_interfaces && rest.starts_with("*.") && !has_wildcard(rest.substr(2)) &&
        rest.find('.', 2) == std::string::npos) {
      groups.interfaces[folder].push_back(swap_sysctl_separators(rest.substr(2)));
    } else {
      groups.folders[folder].push_back(pattern);
    }
  }
  return groups;
}

}  // namespace

std::string swap_sysctl_separators(std::string_view name) {
  std::string swapped(name);
  for (char& c : swapped) {
    if (c == '.') {
      c = '/';
    } else if (c == '/') {
      c = '.';
    }
  }
  return swapped;
}

std::string sysctl_ifname(std::string_view name) {
  const auto part = interface_part(name);
  if (!part) return {};
  std::string ifname(name.substr(part->first, part->second));
  std::replace(ifname.begin(), ifname.end(), '/', '.');
  return ifname;
}

void parse_sysctl(std::string_view content, facts::Sysctl& row) {
  const std::string_view text = trim(content);
  row.text = text;
  row.value = row.v1 = row.v2 = row.v3 = std::nullopt;
  std::array<std::optional<std::int64_t>, 3> first;
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
    const auto number = parse_setting(text.substr(at, end - at));
    if (!number) return;
    if (count < first.size()) first[count] = number;
    ++count;
    at = std::min(text.find_first_not_of(" \t\n", end), text.size());
  }
  if (count == 1) row.value = first[0];
  row.v1 = first[0];
  row.v2 = first[1];
  row.v3 = first[2];
}

SysctlSelection select_sysctls(const std::optional<std::vector<std::string>>& patterns) {
  const SysctlSelection everything{{}, {"net.*", "fs.*"}};
  if (!patterns) return everything;
  SysctlSelection selection;
  for (const std::string& pattern : *patterns) {
    if (pattern.find('[') != std::string::npos) return everything;  // SQLite's GLOB knows more than glob_match()
    const std::string_view start = std::string_view(pattern).substr(0, pattern.find_first_of("*?"));
    const bool ours = start.starts_with("net.") || start.starts_with("fs.") ||
                      (start.size() < pattern.size() &&
                       (std::string_view("net.").starts_with(start) || std::string_view("fs.").starts_with(start)));
    // binfmt_misc is mounted on demand, which is not for a reader to do.
    if (start.starts_with("fs.binfmt_misc.")) continue;
    if (!ours || pattern.find("..") != std::string::npos || pattern.find("//") != std::string::npos) continue;
    (has_wildcard(pattern) ? selection.patterns : selection.names).push_back(pattern);
  }
  return selection;
}

std::vector<std::string> read_sysctls(const FileTree& files, const SysctlSelection& selection,
                                      const SysctlVisitor& visit) {
  Reader reader(files, visit);
  std::vector<std::string> missing;
  for (const std::string& name : selection.names) {
    if (!reader.read(name)) missing.push_back(name);
  }
  if (selection.patterns.empty()) return missing;
  const PatternGroups groups = group(selection.patterns);
  for (const auto& [folder, keys] : groups.interfaces) reader.read_interfaces(folder, keys);
  for (const auto& [folder, patterns] : groups.folders) {
    const auto status = files.status(std::string(kRoot) + folder);
    if (status) reader.walk(folder, patterns, status->device);
  }
  return missing;
}

bool is_secret(std::string_view name) {
  return name.ends_with(".stable_secret") || name == "net.ipv4.tcp_fastopen_key";
}

bool in_first_namespace(const FileTree& files) {
  return files.exists("/proc/sys/net/core/netdev_max_backlog");
}

bool may_be_global(std::string_view name) {
  if (!name.starts_with("net.")) return false;
  if (const auto part = interface_part(name)) {
    return name.substr(part->first, part->second) == "default";
  }
  // Gone since 4.12, and of each namespace before; the others come with a module, in every namespace at once.
  return name != "net.ipv4.tcp_tw_recycle" && !name.starts_with("net.netfilter.nf_conntrack_") &&
         !name.starts_with("net.bridge.");
}

bool shown_but_global(std::string_view name) {
  // nf_conntrack_standalone_init_sysctl(), sysctl_core_net_init() and ipv4_sysctl_init_net() make these read-only
  // elsewhere.
  static constexpr std::array<std::string_view, 8> kShown = {"net.netfilter.nf_conntrack_max",
                                                             "net.netfilter.nf_conntrack_buckets",
                                                             "net.netfilter.nf_conntrack_expect_max",
                                                             "net.core.rmem_default",
                                                             "net.core.rmem_max",
                                                             "net.core.wmem_default",
                                                             "net.core.wmem_max",
                                                             "net.ipv4.tcp_allowed_congestion_control"};
  return std::find(kShown.begin(), kShown.end(), name) != kShown.end();
}

}  // namespace hostcheck::kernel
