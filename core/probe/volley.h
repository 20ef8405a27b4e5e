// Packets of many sizes to one address, and what became of each: how the kind pmtu asks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/probe/wire.h"

namespace hostcheck::probe {

enum class Fate : std::uint8_t { waiting, answered, too_big, refused, lost };

// One packet, or one datagram in two fragments.
struct Shot {
  std::size_t size = 0;  // bytes of the whole IP packet
  std::uint8_t ttl = 64;
  std::size_t cut = 0;  // bytes of the first fragment's payload; 0: whole, with "don't fragment"
  Fate fate = Fate::waiting;
  IpAddress from;         // who answered
  std::uint32_t mtu = 0;  // of too_big
  bool expired = false;   // answered by "time exceeded": it reached the router `from`
  std::int64_t sent_ns = 0;
  double rtt_ms = 0;
};

// Sends by one transport over a wire; knows its own answers again even when they come late.
class Volley {
 public:
  // port: destination of TCP and UDP.
  Volley(Context& context, Wire& wire, Transport transport, std::uint16_t port);

  // Sends the shots in order and waits for what comes of them: at most `patience`, or a few times the delay that the
  // answers so far had. shots' fates are filled in. False when the budget ended it.
  [[nodiscard]] Task<bool> fire(std::vector<Shot>& shots);

  // A delay to reckon with before anything has answered, as another transport met it.
  void expect(double delay_ms) { slowest_ms_ = delay_ms; }
  [[nodiscard]] std::uint32_t packets() const { return packets_; }
  // Why packets could not be sent, of the last that could not; "" where all could.
  [[nodiscard]] const std::string& send_error() const { return send_error_; }
  [[nodiscard]] std::optional<double> slowest_ms() const { return slowest_ms_; }

 private:
  Result<void> hold_ports(std::size_t shots);
  Task<bool> send(Shot& shot, std::uint32_t number);
  Task<void> wait_for_errors_to_be_allowed();
  void take(std::vector<Shot>& shots);
  [[nodiscard]] Shot* shot_of(const Answer& answer, std::vector<Shot>& shots);
  [[nodiscard]] Clock::time_point patience() const;

  Context& context_;
  Wire& wire_;
  Transport transport_;
  std::uint16_t port_;
  std::uint16_t source_port_ = 0;  // of UDP
  std::uint16_t echo_id_ = 0;
  std::uint32_t base_ = 1;                          // number of the first shot of the volley in the air
  std::vector<std::uint16_t> tcp_ports_;            // source ports of the volley's shots
  std::map<std::uint16_t, std::uint32_t> by_port_;  // of TCP: the shot's number
  std::uint32_t packets_ = 0;
  std::string send_error_;
  std::optional<double> slowest_ms_;
  double allowed_errors_ = 0;  // a Linux target's tokens for "port unreachable"
  Clock::time_point allowed_at_{};
};

}  // namespace hostcheck::probe
