// One trace by one transport: which packets are sent when.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/probe/trace_reading.h"
#include "core/probe/tracer.h"

namespace hostcheck::probe {

struct TracePlan {
  std::vector<std::uint16_t> ports;       // source ports to follow; empty: any six
  bool thorough = true;                   // false: only whether the target answers, and which hops do
  std::chrono::milliseconds watch{4000};  // how long loss is watched to find its place
  double delay_ms = 0;                    // that another transport met; 0 for none
  std::size_t most_flows = 64;            // that equal paths are looked for with; 1: the plain list of hops, no more
};

class TraceRun {
 public:
  TraceRun(Context& context, Wire& wire, Transport transport, std::uint16_t port)
      : context_(context), wire_(wire), transport_(transport), port_(port), tracer_(context, wire, transport, port) {}

  // Error: no source port; the kernel refuses to send.
  [[nodiscard]] Task<Result<void>> run(TracePlan plan);
  // What the reading is made of. networks: names by address, "" or missing where not known.
  [[nodiscard]] TraceView view(const std::map<IpAddress, std::string>& networks) const;

  [[nodiscard]] const std::vector<TraceShot>& shots() const { return tracer_.shots(); }
  // Hops to the target, itself included; nullopt where it did not answer at a distance.
  [[nodiscard]] std::optional<std::uint32_t> distance() const;
  // The farthest distance that is told about: before the target, or the last that answered.
  [[nodiscard]] std::uint32_t last_hop() const;
  [[nodiscard]] bool reached() const;
  [[nodiscard]] bool limited(std::uint32_t ttl) const { return limited_.contains(ttl); }
  [[nodiscard]] double slowest_ms() const { return tracer_.slowest_ms(); }
  [[nodiscard]] std::size_t flows() const { return tracer_.flows(); }

 private:
  using Sent = Task<bool>;
  Sent walk();
  Sent reach();
  [[nodiscard]] std::uint32_t leading_flow() const;
  Sent discover();
  Sent list();
  Sent spread();
  Sent look_over();
  Sent repeat();
  Sent watch();
  Sent doubt_dead();
  Sent follow();
  Sent find_limited();
  Sent look_for_spreading_by_packet();
  Sent send_round(std::uint32_t round, std::map<std::uint32_t, Clock::time_point>& due);
  Sent whole_way();
  [[nodiscard]] std::vector<std::uint32_t> answering() const;  // distances with a router
  [[nodiscard]] std::set<IpAddress> routers_at(std::uint32_t ttl) const;
  [[nodiscard]] std::size_t flows_answered_at(std::uint32_t ttl) const;
  [[nodiscard]] bool plain() const { return plan_.most_flows == 1 && plan_.ports.size() <= 1; }
  [[nodiscard]] bool left_out() const;
  [[nodiscard]] LossCount count_at(std::uint32_t ttl) const;  // of the counted packets
  void note_limited(std::size_t from);

  Context& context_;
  Wire& wire_;
  Transport transport_;
  std::uint16_t port_;
  Tracer tracer_;
  TracePlan plan_;
  std::set<std::uint32_t> limited_;
  std::uint32_t farthest_ = 0;  // ttl that was tried
};

}  // namespace hostcheck::probe
