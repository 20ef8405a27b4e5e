// Raw sockets to one address.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/probe/wire.h"

namespace hostcheck::probe {

class RawWire final : public Wire {
 public:
  // Error: denied without CAP_NET_RAW.
  [[nodiscard]] static Result<std::unique_ptr<Wire>> open(const Context& context, const IpAddress& target,
                                                          std::uint16_t port, const WayOut& way);

  [[nodiscard]] std::string_view method() const override { return "raw"; }
  [[nodiscard]] const std::string& fallback() const override { return none_; }
  [[nodiscard]] Result<void> can_send(Transport, bool) const override { return {}; }
  [[nodiscard]] bool can_cut() const override { return true; }
  [[nodiscard]] Result<std::uint16_t> hold_port(const Context& context, Transport transport,
                                                std::uint16_t wanted) override;
  [[nodiscard]] bool is_busy(std::uint16_t) const override { return false; }
  [[nodiscard]] Result<void> send(std::span<const std::uint8_t> packet) override;
  [[nodiscard]] Task<bool> readable(Clock::time_point until) override { return waiter_->readable(until); }
  [[nodiscard]] std::vector<Answer> read() override;

 private:
  RawWire(const IpAddress& target, const WayOut& way, std::uint16_t port) : Wire(target, way), port_(port) {}
  Result<void> open_sockets(const Context& context);
  Result<void> hear_only_held_ports();
  void read_from(int fd, bool icmp, std::vector<Answer>& out) const;

  std::string none_;
  std::uint16_t port_ = 0;
  UniqueFd sender_;
  UniqueFd icmp_;
  UniqueFd tcp_;
  std::unique_ptr<Socket> waiter_;  // an epoll descriptor on the two
  std::vector<UniqueFd> held_;
  std::vector<std::uint16_t> tcp_ports_;
};

}  // namespace hostcheck::probe
