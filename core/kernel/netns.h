// Network namespaces: finding, naming and entering them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace hostcheck::kernel {

// A namespace that could be found. Its name is what reports use: "init" for the first one, the name under
// /run/netns, "pid:N" for one that only processes hold (N: the lowest of them).
struct NetnsInfo {
  std::string name;
  std::uint64_t inode = 0;
  std::string path;  // what to open(2) to enter it
  // Open on it where no path can be relied on: the namespace that hostcheck was started in. Else nullptr.
  std::shared_ptr<const UniqueFd> opened;
  bool first = false;
  bool here = false;
  bool asked = false;  // the run looks at it; not set by the functions below
  std::uint32_t processes = 0;
  pid_t first_pid = 0;
  std::string first_command;
};

// All that /run/netns and /proc show, the first namespace first, then by name. scan_processes: look at every process's
// /proc/PID/ns/net (costs one readlink a process); otherwise only this process's, process 1's and /run/netns.
// What cannot be read (other users' processes without privilege) is left out and counted in unseen.
struct NetnsList {
  std::vector<NetnsInfo> namespaces;
  std::uint32_t unseen = 0;  // processes whose namespace could not be read
};
[[nodiscard]] Result<NetnsList> list_namespaces(bool scan_processes);

// The namespace by that name: as in NetnsInfo, "pid:N", or a path. Error (code invalid) names the nearest name.
[[nodiscard]] Result<NetnsInfo> find_namespace(std::string_view name);
// The one the calling thread is in.
[[nodiscard]] Result<NetnsInfo> current_namespace();

// Whether the namespace's path still leads to it. What is kept open in a namespace keeps it: to be asked before going
// on with it. Costs one stat(2).
[[nodiscard]] bool is_there(const NetnsInfo& netns);

// Moves the calling thread into a namespace for the object's life and back afterwards. A run is single-threaded while
// it gathers, so the process as a whole moves.
class NetnsScope {
 public:
  // Entering the namespace that one is in already costs nothing and needs no privilege.
  [[nodiscard]] static Result<NetnsScope> enter(const NetnsInfo& target);
  NetnsScope(NetnsScope&& other) noexcept = default;
  NetnsScope& operator=(NetnsScope&&) = delete;
  ~NetnsScope();

 private:
  explicit NetnsScope(UniqueFd back) : back_(std::move(back)) {}
  UniqueFd back_;
};

}  // namespace hostcheck::kernel
