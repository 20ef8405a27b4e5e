// The listening TCP sockets of the calling thread's namespace and their queues, at one moment.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/kernel/netlink.h"

namespace hostcheck::observe {

struct ListenerState {
  std::uint64_t cookie = 0;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
  std::optional<std::uint32_t> drops;  // SK_MEMINFO_DROPS; absent where the kernel does not tell
  std::uint32_t queue = 0;             // connections that wait to be accepted
  std::uint32_t limit = 0;             // backlog; the queue holds one more
};

// By sock_diag, which walks nothing but listeners for it.
[[nodiscard]] Result<std::vector<ListenerState>> read_listeners(kernel::NetlinkSocket& netlink);

// How many half-open connections each listener has, by cookie. Either way the kernel walks its whole table of
// connections, which takes it from half a millisecond to many.
using HalfOpen = std::map<std::uint64_t, std::uint32_t>;
// By sock_diag: handshakes towards the listener's address and port, whichever socket they are of.
[[nodiscard]] Result<HalfOpen> half_open_by_sock_diag(const std::vector<ListenerState>& listeners);
// By the BPF iterator behind the link: the length of each listener's own queue, and one row a listener where sock_diag
// sends one a half-open connection. Listeners whose cookie nobody has asked for are left out.
[[nodiscard]] Result<HalfOpen> half_open_by_iterator(int link_fd);

}  // namespace hostcheck::observe
