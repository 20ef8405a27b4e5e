#include "core/probe/wire.h"

#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/kernel/packet_socket.h"
#include "core/kernel/socket_address.h"
#include "core/probe/plain_wire.h"
#include "core/probe/raw_wire.h"

namespace hostcheck::probe {

std::int64_t realtime_ns() {
  return kernel::wall_clock().count();
}

Result<WayOut> way_out(const Context& context, const IpAddress& target, std::uint16_t port) {
  auto fd = context.socket(kernel::domain_of(target), SOCK_DGRAM, 0);
  if (!fd) return unexpected(fd.error());
  const kernel::SocketAddress to = kernel::socket_address(target, port == 0 ? 33434 : port);
  if (::connect(fd->get(), to.get(), to.length) != 0)
    return unexpected(errno_error(errno, "connect", target.to_string()));
  const auto own = kernel::local_endpoint(fd->get());
  if (!own) return unexpected(own.error());
  int mtu = 0;
  socklen_t size = sizeof mtu;
  const bool v4 = target.family() == Family::ipv4;
  if (::getsockopt(fd->get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &size) != 0) mtu = 0;
  return WayOut{own->address, static_cast<std::uint32_t>(mtu)};
}

Result<std::unique_ptr<Wire>> open_wire(const Context& context, const IpAddress& target, std::uint16_t port) {
  const auto way = way_out(context, target, port);
  if (!way) return unexpected(way.error());
  auto raw = RawWire::open(context, target, port, *way);
  if (raw || raw.error().code != ErrorCode::denied) return raw;
  return PlainWire::open(context, target, *way, raw.error().message());
}

}  // namespace hostcheck::probe
