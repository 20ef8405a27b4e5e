#include "core/kernel/netns.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "core/base/text.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {
namespace {

constexpr std::string_view kRunNetns = "/run/netns";
constexpr const char* kThreadNetns = "/proc/thread-self/ns/net";

Result<std::uint64_t> inode_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return unexpected(errno_error(errno, "stat", path));
  return status.st_ino;
}

std::string command_of(pid_t pid) {
  const auto comm = FileTree().read("/proc/" + std::to_string(pid) + "/comm");
  return comm ? std::string(trim(*comm)) : std::string{};
}

}  // namespace

Result<NetnsInfo> current_namespace() {
  auto list = list_namespaces(false);
  if (!list) return unexpected(list.error());
  for (NetnsInfo& each : list->namespaces) {
    if (each.here) return std::move(each);
  }
  return unexpected(make_error(ErrorCode::failed, "namespace of this process", {}, "not found"));
}

Result<NetnsList> list_namespaces(bool scan_processes) {
  NetnsList list;
  std::map<std::uint64_t, NetnsInfo> by_inode;
  const auto here = inode_of(kThreadNetns);
  if (!here) return unexpected(here.error());

  if (const auto first = inode_of("/proc/1/ns/net")) {
    NetnsInfo& info = by_inode[*first];
    info.name = "init";
    info.path = "/proc/1/ns/net";
    info.first = true;
  } else if (first.error().code == ErrorCode::denied) {
    ++list.unseen;
  }
  if (const auto names = FileTree().list(kRunNetns)) {
    for (const std::string& name : *names) {
      const std::string path = std::string(kRunNetns) + "/" + name;
      const auto inode = inode_of(path);
      struct stat parent {};
      // A name whose namespace is not mounted on it is a plain file on /run: left over, no namespace.
      if (!inode || ::stat(std::string(kRunNetns).c_str(), &parent) != 0) continue;
      struct stat status {};
      if (::stat(path.c_str(), &status) != 0 || status.st_dev == parent.st_dev) continue;
      NetnsInfo& info = by_inode[*inode];
      if (info.name.empty()) {
        info.name = name;
        info.path = path;
      }
    }
  }
  if (scan_processes) {
    const FileTree tree;
    auto entries = tree.list("/proc");
    if (!entries) return unexpected(entries.error());
    std::vector<pid_t> pids;
    for (const std::string& entry : *entries) {
      if (const auto pid = parse_number<pid_t>(entry)) pids.push_back(*pid);
    }
    std::sort(pids.begin(), pids.end());
    for (const pid_t pid : pids) {
      const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
      const auto link = tree.read_link(path);
      if (!link) {
        if (link.error().code == ErrorCode::denied) ++list.unseen;
        continue;
      }
      const auto open = link->find('[');
      const auto inode =
          open == std::string::npos
              ? std::nullopt
              : parse_number<std::uint64_t>(std::string_view(*link).substr(open + 1, link->size() - open - 2));
      if (!inode) continue;
      NetnsInfo& info = by_inode[*inode];
      ++info.processes;
      if (info.first_pid == 0) info.first_pid = pid;
      if (info.name.empty()) {
        info.name = "pid:" + std::to_string(pid);
        info.path = path;
      }
    }
  }
  if (NetnsInfo& info = by_inode[*here]; info.name.empty()) {
    // Process 1 of this pid namespace may be unreadable to an ordinary user; then where we are is named by our own
    // process.
    info.name = "here";
    info.path = kThreadNetns;
  }
  by_inode[*here].here = true;
  for (auto& [inode, info] : by_inode) {
    info.inode = inode;
    if (info.first_pid != 0) info.first_command = command_of(info.first_pid);
    list.namespaces.push_back(std::move(info));
  }
  std::sort(list.namespaces.begin(), list.namespaces.end(),
            [](const NetnsInfo& a, const NetnsInfo& b) { return a.first != b.first ? a.first : a.name < b.name; });
  return list;
}

Result<NetnsInfo> find_namespace(std::string_view name) {
  auto quick = list_namespaces(false);
  if (!quick) return unexpected(quick.error());
  std::vector<std::string> names;
  for (NetnsInfo& each : quick->namespaces) {
    if (each.name == name || each.path == name) return std::move(each);
    names.push_back(each.name);
  }
  std::string path;
  if (name.starts_with("pid:")) path = "/proc/" + std::string(name.substr(4)) + "/ns/net";
  if (name.starts_with("/")) path = name;
  if (path.empty()) {
    return unexpected(make_error(ErrorCode::invalid, "--netns", name, "no such namespace" + did_you_mean(name, names)));
  }
  const auto inode = inode_of(path);
  if (!inode) return unexpected(inode.error());
  NetnsInfo info;
  info.name = name;
  info.path = path;
  info.inode = *inode;
  for (NetnsInfo& each : quick->namespaces) {
    if (each.inode == *inode) return std::move(each);
  }
  return info;
}

Result<NetnsScope> NetnsScope::enter(const NetnsInfo& target) {
  const auto here = inode_of(kThreadNetns);
  if (here && *here == target.inode) return NetnsScope(UniqueFd{});
  UniqueFd back(::open(kThreadNetns, O_RDONLY | O_CLOEXEC));
  if (!back.valid()) return unexpected(errno_error(errno, "open", kThreadNetns));
  const UniqueFd there(::open(target.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!there.valid()) return unexpected(errno_error(errno, "enter namespace", target.name));
  if (::setns(there.get(), CLONE_NEWNET) != 0) return unexpected(errno_error(errno, "enter namespace", target.name));
  return NetnsScope(std::move(back));
}

NetnsScope::~NetnsScope() {
  if (!back_.valid()) return;
  // Staying in a foreign namespace would make every later fact a lie.
  if (::setns(back_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace hostcheck::kernel
