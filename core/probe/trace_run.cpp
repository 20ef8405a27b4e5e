#include "core/probe/trace_run.h"

#include <algorithm>
#include <array>

namespace hostcheck::probe {
namespace {

constexpr std::size_t kFlows = 6;  // rule out a second next hop with 95 %; and what Linux answers at once
constexpr std::size_t kTriesOfASilentHop = 5;
constexpr std::uint32_t kFarthest = 30;  // hops
constexpr std::uint32_t kBatch = 8;      // distances at a time where the target's is not known
constexpr std::uint32_t kRounds = 3;
constexpr std::uint32_t kRoundsOfAHealthyWay = 2;  // with what was sent before, 14 packets
constexpr std::chrono::milliseconds kAtOnce{5};  // an answer that is here so soon makes the next hop worth waiting for
constexpr std::uint32_t kLeastRounds = 6;        // of watching loss
constexpr std::chrono::milliseconds kRound{250};
// Linux answers a host with 6 errors at once, then with one a second (net/ipv4/icmp.c, icmp_ratelimit).
constexpr std::uint32_t kErrorsAtOnce = 6;
constexpr std::uint32_t kTestOfALimit = 6;  // packets; a rationed router has earned two or three of them meanwhile
// The same on a way that loses packets, which must not be taken for a ration: where a third is lost, as many of 12 are
// lost once in 40, and so of the next 12 once more.
constexpr std::uint32_t kTestOnALossyWay = 12;
constexpr int kTestsOnALossyWay = 2;
constexpr std::chrono::milliseconds kErrorEvery{1050};

// Hops of the way back, as the ttl of an answer tells: systems begin with 64, 128 or 255.
std::uint32_t guess_of(std::uint8_t ttl) {
  for (const std::uint32_t begin : {64U, 128U, 255U}) {
    if (ttl <= begin) return begin - ttl + 1;
  }
  return 0;
}

}  // namespace

bool TraceRun::reached() const {
  return std::any_of(shots().begin(), shots().end(), [](const TraceShot& each) { return each.met == Met::target; });
}

std::optional<std::uint32_t> TraceRun::distance() const {
  std::optional<std::uint32_t> out;
  for (const TraceShot& each : shots()) {
    if (each.met != Met::target || each.ttl == Tracer::kWholeWay) continue;
    if (!out || each.ttl < *out) out = each.ttl;
  }
  return out;
}

std::set<IpAddress> TraceRun::routers_at(std::uint32_t ttl) const {
  std::set<IpAddress> out;
  for (const TraceShot& each : shots()) {
    if (each.ttl == ttl && each.met == Met::router) out.insert(each.from);
  }
  return out;
}

std::uint32_t TraceRun::last_hop() const {
  if (const auto target = distance()) return *target - 1;
  std::uint32_t out = 0;
  for (const TraceShot& each : shots()) {
    if (each.met == Met::router && each.ttl != Tracer::kWholeWay) out = std::max<std::uint32_t>(out, each.ttl);
  }
  return out;
}

std::vector<std::uint32_t> TraceRun::answering() const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t ttl = 1; ttl <= last_hop(); ++ttl) {
    if (!routers_at(ttl).empty()) out.push_back(ttl);
  }
  return out;
}

std::size_t TraceRun::flows_answered_at(std::uint32_t ttl) const {
  std::set<std::uint32_t> out;
  for (const TraceShot& each : shots()) {
    if (each.ttl == ttl && each.met == Met::router) out.insert(each.flow);
  }
  return out.size();
}

LossCount TraceRun::count_at(std::uint32_t ttl) const {
  LossCount out;
  for (const TraceShot& each : shots()) {
    if (each.ttl != ttl || !each.counted) continue;
    ++out.sent;
    out.lost += each.met != Met::router ? 1 : 0;
  }
  return out;
}

