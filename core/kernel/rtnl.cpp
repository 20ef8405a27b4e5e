#include "core/kernel/rtnl.h"

#include <sys/socket.h>

namespace hostcheck::kernel {

Family family_of(std::uint8_t address_family) {
  if (address_family == AF_INET) return Family::ipv4;
  if (address_family == AF_INET6) return Family::ipv6;
  return Family::none;
}

std::uint8_t address_family_of(Family family) {
  if (family == Family::ipv4) return AF_INET;
  if (family == Family::ipv6) return AF_INET6;
  return AF_UNSPEC;
}

Error malformed(std::string_view operation) {
  return make_error(ErrorCode::failed, operation, {}, "the kernel's answer is malformed");
}

}  // namespace hostcheck::kernel
