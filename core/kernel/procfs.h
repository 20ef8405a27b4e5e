// Files under /proc, /sys and /etc, read whole. Tests hand in another root.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace hostcheck::kernel {

// What a folder holds.
struct FileEntry {
  std::string name;
  bool folder = false;
};

// Of stat(2), without following a link and without mounting what is mounted on demand.
struct FileStatus {
  std::uint32_t mode = 0;    // st_mode
  std::uint64_t device = 0;  // st_dev
};

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
  // The same with their kind.
  [[nodiscard]] Result<std::vector<FileEntry>> entries(std::string_view path) const;
  [[nodiscard]] Result<FileStatus> status(std::string_view path) const;
  [[nodiscard]] bool exists(std::string_view path) const { return status(path).has_value(); }
  // A file that is known to be short, into content, which keeps its memory between calls. A file of /proc/sys is given
  // by one read(2) as a whole; longer than 64 KiB is an Error (code limit). content is untouched on failure.
  [[nodiscard]] Result<void> read_short(std::string_view path, std::string& content) const;
  // Where a symbolic link points.
  [[nodiscard]] Result<std::string> read_link(std::string_view path) const;
  [[nodiscard]] std::string real_path(std::string_view path) const;

 private:
  std::string root_;
};

// A short file under /proc/sys that is read again and again. Under /proc/sys/net it stays the one of the namespace in
// which it was opened, which it does not keep.
class SettingFile {
 public:
  [[nodiscard]] static Result<SettingFile> open(std::string_view path);
  // As it is now, without what is past its first 128 bytes.
  [[nodiscard]] Result<std::string> read() const;

 private:
  SettingFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
};

}  // namespace hostcheck::kernel
