// Files of reports and snapshots into a Store: read in one thread while another sends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/fleet/store.h"

namespace hostcheck::fleet {

// What tells hosts apart.
enum class HostBy { name, machine_id, file };

struct LoadSummary {
  std::size_t added = 0;      // hosts that were not there
  std::size_t replaced = 0;   // hosts whose former rows went
  std::size_t unchanged = 0;  // the same run is loaded already
  std::size_t older = 0;      // a newer run is loaded already
  std::size_t failed = 0;     // files, or reports in them, that could not be taken
  std::size_t rows = 0;
};

// Called from another thread than load()'s, never two at once.
struct LoadWatch {
  std::function<void(const Error&)> failed;
  std::function<void(const std::string&)> skipped;  // in words: why a file's run was not taken
  std::function<void(std::size_t)> read;            // so many files by now
};

struct Found {
  std::vector<std::string> files;  // in the order in which they are loaded
  std::size_t left_out = 0;        // files in the folders that are neither *.json, *.jsonl, *.ndjson, *.db nor *.sqlite
  std::vector<Error> errors;       // paths that cannot be read
};
// Files as they are given; of folders, with those below them, the files that reports and snapshots have.
[[nodiscard]] Found find_files(const std::vector<std::string>& paths);

// Error: the database failed; what was loaded before stays.
[[nodiscard]] Result<LoadSummary> load(Store& store, const std::vector<std::string>& files, HostBy by,
                                       const LoadWatch& watch);

}  // namespace hostcheck::fleet
