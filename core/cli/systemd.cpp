#include "core/cli/systemd.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/text.h"

namespace hostcheck::cli {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

// A path, or with @ a name in the abstract namespace. 0 where it does not fit.
socklen_t fill_address(std::string_view name, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() >= sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
}

Result<void> send_to(const UniqueFd& socket, std::string_view where, std::string_view bytes) {
  sockaddr_un address{};
  const socklen_t size = fill_address(where, address);
  if (size == 0) return unexpected(make_error(ErrorCode::invalid, "send to", where, "no address of a socket"));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  while (::sendto(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, generic, size) < 0) {
    if (errno != EINTR) return unexpected(errno_error(errno, "send to", where));
  }
  return {};
}

UniqueFd datagram_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Whoever does not read must not hold up what is watched.
  const timeval limit{1, 0};
  if (socket.valid()) ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return socket;
}

bool is_stream(int fd, std::string_view told) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && told == fmt::format("{}:{}", status.st_dev, status.st_ino);
}

}  // namespace

ServiceManager::ServiceManager() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr) return;
  address_ = address;
  socket_ = datagram_socket();
  const char* watchdog = std::getenv("WATCHDOG_USEC");
  const char* of = std::getenv("WATCHDOG_PID");
  const auto limit = watchdog == nullptr ? std::nullopt : parse_number<std::int64_t>(watchdog);
  if (limit && *limit > 0 && (of == nullptr || std::to_string(::getpid()) == of)) watchdog_ = microseconds(*limit);
}

void ServiceManager::send(const std::string& lines) const {
  // A manager that does not listen is not told; the watch goes on.
  if (socket_.valid()) static_cast<void>(send_to(socket_, address_, lines));
}

void ServiceManager::ready(std::string_view status) const {
  send(fmt::format("READY=1\nSTATUS={}\n", status));
}

void ServiceManager::reloading() const {
  const auto now = duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch());
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n", now.count()));
}

void ServiceManager::stopping() const {
  send("STOPPING=1\n");
}

void ServiceManager::alive() {
  const auto now = std::chrono::steady_clock::now();
  if (!watchdog_ || now < next_alive_) return;
  next_alive_ = now + *watchdog_ / 4;
  send("WATCHDOG=1\n");
}

Result<Journal> Journal::open() {
  UniqueFd socket = datagram_socket();
  if (!socket.valid()) return unexpected(errno_error(errno, "socket", kSocket));
  struct stat status {};
  if (::stat(kSocket, &status) != 0) return unexpected(errno_error(errno, "find the journal", kSocket));
  return Journal(std::move(socket));
}

bool Journal::is_output() {
  const char* told = std::getenv("JOURNAL_STREAM");
  return told != nullptr && (is_stream(STDOUT_FILENO, told) || is_stream(STDERR_FILENO, told));
}

std::string journal_entry(std::span<const Journal::Field> fields) {
  std::string bytes;
  for (const auto& [name, value] : fields) {
    if (value.find('\n') == std::string::npos) {
      bytes += name + "=" + value + "\n";
      continue;
    }
    bytes += name + "\n";
    for (unsigned byte = 0; byte < 8; ++byte) {
      bytes += static_cast<char>(static_cast<std::uint64_t>(value.size()) >> (8 * byte) & 0xff);
    }
    bytes += value + "\n";
  }
  return bytes;
}

Result<void> Journal::send(std::span<const Field> fields) const {
  return send_to(socket_, kSocket, journal_entry(fields));
}

}  // namespace hostcheck::cli
