#include "core/kernel/netns.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "core/base/text.h"
#include "core/kernel/procfs.h"
#include "core/kernel/sysctl.h"

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

// Where the first namespace can be opened, and its inode. Process 1 lives in it, and so do kernel threads, which a root
// without CAP_SYS_PTRACE may still look at. Neither need be visible (a process namespace of one's own, an ordinary
// user): whoever is in the first namespace can tell by the settings that only that one has.
struct FirstNamespace {
  std::string path;
  std::uint64_t inode = 0;
};
std::optional<FirstNamespace> find_first(std::uint64_t here) {
  const FileTree tree;
  if (in_first_namespace(tree)) return FirstNamespace{"/proc/self/ns/net", here};
  const auto kthreadd = tree.read("/proc/2/comm");
  const bool sees_kernel_threads = kthreadd && trim(*kthreadd) == "kthreadd";
  for (const char* path : {"/proc/1/ns/net", "/proc/2/ns/net"}) {
    if (path == std::string_view("/proc/2/ns/net") && !sees_kernel_threads) continue;
    // Process 1 of a container is where we are, which is known not to be it.
    if (const auto inode = inode_of(path); inode && *inode != here) return FirstNamespace{path, *inode};
  }
  return std::nullopt;
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

  if (const auto first = find_first(*here)) {
    NetnsInfo& info = by_inode[first->inode];
    info.name = "init";
    info.path = first->path;
    info.first = true;
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
  // The path of a thread's own namespace means another one once the thread has moved.
  UniqueFd opened(::open(kThreadNetns, O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return unexpected(errno_error(errno, "open", kThreadNetns));
  by_inode[*here].opened = std::make_shared<const UniqueFd>(std::move(opened));
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

bool is_there(const NetnsInfo& netns) {
  if (netns.here || netns.opened != nullptr) return true;
  const auto inode = inode_of(netns.path);
  return inode && *inode == netns.inode;
}

Result<NetnsScope> NetnsScope::enter(const NetnsInfo& target) {
  const auto here = inode_of(kThreadNetns);
  if (here && *here == target.inode) return NetnsScope(UniqueFd{});
  UniqueFd back(::open(kThreadNetns, O_RDONLY | O_CLOEXEC));
  if (!back.valid()) return unexpected(errno_error(errno, "open", kThreadNetns));
  UniqueFd there;
  if (target.opened == nullptr) {
    there.reset(::open(target.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!there.valid()) return unexpected(errno_error(errno, "enter namespace", target.name));
    // A name that means another namespace by now, or a plain file that its deletion leaves for a moment.
    struct stat status {};
    if (::fstat(there.get(), &status) != 0 || status.st_ino != target.inode) {
      return unexpected(make_error(ErrorCode::vanished, "enter namespace", target.name, "it is gone"));
    }
  }
  const int fd = target.opened == nullptr ? there.get() : target.opened->get();
  if (::setns(fd, CLONE_NEWNET) != 0) return unexpected(errno_error(errno, "enter namespace", target.name));
  return NetnsScope(std::move(back));
}

NetnsScope::~NetnsScope() {
  if (!back_.valid()) return;
  // Staying in a foreign namespace would make every later fact a lie.
  if (::setns(back_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace hostcheck::kernel
