#include "core/cli/trust.h"

#include <cerrno>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/embedded.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

Error refused(const std::string& path, std::string_view why) {
  return make_error(ErrorCode::denied, "refused", path, why);
}

// Owner of the running program; root where it cannot be told.
uid_t program_owner() {
  struct stat status {};
  return ::stat("/proc/self/exe", &status) == 0 ? status.st_uid : 0;
}

Result<void> require_owner_and_mode(const std::string& path, const struct stat& status, bool above) {
  const bool known = status.st_uid == 0 || status.st_uid == ::geteuid() || status.st_uid == program_owner();
  if (!known) {
    return unexpected(
        refused(path, fmt::format("it belongs to user {}, neither root nor who runs hostcheck", status.st_uid)));
  }
  if (above && (status.st_mode & S_ISVTX) != 0) return {};
  if ((status.st_mode & S_IWOTH) != 0) return unexpected(refused(path, "others can write to it (chmod o-w)"));
  const bool own_group = status.st_gid == 0 || (status.st_uid == ::geteuid() && status.st_gid == ::getegid()) ||
                         (::geteuid() != 0 && status.st_gid == ::getegid());
  if ((status.st_mode & S_IWGRP) != 0 && !own_group) {
    return unexpected(refused(path, fmt::format("group {} can write to it (chmod g-w)", status.st_gid)));
  }
  return {};
}

Result<void> require_path(const std::string& path, bool above) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return unexpected(errno_error(errno, "open", path));
  if (S_ISCHR(status.st_mode)) return {};  // /dev/null: what others write to it is not kept
  return require_owner_and_mode(path, status, above);
}

}  // namespace

Result<void> require_trusted(const std::string& path) {
  std::set<std::string> above;
  return require_trusted(path, above);
}

Result<void> require_trusted(const std::string& path, std::set<std::string>& above) {
  if (is_embedded(path)) return {};
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return unexpected(errno_error(error.value(), "open", path));
  if (auto trusted = require_path(real.string(), false); !trusted) return trusted;
  const std::string nearest = real.parent_path().string();
  for (fs::path folder = nearest; !above.contains(nearest); folder = folder.parent_path()) {
    if (auto trusted = require_path(folder.string(), true); !trusted) return trusted;
    if (folder == folder.parent_path()) above.insert(nearest);
  }
  if (!fs::is_directory(real, error)) return {};
  fs::recursive_directory_iterator entries(real, error);
  if (error) return unexpected(errno_error(error.value(), "open folder", path));
  for (; entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    if (error) return unexpected(errno_error(error.value(), "read folder", path));
    const bool matters =
        entries->is_directory(error) || entries->path().extension() == ".toml" || entries->path().extension() == ".so";
    if (!matters) continue;
    if (auto trusted = require_path(entries->path().string(), false); !trusted) return trusted;
  }
  return {};
}

}  // namespace hostcheck::cli
