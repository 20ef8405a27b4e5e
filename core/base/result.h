// Errors as values. Every function that can fail returns Result<T>; no exception leaves the room it was thrown in.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace hostcheck {

// Why something could not be done, in the terms that a report needs.
enum class ErrorCode {
  denied,       // EPERM, EACCES: more privilege would help
  unsupported,  // this kernel, driver or device does not offer it
  vanished,     // it was there and went away (ENOENT, ENODEV, ESRCH)
  failed,       // the kernel or a library answered with another error
  invalid,      // input from a person or a file is wrong
  limit,        // a bound of ours was reached (time, memory, steps)
};

// "denied", "unsupported", ...
[[nodiscard]] std::string_view name_of(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::failed;
  int sys_errno = 0;      // errno that the kernel gave, 0 where there is none
  std::string operation;  // what was tried, e.g. "RTM_GETROUTE dump"
  std::string object;     // on what, e.g. "/proc/net/snmp", "eth0", "rules/tcp/x.toml:12"
  std::string detail;     // more words where errno does not say enough; may be empty

  // One line for people: "open /proc/x: Permission denied".
  [[nodiscard]] std::string message() const;
};

// Error of a failed system call; the code follows from err (an errno value, positive).
[[nodiscard]] Error errno_error(int err, std::string_view operation, std::string_view object = {});
// Error without an errno.
[[nodiscard]] Error make_error(ErrorCode code, std::string_view operation, std::string_view object,
                               std::string_view detail);

template <typename T>
using Result = tl::expected<T, Error>;
using tl::unexpected;

}  // namespace hostcheck
