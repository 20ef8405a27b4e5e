#include "core/cli/console.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "core/cli/exit_status.h"
#include "core/report/layout.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

// 0, or the errno of what went wrong.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

// The file itself where path is a link to one.
fs::path target_of(const std::string& path) {
  std::error_code error;
  fs::path real = fs::weakly_canonical(path, error);
  return error ? fs::absolute(path, error) : real;
}

bool is_special(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

mode_t mode_for_new_files() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

Result<void> write_in_place(const fs::path& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return unexpected(errno_error(errno, "open", path.string()));
  if (const int error = write_all(fd.get(), text); error != 0)
    return unexpected(errno_error(error, "write", path.string()));
  return {};
}

}  // namespace

bool print(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error != 0 && error != EPIPE) complain(errno_error(error, "write", "standard output").message());
  return error == 0;
}

void complain(std::string_view message) {
  print_error("hostcheck: " + report::printable(message) + "\n");
}

void print_error(std::string_view text) {
  static_cast<void>(write_all(STDERR_FILENO, text));  // nobody is left to be told of a failure
}

int fail(const Error& error) {
  complain(error.message());
  return error.code == ErrorCode::invalid ? kExitUsage : kExitUnknown;
}

Result<void> can_write_whole(const std::string& path) {
  const fs::path target = target_of(path);
  const bool special = is_special(target);
  std::error_code ignored;
  if (fs::is_directory(target, ignored)) return unexpected(errno_error(EISDIR, "write", path));
  const fs::path folder = target.parent_path().empty() ? fs::path(".") : target.parent_path();
  const fs::path place = special ? target : folder;
  if (::access(place.c_str(), W_OK) != 0) return unexpected(errno_error(errno, "write", path));
  return {};
}

Result<void> write_whole(const std::string& path, std::string_view text) {
  return write_whole(path, text, mode_for_new_files());
}

Result<void> write_whole(const std::string& path, std::string_view text, unsigned mode) {
  const fs::path target = target_of(path);
  if (is_special(target)) return write_in_place(target, text);
  std::string beside = target.string() + ".XXXXXX";
  const UniqueFd fd(::mkostemp(beside.data(), O_CLOEXEC));
  if (!fd.valid()) return unexpected(errno_error(errno, "write", path));
  int error = write_all(fd.get(), text);
  if (error == 0 && ::fchmod(fd.get(), mode) != 0) error = errno;
  if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
  if (error == 0 && ::rename(beside.c_str(), target.c_str()) != 0) error = errno;
  if (error == 0) return {};
  ::unlink(beside.c_str());
  return unexpected(errno_error(error, "write", path));
}

bool use_colour(Colour colour, bool to_file) {
  if (colour != Colour::automatic) return colour == Colour::always;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (to_file || (no_colour != nullptr && *no_colour != '\0')) return false;
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
  return ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace hostcheck::cli
