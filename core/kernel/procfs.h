// Files under /proc, /sys and /etc, read whole. Tests hand in another root.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace hostcheck::kernel {

class FileTree {
 public:
  // root: "" for the real one, or a folder that holds proc/, sys/ and etc/ of a recorded host.
  explicit FileTree(std::string root = {}) : root_(std::move(root)) {}

  // The whole file at an absolute path such as "/proc/net/snmp". Paths under /proc/net and /proc/sys/net show the
  // network namespace of the calling thread: /proc/net is read as /proc/thread-self/net. At most max_bytes; longer is
  // an Error (code limit).
  [[nodiscard]] Result<std::string> read(std::string_view path, std::size_t max_bytes = 64UL << 20) const;
  // The names in a folder without "." and "..", unsorted.
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view path) const;
  // Where a symbolic link points.
  [[nodiscard]] Result<std::string> read_link(std::string_view path) const;
  [[nodiscard]] std::string real_path(std::string_view path) const;

 private:
  std::string root_;
};

}  // namespace hostcheck::kernel