// Hop by hop as long as the answers come at once: no packet is sent that goes farther than the target.
TraceRun::Sent TraceRun::walk() {
  while (farthest_ < kFarthest && !distance()) {
    ++farthest_;
    if (!co_await tracer_.send(0, static_cast<std::uint8_t>(farthest_))) co_return false;
    const bool answered = co_await tracer_.all_answered(kAtOnce);
    if (!answered || shots().back().met == Met::refusal) break;
  }
  co_return true;
}

TraceRun::Sent TraceRun::reach() {
  const std::uint32_t tries = plan_.thorough ? 2 : 3;
  for (std::uint32_t flow = 0; flow < tries && !reached(); ++flow) {
    if (!co_await tracer_.send(flow % static_cast<std::uint32_t>(flows()), Tracer::kWholeWay)) co_return false;
    co_await tracer_.settle();
  }
  if (reached()) co_return true;
  // Of equal paths the dead one may have been taken by all of these: no target is called silent before the other flows
  // have asked.
  if (!co_await whole_way()) co_return false;
  co_await tracer_.settle();
  co_return true;
}

// One that arrives, where any does.
std::uint32_t TraceRun::leading_flow() const {
  const auto found = std::find_if(shots().begin(), shots().end(), [](const TraceShot& each) {
    return each.ttl == Tracer::kWholeWay && each.met == Met::target;
  });
  return found == shots().end() ? 0 : found->flow;
}

TraceRun::Sent TraceRun::discover() {
  std::uint32_t until = kBatch;
  if (const auto ttl = tracer_.target_ttl()) until = std::min(guess_of(*ttl), 12U);
  while (farthest_ < kFarthest) {
    const std::uint32_t from = farthest_ + 1;
    // Plain sockets of TCP know the distance in between.
    for (; farthest_ < std::min(until, kFarthest) && !distance(); ++farthest_) {
      if (!co_await tracer_.send(leading_flow(), static_cast<std::uint8_t>(farthest_ + 1))) co_return false;
    }
    co_await tracer_.settle();
    if (distance()) break;
    const bool silent = last_hop() < from;
    if (silent && !reached()) break;
    until = farthest_ + (reached() ? kBatch / 2 : kBatch);
  }
  co_return true;
}

// The plain list of hops: one packet each, and another where nobody answered.
TraceRun::Sent TraceRun::list() {
  if (!co_await walk()) co_return false;
  if (!distance()) {
    if (!co_await reach()) co_return false;
    if (!co_await discover()) co_return false;
  }
  bool again = false;
  for (std::uint32_t ttl = 1; ttl <= last_hop(); ++ttl) {
    if (!routers_at(ttl).empty()) continue;
    again = true;
    if (!co_await tracer_.send(0, static_cast<std::uint8_t>(ttl))) co_return false;
  }
  if (again) co_await tracer_.settle();
  co_return true;
}

// More flows to each distance, until another equal next hop is ruled out.
TraceRun::Sent TraceRun::spread() {
  std::map<std::uint32_t, std::uint32_t> sent;  // flows by distance
  for (std::uint32_t ttl = 1; ttl <= last_hop(); ++ttl) sent[ttl] = leading_flow() == 0 ? 1 : 0;
  for (bool more = true; more;) {
    more = false;
    const std::size_t before = shots().size();
    std::size_t needed = flows();
    std::map<std::uint32_t, std::uint32_t> wanted;
    for (const auto& [ttl, count] : sent) {
      const std::size_t found = routers_at(ttl).size();
      if (limited(ttl) || found == 0 ? count > 1 : false) continue;
      const std::size_t rest =
          found == 0 ? 0 : flows_to_rule_out_more(static_cast<std::uint32_t>(std::min<std::size_t>(found, 64)));
      const std::size_t most = plan_.ports.empty() ? plan_.most_flows : plan_.ports.size();
      // Of the flows that nobody answered as many are sent anew.
      const std::size_t unanswered = count - std::min<std::size_t>(count, flows_answered_at(ttl));
      const bool silent = found == 0 && ttl != last_hop();
      const std::size_t least = silent ? kTriesOfASilentHop : std::min(kFlows, flows());
      const std::size_t all = std::min(most, std::max<std::size_t>(found == 0 ? 0 : rest + unanswered, least));
      if (count >= all) continue;
      wanted[ttl] = static_cast<std::uint32_t>(all);
      needed = std::max(needed, all);
    }
    if (const auto made = tracer_.make_flows(needed, plan_.ports); !made) co_return false;
    for (const auto& [ttl, all] : wanted) {
      for (; sent[ttl] < all; ++sent[ttl]) {
        const bool counted = sent[ttl] < kErrorsAtOnce;
        if (!co_await tracer_.send(sent[ttl], static_cast<std::uint8_t>(ttl), counted)) co_return false;
      }
      more = true;
    }
    if (more) co_await tracer_.settle();
    note_limited(before);
  }
  co_return true;
}

