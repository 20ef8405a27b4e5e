#include "core/kernel/socket_address.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace hostcheck::kernel {

const sockaddr* SocketAddress::get() const {
  return static_cast<const sockaddr*>(static_cast<const void*>(&storage));
}

SocketAddress socket_address(const IpAddress& address, std::uint16_t port, std::uint32_t scope) {
  SocketAddress out;
  if (address.family() == Family::ipv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes().data(), address.size());
    std::memcpy(&out.storage, &v4, sizeof(v4));
    out.length = sizeof(v4);
  } else if (address.family() == Family::ipv6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_scope_id = scope;
    std::memcpy(&v6.sin6_addr, address.bytes().data(), address.size());
    std::memcpy(&out.storage, &v6, sizeof(v6));
    out.length = sizeof(v6);
  }
  return out;
}

Endpoint endpoint_of(const sockaddr_storage& storage) {
  Endpoint out;
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof(v4));
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    out = {IpAddress::from_bytes(bytes), ntohs(v4.sin_port), 0};
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof(v6));
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    out = {IpAddress::from_bytes(bytes), ntohs(v6.sin6_port), v6.sin6_scope_id};
  }
  return out;
}

Result<Endpoint> local_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (getsockname(fd, static_cast<sockaddr*>(static_cast<void*>(&storage)), &length) != 0) {
    return unexpected(errno_error(errno, "getsockname"));
  }
  return endpoint_of(storage);
}

int domain_of(const IpAddress& address) {
  return address.family() == Family::ipv4 ? AF_INET : address.family() == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
}

}  // namespace hostcheck::kernel
