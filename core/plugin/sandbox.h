// What a plugin's process gives up before it runs any of the plugin's code. Nothing here can be undone by the process.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace hostcheck::plugin {

// Bytes that a process has.
struct Footprint {
  std::size_t address_space = 0;
  std::size_t data = 0;  // private and writable
};
// This process's; a child begins with the same.
[[nodiscard]] Footprint present_footprint();

struct Confinement {
  std::chrono::milliseconds time{1000};   // of the processor, rounded up to seconds; the clock is the parent's matter
  Footprint before;                       // what the process began with: a limit below would make each allocation fail
  std::size_t memory_bytes = 64UL << 20;  // beyond that
  std::vector<std::string> capabilities;  // kept; all others are dropped, from the bounding set too
};

// Takes every capability out of the bounding set, so that no program that the process or a child of it might run could
// have one. Without the privilege nothing happens.
void empty_bounding_set();

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
