// Raw sockets to one address: whole packets go out as they are, what answers them comes in with the kernel's time
// stamp. What this host's own packet filter drops on its way in is not seen, just as the host's programs do not see it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"
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

class Wire {
 public:
  // Error: denied without CAP_NET_RAW; the kernel's where there is no route.
  [[nodiscard]] static Result<Wire> open(const Context& context, const IpAddress& target, std::uint16_t port);

  [[nodiscard]] const IpAddress& target() const { return target_; }
  // The address that the kernel sends from to the target.
  [[nodiscard]] const IpAddress& source() const { return source_; }
  // What the kernel takes for the path's MTU now, bytes (IP_MTU, IPV6_MTU): its cached value, else the route's.
  [[nodiscard]] std::uint32_t cached_mtu() const { return cached_mtu_; }

  // A port that no socket of this namespace uses, held as long as the Wire lives, so that the kernel answers for it
  // with RST only. wanted: 0 for any. Error: the kernel's where the wanted one is taken.
  [[nodiscard]] Result<std::uint16_t> hold_port(const Context& context, Transport transport, std::uint16_t wanted = 0);

  // Error: EMSGSIZE above the device's MTU, EPERM by the host's own packet filter, and the kernel's others.
  [[nodiscard]] Result<void> send(std::span<const std::uint8_t> packet);
  // True when there is something to read.
  [[nodiscard]] Task<bool> readable(Clock::time_point until) { return waiter_->readable(until); }
  // All that has come; never waits.
  [[nodiscard]] std::vector<Answer> read();

 private:
  Wire() = default;
  Result<void> hear_only_held_ports();
  void read_from(int fd, bool icmp, std::vector<Answer>& out) const;

  IpAddress target_;
  IpAddress source_;
  std::uint16_t port_ = 0;
  std::uint32_t cached_mtu_ = 0;
  UniqueFd sender_;
  UniqueFd icmp_;
  UniqueFd tcp_;
  std::unique_ptr<Socket> waiter_;  // an epoll descriptor on the two
  std::vector<UniqueFd> held_;
  std::vector<std::uint16_t> tcp_ports_;
};

}  // namespace hostcheck::probe
