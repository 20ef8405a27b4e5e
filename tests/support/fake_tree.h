// A folder with a /proc, /sys and /etc of a test's own, removed with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/kernel/procfs.h"

namespace hostcheck::test {

class FakeTree {
 public:
  FakeTree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hostcheck-tree-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  FakeTree(const FakeTree&) = delete;
  FakeTree& operator=(const FakeTree&) = delete;
  ~FakeTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  // path: absolute, as on a real host.
  void write(std::string_view path, std::string_view content) const {
    const std::filesystem::path file = root_ + std::string(path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
  }
  void remove(std::string_view path) const { std::filesystem::remove_all(root_ + std::string(path)); }
  void link(std::string_view path, std::string_view target) const {
    const std::filesystem::path file = root_ + std::string(path);
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::create_symlink(target, file);
  }
  [[nodiscard]] kernel::FileTree files() const { return kernel::FileTree(root_); }

 private:
  std::string root_;
};

}  // namespace hostcheck::test
