#include "core/kernel/procfs.h"

#include <array>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/unique_fd.h"

namespace hostcheck::kernel {

std::string FileTree::real_path(std::string_view path) const {
  std::string full = root_;
  if (root_.empty() && path.starts_with("/proc/net/")) {
    full = "/proc/thread-self";
    path.remove_prefix(std::string_view("/proc").size());
  }
  full += path;
  return full;
}

Result<std::string> FileTree::read(std::string_view path, std::size_t max_bytes) const {
  const UniqueFd fd(::open(real_path(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return unexpected(errno_error(errno, "open", path));
  std::string content;
  std::array<char, 4096> small;  // most files of /proc fit: no allocation of a large buffer
  while (true) {
    const ssize_t got = ::read(fd.get(), small.data(), small.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected(errno_error(errno, "read", path));
    if (got == 0) return content;
    content.append(small.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      return unexpected(
          make_error(ErrorCode::limit, "read", path, "longer than " + std::to_string(max_bytes) + " bytes"));
    }
    if (content.size() >= 3 * small.size()) break;
  }
  std::vector<char> large(128 * 1024);
  while (true) {
    const ssize_t got = ::read(fd.get(), large.data(), large.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected(errno_error(errno, "read", path));
    if (got == 0) return content;
    content.append(large.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      return unexpected(
          make_error(ErrorCode::limit, "read", path, "longer than " + std::to_string(max_bytes) + " bytes"));
    }
  }
}

Result<void> FileTree::read_short(std::string_view path, std::string& content) const {
  const UniqueFd fd(::open(real_path(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return unexpected(errno_error(errno, "open", path));
  std::array<char, 4096> part;
  std::string whole;
  while (true) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected(errno_error(errno, "read", path));
    const auto size = static_cast<std::size_t>(got);
    if (whole.empty() && size < part.size()) {
      content.assign(part.data(), size);
      return {};
    }
    whole.append(part.data(), size);
    if (got == 0) break;
    if (whole.size() > 64 * 1024) return unexpected(make_error(ErrorCode::limit, "read", path, "longer than 64 KiB"));
  }
  content = std::move(whole);
  return {};
}

Result<std::vector<FileEntry>> FileTree::entries(std::string_view path) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(real_path(path).c_str()), ::closedir);
  if (folder == nullptr) return unexpected(errno_error(errno, "open folder", path));
  std::vector<FileEntry> found;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      const auto its_status = status(std::string(path) + "/" + std::string(name));
      is_folder = its_status && S_ISDIR(its_status->mode);
    }
    found.push_back({std::string(name), is_folder});
  }
  if (errno != 0) return unexpected(errno_error(errno, "read folder", path));
  return found;
}

Result<FileStatus> FileTree::status(std::string_view path) const {
  struct stat status {};
  if (::fstatat(AT_FDCWD, real_path(path).c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
    return unexpected(errno_error(errno, "stat", path));
  }
  return FileStatus{status.st_mode, status.st_dev};
}

Result<std::vector<std::string>> FileTree::list(std::string_view path) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(real_path(path).c_str()), ::closedir);
  if (folder == nullptr) return unexpected(errno_error(errno, "open folder", path));
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return unexpected(errno_error(errno, "read folder", path));
  return names;
}

Result<std::string> FileTree::read_link(std::string_view path) const {
  std::array<char, 4096> target;
  const ssize_t got = ::readlink(real_path(path).c_str(), target.data(), target.size());
  if (got < 0) return unexpected(errno_error(errno, "read link", path));
  return std::string(target.data(), static_cast<std::size_t>(got));
}

Result<SettingFile> SettingFile::open(std::string_view path) {
  std::string name(path);
  UniqueFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return unexpected(errno_error(errno, "open", path));
  return SettingFile(std::move(fd), std::move(name));
}

Result<std::string> SettingFile::read() const {
  std::array<char, 128> content;
  const ssize_t got = ::pread(fd_.get(), content.data(), content.size(), 0);
  if (got < 0) return unexpected(errno_error(errno, "read", path_));
  return std::string(content.data(), static_cast<std::size_t>(got));
}

}  // namespace hostcheck::kernel
