// Packets to one address, and what comes back for them. Two kinds: raw sockets, which send whole packets as they are
// and need CAP_NET_RAW, and plain sockets, which anybody may use and which send the same packets as far as the kernel
// lets them. What this host's own packet filter drops on its way in is not seen, just as the host's programs do not see
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/probe/answer.h"
#include "core/probe/context.h"
#include "core/probe/packet.h"

namespace hostcheck::probe {

// Nanoseconds of CLOCK_REALTIME, which the kernel stamps arriving packets with.
[[nodiscard]] std::int64_t realtime_ns();

struct Answer {
  std::int64_t at_ns = 0;  // when the kernel received it
  IpAddress from;
  std::optional<std::uint8_t> ttl;  // that it arrived with
  std::optional<IcmpAnswer> icmp;
  std::optional<TcpAnswer> tcp;
};

// How the kernel sends to an address.
struct WayOut {
  IpAddress source;       // the address that it sends from
  std::uint32_t mtu = 0;  // what it takes for the path's MTU, bytes (IP_MTU, IPV6_MTU): its cached value, else the
                          // route's; 0 where it does not tell
};
// As a connected UDP socket has it; nothing is sent. Error: the kernel's where there is no route.
[[nodiscard]] Result<WayOut> way_out(const Context& context, const IpAddress& target, std::uint16_t port);

class Wire {
 public:
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  virtual ~Wire() = default;

  [[nodiscard]] const IpAddress& target() const { return target_; }
  // The address that the kernel sends from to the target.
  [[nodiscard]] const IpAddress& source() const { return way_.source; }
  // What the kernel took for the path's MTU when it was opened, see WayOut.
  [[nodiscard]] std::uint32_t cached_mtu() const { return way_.mtu; }

  // "raw" or "plain_sockets".
  [[nodiscard]] virtual std::string_view method() const = 0;
  // Why it is not a raw one; "" where it is.
  [[nodiscard]] virtual const std::string& fallback() const = 0;
  // Whether packets of this transport can be sent; of_size: of any size, which for TCP means SYNs with data. Error: why
  // not.
  [[nodiscard]] virtual Result<void> can_send(Transport transport, bool of_size) const = 0;
  // Whether datagrams can be sent in fragments.
  [[nodiscard]] virtual bool can_cut() const = 0;

  // A port that no socket of this namespace uses, held as long as the Wire lives, so that the kernel answers for it
  // with RST only. wanted: 0 for any. Error: the kernel's where the wanted one is taken.
  [[nodiscard]] virtual Result<std::uint16_t> hold_port(const Context& context, Transport transport,
                                                        std::uint16_t wanted = 0) = 0;
  // Whether a packet of TCP from this port waits for its answer and would be given up by the next one from there.
  [[nodiscard]] virtual bool is_busy(std::uint16_t port) const = 0;

  // packet: whole, from the IP header on; TCP and UDP from a held port. Error: EMSGSIZE above the device's MTU, EPERM
  // by the host's own packet filter, and the kernel's others.
  [[nodiscard]] virtual Result<void> send(std::span<const std::uint8_t> packet) = 0;
  // True when there is something to read.
  [[nodiscard]] virtual Task<bool> readable(Clock::time_point until) = 0;
  // All that has come; never waits.
  [[nodiscard]] virtual std::vector<Answer> read() = 0;

 protected:
  Wire(IpAddress target, WayOut way) : target_(target), way_(way) {}

 private:
  IpAddress target_;
  WayOut way_;
};

// Raw where that is allowed, else plain. port: destination of TCP, 0 for none. Error: the kernel's where there is no
// route, and others than for want of privilege.
[[nodiscard]] Result<std::unique_ptr<Wire>> open_wire(const Context& context, const IpAddress& target,
                                                      std::uint16_t port);

}  // namespace hostcheck::probe
