#include "core/probe/sweep_judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/probe/sweep_statistics.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kScouts = 16;
constexpr std::uint32_t kRounds = 3;        // of all ports
constexpr std::uint32_t kSecondRounds = 5;  // of ports without an answer and as many controls: 8 in all
constexpr std::uint32_t kThirdRounds = 4;   // where the others lose so much that 8 do not prove it: 12 in all
constexpr std::size_t kFewestControls = 16;
constexpr double kLargestError = 0.001;      // of calling any port dead that is not
constexpr double kSignificant = 0.001;       // of every other statistic
constexpr std::uint32_t kWorthSlowing = 10;  // losses from which on the pace is tried
constexpr double kLossWorthSlowing = 0.03;
constexpr std::size_t kFewestSlow = 32;
constexpr std::size_t kMostSlow = 64;
constexpr std::size_t kShotsWithoutLoss = 512;  // 1 % loss shows in 99.4 % of so many

double any_of_so_many(std::size_t ports, double loss, std::uint32_t shots) {
  return std::min(1.0, static_cast<double>(ports) * std::pow(loss, shots));
}

// Whether all ports from the first to the last dead one are dead, at least three and not all.
bool is_range(const std::vector<PortVerdict>& ports) {
  const auto dead = static_cast<std::size_t>(std::count(ports.begin(), ports.end(), PortVerdict::dead));
  if (dead < 3 || dead == ports.size()) return false;
  const auto first = std::find(ports.begin(), ports.end(), PortVerdict::dead);
  const auto end = std::find_if(first, ports.end(), [](PortVerdict each) { return each != PortVerdict::dead; });
  return static_cast<std::size_t>(end - first) == dead;
}

}  // namespace

std::string_view name_of(SweepOutcome outcome) {
  constexpr std::array<std::string_view, 10> kNames = {"",       "none", "all",    "deterministic", "uneven",
                                                       "random", "both", "bursts", "rate_limited",  "unclear"};
  return kNames.at(static_cast<std::size_t>(outcome));
}

