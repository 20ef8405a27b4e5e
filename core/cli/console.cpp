#include "core/cli/console.h"

#include <cerrno>
#include <string>

#include <unistd.h>

#include "core/base/result.h"

namespace hostcheck::cli {
namespace {

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

}  // namespace

bool print(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error != 0 && error != EPIPE) complain(errno_error(error, "write", "standard output").message());
  return error == 0;
}

void complain(std::string_view message) {
  std::string line = "hostcheck: ";
  line += message;
  line += '\n';
  print_error(line);
}

void print_error(std::string_view text) {
  static_cast<void>(write_all(STDERR_FILENO, text));  // nobody is left to be told of a failure
}

}  // namespace hostcheck::cli
