#include "core/kernel/local_addresses.h"

#include <cerrno>
#include <memory>

#include <ifaddrs.h>
#include <netinet/in.h>

namespace hostcheck::kernel {

Result<std::vector<IpAddress>> local_addresses() {
  ifaddrs* head = nullptr;
  if (getifaddrs(&head) != 0) return unexpected(errno_error(errno, "getifaddrs"));
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(head, freeifaddrs);
  std::vector<IpAddress> addresses;
  for (const ifaddrs* each = head; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const void* address = each->ifa_addr;
    if (each->ifa_addr->sa_family == AF_INET) {
      const auto& v4 = static_cast<const sockaddr_in*>(address)->sin_addr;
      addresses.push_back(IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&v4), 4}));
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      const auto& v6 = static_cast<const sockaddr_in6*>(address)->sin6_addr;
      addresses.push_back(IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&v6), 16}));
    }
  }
  return addresses;
}

}  // namespace hostcheck::kernel
