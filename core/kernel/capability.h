// What this host lets hostcheck see: found by asking, never guessed from a version number. Asking changes nothing on
// the host: where it would load a module, the module's presence is looked at instead.
#pragma once

#include <string>
#include <vector>

#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

struct Capability {
  std::string name;
  bool available = false;
  std::string detail;  // how it is known, or why it is not available
  std::string lost;    // what cannot be seen without it
};

// In the order in which a person should read them. Costs less than a millisecond.
[[nodiscard]] std::vector<Capability> probe_capabilities(const FileTree& files);

// Whether this process has CAP_SYS_PTRACE, with which other users' processes can be looked into.
[[nodiscard]] bool may_trace_processes();

}  // namespace hostcheck::kernel
