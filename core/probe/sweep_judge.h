// A sweep over source ports as statistics: which ports to send SYNs from next, and what the answers mean. Pure: the
// caller sends, and marks what was answered.
//
// Every flow keeps to one of several equal paths, chosen by a hash of addresses and ports. A path that is dead loses
// all SYNs of its ports and none of the others'; a lossy one, a rate limit or a full queue loses some of every port's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace hostcheck::probe {

enum class SweepOutcome : std::uint8_t {
  nothing,        // too little was sent to say anything
  none,           // no SYN was lost
  all,            // every SYN was lost
  deterministic,  // some ports lose all, the others nothing
  uneven,         // some ports lose more than others, none all
  random,         // losses hit any port at any time
  both,           // some ports lose all, the others some
  bursts,         // losses hit all ports at the same time: a queue that is full at times, an outage
  rate_limited,   // fewer are lost when SYNs come slower, or losses come as regularly as a token bucket's
  unclear,        // ports without any answer, and too much loss on the others to tell
};
// "none", "all", ...
[[nodiscard]] std::string_view name_of(SweepOutcome outcome);

enum class PortVerdict : std::uint8_t { live, dead, silent };
// "live", "dead", "silent" (no answer, and no proof that this is no chance)
[[nodiscard]] std::string_view name_of(PortVerdict verdict);

// One SYN.
struct SweepShot {
  std::size_t port = 0;     // index of its source port
  std::uint32_t round = 0;  // of the first stage, from 1; 0 afterwards
  bool slow = false;
  bool answered = false;
  bool sent = true;  // false: the kernel would not send it, which says nothing
};

struct SweepVerdict {
  SweepOutcome outcome = SweepOutcome::nothing;
  std::vector<PortVerdict> ports;
  bool range = false;        // the dead ports are neighbours among the swept ones, at least three, as a filter has it
  std::uint32_t rounds = 0;  // SYNs that dead ports (without any: the ports with the most) had
  std::uint32_t live_sent = 0;
  std::uint32_t live_lost = 0;
  double loss = 0;                  // share lost on ports that are not dead, at full pace
  std::optional<double> slow_loss;  // at an eighth of the pace
  // Chance that any of so many ports without a fault answers no SYN of a dead port's number at this loss.
  double error_rate = 0;
  std::optional<double> uneven_p;   // see ProbeSweep
  std::optional<double> burst_p;    // clustered in time
  std::optional<double> regular_p;  // regular in time
};

class SweepJudge {
 public:
  // ports: number of source ports, at least 1, in ascending order. seed: of the shuffles.
  SweepJudge(std::size_t ports, std::uint64_t seed);

  // The SYNs to send next, in order: indexes into shots() from `first` on. count 0: enough is known.
  struct Stage {
    std::size_t first = 0;
    std::size_t count = 0;
    bool slow = false;    // at an eighth of the pace
    bool scouts = false;  // one answer is enough to go on
  };
  [[nodiscard]] Stage next();
  [[nodiscard]] const std::vector<SweepShot>& shots() const { return shots_; }
  // May come at any time, for any SYN of a stage that was given out.
  void answered(std::size_t shot) { shots_[shot].answered = true; }
  // The kernel would not send it.
  void unsent(std::size_t shot) { shots_[shot].sent = false; }
  // SYNs from this one on were never tried (the budget ended).
  void forget_from(std::size_t shot) { shots_.resize(shot); }
  [[nodiscard]] SweepVerdict verdict() const;

 private:
  struct Tally {
    std::uint32_t sent = 0;
    std::uint32_t answered = 0;
  };
  enum class Step : std::uint8_t { start, scouts, more_scouts, rounds, clean, second, third, slow, end };
  [[nodiscard]] std::vector<Tally> tallies() const;
  [[nodiscard]] std::vector<std::size_t> silent_ports(const std::vector<Tally>& tallies) const;
  Stage add(const std::vector<std::size_t>& ports, std::uint32_t round, bool slow = false);
  Stage add_rounds(std::vector<std::size_t> ports, std::uint32_t count);
  std::vector<std::size_t> shuffled_ports();
  Stage after_rounds();
  Stage second_stage(std::uint32_t rounds);
  Stage slow_stage();
  // The SYNs from ports that are not dead.
  struct LiveShots {
    std::size_t ports = 0;
    std::vector<std::vector<bool>> by_round;  // of the first stage: whether each port's was lost
    std::vector<bool> by_time;                // the same in the order they were sent
    std::uint32_t slow_sent = 0;
    std::uint32_t slow_lost = 0;
  };
  bool mark_dead(const std::vector<Tally>& counted, const std::vector<std::size_t>& silent, double loss,
                 SweepVerdict& out) const;
  [[nodiscard]] LiveShots live_shots(SweepVerdict& out) const;
  [[nodiscard]] SweepOutcome kind_of_loss(const LiveShots& live, SweepVerdict& out) const;
  [[nodiscard]] double live_loss(const std::vector<std::size_t>& silent) const;

  std::size_t ports_;
  std::mt19937_64 random_;
  std::uint64_t seed_;
  Step step_ = Step::start;
  std::vector<std::size_t> first_round_;
  std::vector<std::size_t> controls_;
  std::size_t second_stage_from_ = 0;  // index of its first shot; 0: there was none
  std::vector<SweepShot> shots_;
};

}  // namespace hostcheck::probe
