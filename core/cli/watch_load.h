// What a watch judges by, and how it is loaded anew while the watch goes on: what cannot be used any more stays as it
// was.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/cli/catalogue.h"
#include "core/cli/options.h"
#include "core/cli/plan.h"
#include "core/sql/database.h"

namespace hostcheck::cli {

// One file that rules, plugins or options come from, as it was.
struct FileState {
  std::string path;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;
  auto operator<=>(const FileState&) const = default;
};
// Every file of the rules' and plugins' folders, and the configuration: equal as long as none of them changes.
[[nodiscard]] std::vector<FileState> files_of(const WatchOptions& options);

struct Loaded {
  WatchOptions options;
  Catalogue catalogue;
  sql::Database database;
  Plan plan;
  std::vector<std::string> refused;  // files that cannot be used, each with the reason and with what stays in its place

  [[nodiscard]] std::size_t checks() const;
};
// former: what was loaded before; nullptr the first time. Error: nothing of it can be used.
[[nodiscard]] Result<std::unique_ptr<Loaded>> load(WatchOptions options, const Loaded* former);

}  // namespace hostcheck::cli
