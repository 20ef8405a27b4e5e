// What a plugin's process gives up before it runs any of the plugin's code. Nothing here can be undone by the process.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace hostcheck::plugin {

struct Confinement {
  std::chrono::milliseconds time{1000};   // of the processor, rounded up to seconds; the clock is the parent's matter
  std::size_t memory_bytes = 64UL << 20;  // beyond what the process has now
  std::vector<std::string> capabilities;  // kept; all others are dropped, from the bounding set too
};

// Limits on processor time, memory, file sizes (none) and core dumps (none); no new privileges; another user than root;
// only the named capabilities; killed when the parent ends. parent: its process number.
[[nodiscard]] Result<void> give_up_privileges(const Confinement& confinement, int parent);

// System calls that a computation needs, and nothing else: no process, socket, signal to others, no file but for
// reading. A call that is not among them ends the process after its name was written to report_fd as a `failed` frame
// (wire.h). Loading a shared object works after it.
[[nodiscard]] Result<void> allow_reading_files(int report_fd);
// From now on no file can be opened either.
[[nodiscard]] Result<void> allow_no_files();

}  // namespace hostcheck::plugin