TraceRun::Sent TraceRun::look_for_spreading_by_packet() {
  bool any = false;
  for (const std::uint32_t ttl : answering()) {
    if (routers_at(ttl).size() < 2 || limited(ttl)) continue;
    any = true;
    for (std::size_t i = 1; i < kFlows; ++i) {
      if (!co_await tracer_.send(0, static_cast<std::uint8_t>(ttl), false)) co_return false;
    }
  }
  if (any) co_await tracer_.settle();
  co_return true;
}

// One packet of each of the first flows, all the way.
TraceRun::Sent TraceRun::whole_way() {
  const std::size_t count = plan_.ports.empty() ? std::min(kFlows, flows()) : flows();
  for (std::uint32_t flow = 0; flow < count; ++flow) {
    if (!co_await tracer_.send(flow, Tracer::kWholeWay)) co_return false;
  }
  co_return true;
}

// Whether something was not answered that others of its kind were.
bool TraceRun::left_out() const {
  return std::any_of(shots().begin(), shots().end(), [&](const TraceShot& each) {
    if (each.met != Met::nobody) return false;
    return each.ttl == Tracer::kWholeWay || (!limited(each.ttl) && !routers_at(each.ttl).empty());
  });
}

TraceRun::Sent TraceRun::repeat() {
  // A closed UDP port's answers are rationed: one round is what Linux answers.
  const std::uint32_t rounds = transport_ == Transport::udp ? 1 : kRounds;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    if (round >= kRoundsOfAHealthyWay && !left_out()) break;
    if (transport_ == Transport::udp) {
      co_await context_.sleep_until(Clock::now() + kErrorEvery);
      if (!co_await tracer_.send(0, Tracer::kWholeWay)) co_return false;
    } else if (!co_await whole_way()) {
      co_return false;
    }
    co_await tracer_.settle();
  }
  co_return true;
}

// Routers that hardly answer a few packets at once are limited: of those only what comes slowly enough is counted. What
// was taken for one before, by few packets, is asked again; and what is taken for one here once more.
TraceRun::Sent TraceRun::find_limited() {
  std::vector<std::uint32_t> asked = answering();
  for (int test = 0; test < kTestsOnALossyWay && !asked.empty(); ++test) {
    limited_.clear();
    const std::size_t before = shots().size();
    for (std::uint32_t i = 0; i < kTestOnALossyWay; ++i) {
      for (const std::uint32_t ttl : asked) {
        const auto flow = i % static_cast<std::uint32_t>(flows());
        if (!co_await tracer_.send(flow, static_cast<std::uint8_t>(ttl), false)) co_return false;
      }
    }
    co_await tracer_.settle();
    note_limited(before);
    asked.assign(limited_.begin(), limited_.end());
  }
  co_return true;
}

