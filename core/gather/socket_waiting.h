// Connections that wait for a listener: half-open ones, and those that no process has accepted yet.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/facts/socket.h"

namespace hostcheck::gather {

struct WaitingConnection {
  IpAddress local;
  std::uint16_t port = 0;
  std::uint32_t ifindex = 0;
  std::uint64_t cookie = 0;
  bool half_open = false;               // else it waits for accept(2)
  bool abandoned = false;               // it waits, and its client has closed its end
  std::optional<std::uint32_t> age_ms;  // since its last data; absent: not read
};

// Counts each at the listener that the kernel would choose for it, or at each of those that share an address by
// SO_REUSEPORT: which of these has it is not told. Sets half_open, and unaccepted with abandoned, oldest_unaccepted_ms
// and oldest_unaccepted, where they are asked for.
struct CountWhat {
  bool half_open = false;
  bool unaccepted = false;
};
void count_waiting(std::span<const WaitingConnection> waiting, CountWhat what, std::span<facts::Listener> listeners);

}  // namespace hostcheck::gather
