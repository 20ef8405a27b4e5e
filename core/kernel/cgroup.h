// Control groups (cgroup v1 and v2, Documentation/admin-guide/cgroup-v2.rst) and pressure (PSI), as files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/facts/cgroup.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

// Where the files of a process's control group are. A folder is "" where its hierarchy is not mounted or the group lies
// outside of what this process can see.
struct CgroupFolders {
  std::string name;     // path in the hierarchy, as reports show it
  std::string unified;  // cgroup v2
  std::string cpu;      // cgroup v1, where the controllers are there
  std::string memory;   // cgroup v1
};

// The process's own control group first, then those above it up to the root, which is left out unless it is its own.
// text: of /proc/PID/cgroup.
[[nodiscard]] std::vector<CgroupFolders> cgroup_folders(const FileTree& files, std::string_view text);

// What is asked of a control group; each costs a few files.
struct CgroupWants {
  bool cpu = true;
  bool memory = true;
  bool pressure = true;
};
// Numbers of controllers that are not enabled for the group stay absent. Error: a file is there and cannot be read.
[[nodiscard]] Result<facts::CgroupLimits> read_cgroup(const FileTree& files, const CgroupFolders& folders,
                                                      const CgroupWants& wants);

// "some avg10=0.12 avg60=0.08 avg300=0.02 total=1234\nfull ...": times in ms.
struct PressureLines {
  double some_avg10 = 0;
  std::uint64_t some_ms = 0;
  std::optional<double> full_avg10;
  std::optional<std::uint64_t> full_ms;
};
[[nodiscard]] Result<PressureLines> parse_pressure(std::string_view text, std::string_view file);

}  // namespace hostcheck::kernel
