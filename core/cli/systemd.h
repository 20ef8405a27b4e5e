// The two datagram protocols of systemd that a service speaks: readiness (sd_notify(3)) and the journal's native
// protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). Both are lines to a socket; a library for them would be the program's
// largest.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace hostcheck::cli {

// Tells the service manager how the service is; nothing happens where $NOTIFY_SOCKET is not set.
class ServiceManager {
 public:
  ServiceManager();

  // status: one line of words for `systemctl status`.
  void ready(std::string_view status) const;
  void reloading() const;
  void stopping() const;
  // Keeps the watchdog quiet where there is one ($WATCHDOG_USEC); sends no more often than it has to.
  void alive();

 private:
  void send(const std::string& lines) const;
  UniqueFd socket_;
  std::string address_;
  std::optional<std::chrono::microseconds> watchdog_;
  std::chrono::steady_clock::time_point next_alive_;
};

// Entries of the journal, with fields.
class Journal {
 public:
  static constexpr const char* kSocket = "/run/systemd/journal/socket";

  // Error code vanished where no journal takes entries.
  [[nodiscard]] static Result<Journal> open();
  // Whether standard output or standard error goes to the journal ($JOURNAL_STREAM).
  [[nodiscard]] static bool is_output();

  using Field = std::pair<std::string, std::string>;
  // One entry. A journal that takes none for a second is an error.
  [[nodiscard]] Result<void> send(std::span<const Field> fields) const;

 private:
  explicit Journal(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

// The entry's bytes: NAME=VALUE lines; a value with a newline in it by its length.
[[nodiscard]] std::string journal_entry(std::span<const Journal::Field> fields);

}  // namespace hostcheck::cli