std::string_view name_of(PortVerdict verdict) {
  constexpr std::array<std::string_view, 3> kNames = {"live", "dead", "silent"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

SweepJudge::SweepJudge(std::size_t ports, std::uint64_t seed) : ports_(ports), random_(seed), seed_(seed) {
  first_round_ = shuffled_ports();
}

std::vector<std::size_t> SweepJudge::shuffled_ports() {
  std::vector<std::size_t> out(ports_);
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::shuffle(out.begin(), out.end(), random_);
  return out;
}

SweepJudge::Stage SweepJudge::add(const std::vector<std::size_t>& ports, std::uint32_t round, bool slow) {
  const Stage stage{shots_.size(), ports.size(), slow, false};
  for (const std::size_t port : ports) shots_.push_back({port, round, slow, false});
  return stage;
}

SweepJudge::Stage SweepJudge::add_rounds(std::vector<std::size_t> ports, std::uint32_t count) {
  const Stage stage{shots_.size(), ports.size() * count, false, false};
  for (std::uint32_t each = 0; each < count; ++each) {
    std::shuffle(ports.begin(), ports.end(), random_);
    (void)add(ports, 0);
  }
  return stage;
}

std::vector<SweepJudge::Tally> SweepJudge::tallies() const {
  std::vector<Tally> out(ports_);
  for (const SweepShot& shot : shots_) {
    if (!shot.sent) continue;
    ++out[shot.port].sent;
    if (shot.answered) ++out[shot.port].answered;
  }
  return out;
}

std::vector<std::size_t> SweepJudge::silent_ports(const std::vector<Tally>& tallies) const {
  std::vector<std::size_t> out;
  for (std::size_t port = 0; port < ports_; ++port) {
    if (tallies[port].sent >= kRounds && tallies[port].answered == 0) out.push_back(port);
  }
  return out;
}

SweepJudge::Stage SweepJudge::next() {
  const auto any_answer = [&] {
    return std::any_of(shots_.begin(), shots_.end(), [](const SweepShot& shot) { return shot.answered; });
  };
  const std::size_t scouts = std::min(kScouts, ports_);
  if (step_ == Step::start) {
    step_ = Step::scouts;
    Stage stage = add({first_round_.begin(), first_round_.begin() + static_cast<std::ptrdiff_t>(scouts)}, 1);
    stage.scouts = true;
    return stage;
  }
  if (step_ == Step::scouts) {
    const auto rest = first_round_.begin() + static_cast<std::ptrdiff_t>(scouts);
    if (!any_answer()) {
      // The same again with as many others, and slowly, before nothing is said to pass at all: a queue may have been
      // full for a moment.
      step_ = Step::more_scouts;
      for (SweepShot& shot : shots_) shot.round = 0;
      const std::size_t more = std::min(2 * kScouts, ports_);
      Stage stage = add({first_round_.begin(), first_round_.begin() + static_cast<std::ptrdiff_t>(more)}, 0);
      stage.slow = true;
      return stage;
    }
    step_ = Step::rounds;
    Stage stage = add({rest, first_round_.end()}, 1);
    for (std::uint32_t round = 2; round <= kRounds; ++round) stage.count += add(shuffled_ports(), round).count;
    return stage;
  }
  if (step_ == Step::more_scouts) {
    if (!any_answer()) {
      step_ = Step::end;
      return {};
    }
    step_ = Step::rounds;
    Stage stage{shots_.size(), 0, false, false};
    for (std::uint32_t round = 1; round <= kRounds; ++round) stage.count += add(shuffled_ports(), round).count;
    return stage;
  }
  return after_rounds();
}

SweepJudge::Stage SweepJudge::after_rounds() {
  const auto silent = silent_ports(tallies());
  if (step_ == Step::rounds) {
    const bool clean =
        std::all_of(shots_.begin(), shots_.end(), [](const SweepShot& shot) { return shot.answered || !shot.sent; });
    if (clean && shots_.size() < kShotsWithoutLoss) {
      step_ = Step::clean;
      Stage stage{shots_.size(), 0, false, false};
      while (shots_.size() < kShotsWithoutLoss) stage.count += add(shuffled_ports(), 0).count;
      return stage;
    }
    if (!silent.empty()) {
      step_ = Step::second;
      return second_stage(kSecondRounds);
    }
    return slow_stage();
  }
  if (step_ == Step::clean) return slow_stage();
  if (step_ == Step::second) {
    if (!silent.empty() && any_of_so_many(ports_, live_loss(silent), kRounds + kSecondRounds) > kLargestError) {
      step_ = Step::third;
      return second_stage(kThirdRounds);
    }
    return slow_stage();
  }
  if (step_ == Step::third) return slow_stage();
  step_ = Step::end;
  return {};
}

// The silent ports, and as many that answer as controls in the same rounds.
SweepJudge::Stage SweepJudge::second_stage(std::uint32_t rounds) {
  const auto counted = tallies();
  auto chosen = silent_ports(counted);
  if (controls_.empty()) {
    const std::size_t wanted = std::max(chosen.size(), kFewestControls);
    for (const std::size_t port : shuffled_ports()) {
      if (counted[port].answered > 0 && controls_.size() < wanted) controls_.push_back(port);
    }
    second_stage_from_ = shots_.size();
  }
  chosen.insert(chosen.end(), controls_.begin(), controls_.end());
  return add_rounds(std::move(chosen), rounds);
}

// Live ports (and some that seem dead) at an eighth of the pace, as many as tell a limit from chance.
SweepJudge::Stage SweepJudge::slow_stage() {
  step_ = Step::slow;
  const auto counted = tallies();
  const auto silent = silent_ports(counted);
  std::uint32_t sent = 0;
  std::uint32_t lost = 0;
  for (std::size_t port = 0; port < ports_; ++port) {
    if (std::binary_search(silent.begin(), silent.end(), port)) continue;
    sent += counted[port].sent;
    lost += counted[port].sent - counted[port].answered;
  }
  const double loss = sent == 0 ? 0 : static_cast<double>(lost) / sent;
  // Where hardly anything passes, a port that was answered once is still no flow that lives.
  if (lost < kWorthSlowing || loss < kLossWorthSlowing) {
    step_ = Step::end;
    return {};
  }
  const double needed = std::log(kSignificant) / std::log(1 - std::min(loss, 0.99));
  const auto wanted = std::clamp(static_cast<std::size_t>(needed), kFewestSlow, kMostSlow);
  std::vector<std::size_t> chosen;
  for (const std::size_t port : shuffled_ports()) {
    if (chosen.size() < wanted && !std::binary_search(silent.begin(), silent.end(), port)) chosen.push_back(port);
  }
  if (chosen.empty()) {
    step_ = Step::end;
    return {};
  }
  for (std::size_t each = 0; chosen.size() < wanted; ++each) chosen.push_back(chosen[each]);
  return add(chosen, 0, true);
}

// Share lost on ports that answer: the larger of that of all of them and that of the controls, which were chosen
// because they had answered before and so were lucky only before.
double SweepJudge::live_loss(const std::vector<std::size_t>& silent) const {
  std::uint32_t sent = 0;
  std::uint32_t lost = 0;
  std::uint32_t control_sent = 0;
  std::uint32_t control_lost = 0;
  for (std::size_t each = 0; each < shots_.size(); ++each) {
    const SweepShot& shot = shots_[each];
    if (shot.slow || !shot.sent || std::binary_search(silent.begin(), silent.end(), shot.port)) continue;
    ++sent;
    if (!shot.answered) ++lost;
    if (second_stage_from_ == 0 || each < second_stage_from_) continue;
    ++control_sent;
    if (!shot.answered) ++control_lost;
  }
  const double all = sent == 0 ? 0 : static_cast<double>(lost) / sent;
  return std::max(all, control_sent == 0 ? 0.0 : static_cast<double>(control_lost) / control_sent);
}

// Marks silent ports as dead where it is proven; true where any is.
bool SweepJudge::mark_dead(const std::vector<Tally>& counted, const std::vector<std::size_t>& silent, double loss,
                           SweepVerdict& out) const {
  std::size_t dead = 0;
  for (const std::size_t port : silent) {
    const bool proven = counted[port].sent >= kRounds + kSecondRounds &&
                        any_of_so_many(ports_, loss, counted[port].sent) <= kLargestError;
    out.ports[port] = proven ? PortVerdict::dead : PortVerdict::silent;
    if (!proven) continue;
    if (++dead == 1 || counted[port].sent < out.rounds) out.rounds = counted[port].sent;
  }
  out.range = is_range(out.ports);
  return dead > 0;
}

SweepJudge::LiveShots SweepJudge::live_shots(SweepVerdict& out) const {
  LiveShots live;
  std::vector<std::size_t> place(ports_);
  for (std::size_t port = 0; port < ports_; ++port) {
    if (out.ports[port] != PortVerdict::dead) place[port] = live.ports++;
  }
  live.by_round.assign(kRounds, std::vector<bool>(live.ports));
  for (const SweepShot& shot : shots_) {
    if (!shot.sent || out.ports[shot.port] == PortVerdict::dead) continue;
    if (shot.slow) {
      ++live.slow_sent;
      if (!shot.answered) ++live.slow_lost;
      continue;
    }
    ++out.live_sent;
    if (!shot.answered) ++out.live_lost;
    if (shot.round == 0) continue;
    live.by_time.push_back(!shot.answered);
    live.by_round[shot.round - 1][place[shot.port]] = !shot.answered;
  }
  if (out.live_sent > 0) out.loss = static_cast<double>(out.live_lost) / out.live_sent;
  if (live.slow_sent > 0) out.slow_loss = static_cast<double>(live.slow_lost) / live.slow_sent;
  return live;
}

// What the losses on ports that are not dead look like; random where nothing speaks against it.
SweepOutcome SweepJudge::kind_of_loss(const LiveShots& live, SweepVerdict& out) const {
  if (out.live_lost == 0) return SweepOutcome::none;
  if (live.by_time.size() != live.ports * kRounds) return SweepOutcome::random;
  std::mt19937_64 random(seed_ + 1);
  const TimeSpread spread = time_spread(live.by_time, random);
  // A token bucket gives its burst to the first round and is regular from then on.
  const std::vector<bool> later(live.by_time.begin() + static_cast<std::ptrdiff_t>(live.ports), live.by_time.end());
  const TimeSpread steady = time_spread(later, random);
  out.burst_p = spread.clustered;
  out.regular_p = steady.regular;
  out.uneven_p = uneven_chance(live.by_round, random);
  const double slower = fewer_chance(live.slow_lost, live.slow_sent, out.live_lost, out.live_sent, steady.dispersion);
  if (slower < kSignificant || steady.regular < kSignificant) return SweepOutcome::rate_limited;
  if (spread.clustered < kSignificant) return SweepOutcome::bursts;
  return *out.uneven_p < kSignificant ? SweepOutcome::uneven : SweepOutcome::random;
}

SweepVerdict SweepJudge::verdict() const {
  SweepVerdict out;
  out.ports.assign(ports_, PortVerdict::live);
  const auto counted = tallies();
  std::uint32_t sent = 0;
  std::uint32_t answered = 0;
  for (const Tally& tally : counted) {
    sent += tally.sent;
    answered += tally.answered;
    out.rounds = std::max(out.rounds, tally.sent);
  }
  if (answered == 0) {
    for (std::size_t port = 0; port < ports_; ++port) {
      if (counted[port].sent > 0) out.ports[port] = PortVerdict::silent;
    }
    out.outcome = sent >= std::min(kScouts, ports_) ? SweepOutcome::all : SweepOutcome::nothing;
    out.live_sent = out.live_lost = sent;
    out.loss = sent == 0 ? 0 : 1;
    return out;
  }
  const auto silent = silent_ports(counted);
  const double loss = live_loss(silent);
  const bool dead = mark_dead(counted, silent, loss, out);
  const LiveShots live = live_shots(out);
  const SweepOutcome kind = kind_of_loss(live, out);
  // No loss seen in so many is no proof of none.
  const double at_most = std::max(loss, 1.0 / (out.live_sent + 1.0));
  out.error_rate = any_of_so_many(ports_, at_most, dead ? out.rounds : kRounds + kSecondRounds);
  if (dead) {
    out.outcome = out.live_lost == 0 ? SweepOutcome::deterministic : SweepOutcome::both;
  } else if (kind == SweepOutcome::random && !silent.empty() && out.error_rate > kLargestError) {
    out.outcome = SweepOutcome::unclear;
  } else {
    out.outcome = kind;
  }
  return out;
}

}  // namespace hostcheck::probe