// By the uncounted packets from the given one on.
void TraceRun::note_limited(std::size_t from) {
  std::map<std::uint32_t, LossCount> by_ttl;
  for (std::size_t i = from; i < shots().size(); ++i) {
    if (shots()[i].counted) continue;
    LossCount& count = by_ttl[shots()[i].ttl];
    ++count.sent;
    count.lost += shots()[i].met != Met::router ? 1 : 0;
  }
  for (const auto& [ttl, count] : by_ttl) {
    const std::uint32_t answered = count.sent - count.lost;
    const bool hardly = count.sent >= kTestOnALossyWay ? answered * 3 <= count.sent : answered * 2 <= count.sent;
    if (count.sent >= kTestOfALimit && hardly) limited_.insert(ttl);
  }
}

TraceRun::Sent TraceRun::send_round(std::uint32_t round, std::map<std::uint32_t, Clock::time_point>& due) {
  const auto now = Clock::now();
  auto& target_due = due[Tracer::kWholeWay];
  if (now >= target_due) {
    if (transport_ == Transport::udp) {
      if (!co_await tracer_.send(round % static_cast<std::uint32_t>(flows()), Tracer::kWholeWay)) co_return false;
      target_due = now + kErrorEvery;
    } else if (!co_await whole_way()) {
      co_return false;
    }
  }
  const auto count = static_cast<std::uint32_t>(std::min(kFlows, flows()));
  for (std::uint32_t ttl = 1; ttl <= last_hop(); ++ttl) {
    auto& next = due[ttl];
    if (now < next) continue;
    if (!co_await tracer_.send(round % count, static_cast<std::uint8_t>(ttl))) co_return false;
    if (limited(ttl)) next = now + kErrorEvery;
  }
  co_return true;
}

TraceRun::Sent TraceRun::watch() {
  const auto end = Clock::now() + plan_.watch;
  std::map<std::uint32_t, Clock::time_point> due;
  if (!co_await find_limited()) co_return false;
  // One that was silent may have been used up by whoever traced before.
  for (std::uint32_t ttl = 1; ttl <= last_hop(); ++ttl) {
    if (!routers_at(ttl).empty()) continue;
    limited_.insert(ttl);
    tracer_.uncount(static_cast<std::uint8_t>(ttl));
  }
  for (const std::uint32_t ttl : limited_) due[ttl] = Clock::now() + kErrorEvery;
  for (std::uint32_t round = 0; Clock::now() < end && !context_.over(); ++round) {
    const auto begun = Clock::now();
    if (!co_await send_round(round, due)) co_return false;
    const std::chrono::milliseconds twice(static_cast<std::int64_t>(2 * slowest_ms()));
    co_await tracer_.listen(begun + std::max(kRound, twice));
    if (round >= kLeastRounds && read_trace(view({})).place_is_sharp) break;
  }
  co_await tracer_.settle();
  co_return true;
}

// Flows that look dead, some times more. Where a third of all packets is lost, some flow loses three in a row in one
// trace of two hundred; and a plain connection whose RST was lost leaves the target with one that takes the next SYN
// from that port for its own.
TraceRun::Sent TraceRun::doubt_dead() {
  const TraceReading reading = read_trace(view({}));
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    for (std::uint32_t flow = 0; flow < flows(); ++flow) {
      const auto& dead = reading.dead_flows;
      if (std::find(dead.begin(), dead.end(), tracer_.flow_port(flow)) == dead.end()) continue;
      if (!co_await tracer_.send(flow, Tracer::kWholeWay)) co_return false;
    }
    co_await tracer_.settle();
  }
  co_return true;
}

// Dead flows once more, where routers are let to answer.
TraceRun::Sent TraceRun::follow() {
  const TraceReading reading = read_trace(view({}));
  for (int round = 0; round < 2; ++round) {
    co_await context_.sleep_until(Clock::now() + kErrorEvery);
    std::uint32_t followed = 0;
    for (std::uint32_t flow = 0; flow < flows() && followed < 2; ++flow) {
      if (std::find(reading.dead_flows.begin(), reading.dead_flows.end(), tracer_.flow_port(flow)) ==
          reading.dead_flows.end()) {
        continue;
      }
      ++followed;
      for (const std::uint32_t ttl : answering()) {
        if (!co_await tracer_.send(flow, static_cast<std::uint8_t>(ttl))) co_return false;
      }
    }
    co_await tracer_.settle();
  }
  co_return true;
}

