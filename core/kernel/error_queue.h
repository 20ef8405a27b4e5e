// The error queue of a socket (IP_RECVERR, ip(7)): which ICMP error came for what it sent, and from whom. Needs no
// privilege.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/base/address.h"
#include "core/base/result.h"

namespace hostcheck::kernel {

enum class ErrorOrigin : std::uint8_t { none, local, icmp, icmp6 };

// One error, struct sock_extended_err of linux/errqueue.h.
struct SocketError {
  ErrorOrigin origin = ErrorOrigin::none;
  int sys_errno = 0;          // what the kernel makes of it
  std::uint8_t type = 0;      // ICMP's
  std::uint8_t code = 0;      // ICMP's
  std::uint32_t info = 0;     // the next hop's MTU, bytes, of EMSGSIZE
  IpAddress from;             // who sent the ICMP message; empty for local errors
  IpAddress to;               // where the packet was for
  std::uint16_t to_port = 0;  // and its port; 0 where the kernel does not tell
  // What the ICMP message quotes: from the transport header on; from the IP header for raw sockets with IP_HDRINCL.
  // Lies in the buffer that read_error() was given.
  std::span<const std::uint8_t> bytes;
  std::chrono::nanoseconds at{0};  // CLOCK_REALTIME; 0 without ask_timestamps()
};

// IP_RECVERR or IPV6_RECVERR.
[[nodiscard]] Result<void> ask_errors(int fd, Family family);
// The next error that waits; nullopt when none does. A socket with one is readable() in the sense of poll(2)'s POLLERR.
[[nodiscard]] Result<std::optional<SocketError>> read_error(int fd, std::span<std::uint8_t> buffer);
// Takes the socket's pending error (SO_ERROR), an errno value or 0.
[[nodiscard]] int take_error(int fd);

// "port unreachable", "administratively prohibited", "time exceeded", ... as the RFCs call it; type and code as numbers
// for others.
[[nodiscard]] std::string icmp_words(ErrorOrigin origin, std::uint8_t type, std::uint8_t code);
// "ICMP host unreachable from 10.0.0.1", "no route to host (this host)": the whole of it.
[[nodiscard]] std::string words_of(const SocketError& error);

}  // namespace hostcheck::kernel
