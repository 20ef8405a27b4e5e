// Packets with a short life along the way to an address, by one transport: sent with a constant five-tuple a flow, and
// known again by sequence number (TCP, echo) or checksum (UDP).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/probe/wire.h"

namespace hostcheck::probe {

enum class Met : std::uint8_t { nobody, router, target, refusal };

// One packet and who answered it.
struct TraceShot {
  std::uint32_t flow = 0;  // index of Tracer::flow_port
  std::uint8_t ttl = 0;
  std::int64_t sent_ns = 0;
  bool counted = true;  // false: sent so fast that a router may well leave it out
  Met met = Met::nobody;
  IpAddress from;
  double rtt_ms = 0;
  std::vector<MplsLabel> mpls;
};

class Tracer {
 public:
  static constexpr std::uint8_t kWholeWay = 64;  // ttl of a packet that is meant for the target

  Tracer(Context& context, Wire& wire, Transport transport, std::uint16_t port);

  // Makes flows up to this many; wanted: source ports of the first ones. Before anything is sent with them. Error: a
  // wanted port is taken, or the kernel has none left.
  [[nodiscard]] Result<void> make_flows(std::size_t count, const std::vector<std::uint16_t>& wanted = {});
  [[nodiscard]] std::size_t flows() const { return flow_ports_.size(); }
  [[nodiscard]] std::uint16_t flow_port(std::size_t flow) const { return flow_ports_[flow]; }

  // False when the budget ended it or the kernel refuses to send.
  [[nodiscard]] Task<bool> send(std::uint32_t flow, std::uint8_t ttl, bool counted = true);
  // Waits until all that was sent is answered: at most a few times the slowest answer so far, counted from the last
  // packet.
  [[nodiscard]] Task<void> settle();
  // Waits until all that was sent is answered, so long at most. False where something is not; it may still be.
  [[nodiscard]] Task<bool> all_answered(std::chrono::milliseconds within);
  // Takes in what comes until then.
  [[nodiscard]] Task<void> listen(Clock::time_point until);

  [[nodiscard]] const std::vector<TraceShot>& shots() const { return shots_; }
  // ttl that the target's answers arrive with; nullopt where none came or it is not told.
  [[nodiscard]] std::optional<std::uint8_t> target_ttl() const { return target_ttl_; }
  // Packets with this ttl, so far, do not count.
  void uncount(std::uint8_t ttl);
  // A delay to reckon with before anything has answered, as another transport met it.
  void expect(double delay_ms) { slowest_ms_ = delay_ms; }
  [[nodiscard]] double slowest_ms() const { return slowest_ms_; }
  [[nodiscard]] const std::string& send_error() const { return send_error_; }

 private:
  Task<void> wait_for_flow(std::uint32_t flow);
  void take();
  [[nodiscard]] TraceShot* shot_of(const Answer& answer);
  [[nodiscard]] TraceShot* latest_of_port(std::uint16_t port);
  [[nodiscard]] bool waiting() const;
  [[nodiscard]] Clock::time_point patience_from(Clock::time_point sent) const;
  [[nodiscard]] Bytes packet_of(std::uint32_t number, std::uint32_t flow, std::uint8_t ttl) const;

  Context& context_;
  Wire& wire_;
  Transport transport_;
  std::uint16_t port_;
  std::uint32_t base_ = 0;  // TCP's sequence number of the first packet
  std::vector<std::uint16_t> flow_ports_;
  std::vector<TraceShot> shots_;
  std::uint8_t farthest_router_ = 0;  // ttl
  std::size_t settled_ = 0;           // shots before it are not waited for any more
  Clock::time_point last_sent_{};
  std::map<std::uint32_t, Clock::time_point> flow_sent_;  // when each flow was last sent
  double slowest_ms_ = 0;
  std::optional<std::uint8_t> target_ttl_;
  std::string send_error_;
};

}  // namespace hostcheck::probe
