// The listening TCP sockets of the calling thread's namespace and their queues, at one moment.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/facts/observation.h"

namespace hostcheck::observe {

struct ListenerState {
  std::uint64_t id = 0;  // tells sockets apart as long as they live; what it is depends on the method
  IpAddress address;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
  std::optional<std::uint32_t> drops;  // SK_MEMINFO_DROPS, sk_drops; absent where the kernel does not tell
  std::uint32_t queue = 0;             // connections that wait to be accepted
  std::uint32_t limit = 0;             // backlog; the queue holds one more
  std::uint32_t half_open = 0;  // by sock_diag: handshakes towards its address and port, whichever socket they are of
};

// By sock_diag: one dump of the listeners, and one of all half-open connections, for which the kernel walks its whole
// table of connections.
[[nodiscard]] Result<std::vector<ListenerState>> listeners_by_sock_diag();
// By the BPF iterator behind the link: exact, and the kernel walks nothing but listeners.
[[nodiscard]] Result<std::vector<ListenerState>> listeners_by_iterator(int link_fd);

}  // namespace hostcheck::observe
