// How the SYNs of a sweep are sent and their answers heard: half open by raw sockets, or as whole connections where
// those cannot be had.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/probe/context.h"
#include "core/probe/sweep_judge.h"
#include "core/probe/wire.h"

namespace hostcheck::probe {

// What was seen beside answered or not.
struct SweepSightings {
  std::vector<std::vector<double>> rtt_ms;  // by port, of its answers
  std::uint32_t answers = 0;
  double slowest_ms = 0;
  std::uint32_t refused = 0;        // answers that were RST
  std::vector<std::string> errors;  // by port, the last ICMP error and who sent it; "" for none
  std::string send_error;           // why SYNs could not be sent, of the last that could not
};

class SweepSender {
 public:
  SweepSender() = default;
  SweepSender(const SweepSender&) = delete;
  SweepSender& operator=(const SweepSender&) = delete;
  virtual ~SweepSender() = default;

  // The source ports, ascending. Fewer than wanted where they are in use.
  [[nodiscard]] virtual const std::vector<std::uint16_t>& ports() const = 0;
  // Sends a stage's SYNs and waits until a few round trips after the last (where there was no answer yet: 900 ms),
  // marking answers in judge and in sightings, those to SYNs of earlier stages as well. False when the budget ended it;
  // SYNs that were not sent are gone from judge then.
  [[nodiscard]] virtual Task<bool> send(SweepJudge& judge, SweepJudge::Stage stage, SweepSightings& sightings) = 0;
  // Waits for what may still come: ten times the slowest round trip, from 400 to 900 ms after each SYN.
  [[nodiscard]] virtual Task<void> finish(SweepJudge& judge, SweepSightings& sightings) = 0;
};

struct SweepTarget {
  IpAddress address;
  std::uint16_t port = 0;
  std::size_t ports = 0;               // wanted
  std::optional<std::uint16_t> first;  // the lowest source port; then they follow each other
};

// "raw" where this process may; the reason why not is in `fallback`. Error: neither works, or too few ports are free.
struct SweepWay {
  std::unique_ptr<SweepSender> sender;
  std::string_view method;
  std::string fallback;
};
[[nodiscard]] Result<SweepWay> open_sweep(Context& context, const SweepTarget& target);
[[nodiscard]] Result<std::unique_ptr<SweepSender>> open_raw_sweep(Context& context, const SweepTarget& target);
[[nodiscard]] Result<std::unique_ptr<SweepSender>> open_connect_sweep(Context& context, const SweepTarget& target);

// When a SYN without an answer is given up so that its place is free: a few of the slowest round trips so far.
[[nodiscard]] std::chrono::milliseconds sweep_patience(const SweepSightings& sightings);

// Least time between two SYNs of a sweep; eight times that in its slow stage.
inline constexpr std::chrono::microseconds kSweepGap(1900);
// A SYN that is not answered by then is lost: below the second after which the kernel sends one again.
inline constexpr std::chrono::milliseconds kSweepPatience(900);

}  // namespace hostcheck::probe
