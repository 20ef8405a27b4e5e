// IpAddress and port as bind(2), connect(2), sendto(2) and recvmsg(2) take and give them.
#pragma once

#include <cstdint>

#include <sys/socket.h>

#include "core/base/address.h"
#include "core/base/result.h"

namespace hostcheck::kernel {

// A sockaddr_in or sockaddr_in6 with its length; length 0 for the empty address.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const;
};
// port in host order. scope: index of the interface of a link-local IPv6 address, else 0.
[[nodiscard]] SocketAddress socket_address(const IpAddress& address, std::uint16_t port, std::uint32_t scope = 0);

struct Endpoint {
  IpAddress address;  // empty where it is neither IPv4 nor IPv6
  std::uint16_t port = 0;
  std::uint32_t scope = 0;
};
[[nodiscard]] Endpoint endpoint_of(const sockaddr_storage& storage);
// getsockname(2).
[[nodiscard]] Result<Endpoint> local_endpoint(int fd);
// AF_INET or AF_INET6; AF_UNSPEC for the empty address.
[[nodiscard]] int domain_of(const IpAddress& address);

}  // namespace hostcheck::kernel