// All equal paths, and whether anything is lost on them.
TraceRun::Sent TraceRun::look_over() {
  if (!co_await spread()) co_return false;
  if (!co_await look_for_spreading_by_packet()) co_return false;
  if (!reached()) co_return true;
  if (!co_await repeat()) co_return false;
  if (read_trace(view({})).outcome == "flow_loss") {
    if (!co_await doubt_dead()) co_return false;
  }
  const TraceReading reading = read_trace(view({}));
  if (reading.outcome == "flow_loss") co_return co_await follow();
  if (reading.count.lost > 0) co_return co_await watch();
  co_return true;
}

Task<Result<void>> TraceRun::run(TracePlan plan) {
  plan_ = std::move(plan);
  tracer_.expect(plan_.delay_ms);
  const std::size_t first = plan_.ports.empty() ? std::min(kFlows, plan_.most_flows) : plan_.ports.size();
  if (const auto made = tracer_.make_flows(first, plan_.ports); !made) co_return unexpected(made.error());
  if (plan_.thorough && plain()) {
    (void)co_await list();
  } else {
    bool more = co_await reach();
    if (more) more = co_await discover();
    if (more && plan_.thorough) (void)co_await look_over();
  }
  if (!tracer_.send_error().empty() && !reached()) {
    co_return unexpected(make_error(ErrorCode::failed, "trace", wire_.target().to_string(), tracer_.send_error()));
  }
  co_return Result<void>{};
}

TraceView TraceRun::view(const std::map<IpAddress, std::string>& networks) const {
  const auto network = [&](const IpAddress& address) {
    const auto found = networks.find(address);
    return found == networks.end() ? std::string{} : found->second;
  };
  TraceView out;
  out.transport = transport_;
  out.port = transport_ == Transport::icmp ? 0 : port_;
  out.target = wire_.target();
  out.target_network = network(out.target);
  out.whole_connections = transport_ == Transport::tcp && !wire_.fallback().empty();
  out.distance = distance();
  for (std::uint32_t ttl = 1; ttl <= last_hop(); ++ttl) {
    TracedHop hop;
    hop.ttl = ttl;
    std::map<IpAddress, std::uint32_t> answers;
    for (const TraceShot& each : shots()) {
      if (each.ttl == ttl && each.met == Met::router) ++answers[each.from];
    }
    std::uint32_t most = 0;
    for (const auto& [address, count] : answers) {
      if (count <= most) continue;
      most = count;
      hop.address = address;
    }
    hop.network = network(hop.address);
    hop.count = count_at(ttl);
    hop.limited = limited(ttl);
    out.hops.push_back(std::move(hop));
  }
  for (std::uint32_t flow = 0; flow < flows(); ++flow) {
    TracedFlow each;
    each.port = tracer_.flow_port(flow);
    for (const TraceShot& shot : shots()) {
      if (shot.flow != flow) continue;
      const bool to_the_end = shot.ttl == out.distance && shot.met != Met::router;
      if (shot.ttl == Tracer::kWholeWay || to_the_end) {
        ++each.count.sent;
        each.count.lost += shot.met != Met::target ? 1 : 0;
      }
      if (shot.met == Met::router && shot.ttl != Tracer::kWholeWay && shot.ttl > each.last_ttl) {
        each.last_ttl = shot.ttl;
        each.last_address = shot.from;
      }
      if (shot.met == Met::refusal) out.refused_by = shot.from;
    }
    if (each.count.sent > 0) out.flows.push_back(each);
  }
  return out;
}

}  // namespace hostcheck::probe
