// Half-open SYNs: the kernel answers each SYN-ACK with RST, since no socket has the port, and a SYN without an answer
// is taken back with a RST of ours. So none takes a place in an accept queue, and none stays half open.
#include <algorithm>
#include <random>

#include "core/probe/packet.h"
#include "core/probe/raw_wire.h"
#include "core/probe/sweep_ports.h"
#include "core/probe/sweep_sender.h"

namespace hostcheck::probe {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kFewestPorts = 4;
constexpr std::uint32_t kStride = 64021;  // between the sequence numbers of SYNs
constexpr milliseconds kTick(10);

// One SYN on its way.
struct Flight {
  std::int64_t sent_ns = 0;
  Clock::time_point sent_at{};
  std::optional<HalfOpen> place;  // given back when it is answered or taken back
  std::uint16_t source = 0;
  bool over = false;  // answered, or an ICMP error came
};

std::string_view words_of(IcmpType type) {
  switch (type) {
    case IcmpType::time_exceeded:
      return "time exceeded";
    case IcmpType::too_big:
      return "packet too big";
    case IcmpType::port_unreachable:
      return "port unreachable";
    case IcmpType::prohibited:
      return "administratively prohibited";
    case IcmpType::unreachable:
      return "destination unreachable";
    default:
      return "an error";
  }
}

class RawSweep final : public SweepSender {
 public:
  RawSweep(Context& context, std::unique_ptr<Wire> wire, const SweepTarget& target, std::vector<std::uint16_t> ports)
      : context_(context), wire_(std::move(wire)), target_(target), ports_(std::move(ports)) {
    std::random_device random;
    base_ = random();
  }

  [[nodiscard]] const std::vector<std::uint16_t>& ports() const override { return ports_; }

  [[nodiscard]] Task<bool> send(SweepJudge& judge, SweepJudge::Stage stage, SweepSightings& sightings) override {
    sending_ = true;
    complete_ = true;
    std::vector<Task<void>> tasks;
    tasks.push_back(fire(judge, stage, sightings));
    tasks.push_back(hear(judge, stage, sightings));
    co_await context_.together(std::move(tasks));
    co_return complete_;
  }

  [[nodiscard]] Task<void> finish(SweepJudge& judge, SweepSightings& sightings) override {
    for (;;) {
      // Flows on a slower path were heard in the first stage, late as they were.
      const auto wait =
          std::clamp(milliseconds(static_cast<int>(10 * sightings.slowest_ms)), milliseconds(400), kSweepPatience);
      const auto patience = sightings.answers == 0 ? kSweepPatience : wait;
      Clock::time_point last{};
      for (const Flight& flight : flights_) {
        if (!flight.over) last = std::max(last, flight.sent_at + patience);
      }
      if (Clock::now() >= last || context_.over()) break;
      (void)co_await wire_->readable(std::min(last, context_.limits().deadline));
      take(judge, sightings);
      co_await take_back(sweep_patience(sightings));
    }
    co_await take_back(milliseconds(0));
  }

 private:
  [[nodiscard]] Envelope envelope(std::uint16_t source_port) const {
    Envelope out;
    out.source = wire_->source();
    out.destination = target_.address;
    // Some routers hash the label: one for each port, so that a port keeps to its path.
    out.flow_label = (source_port * 2654435761U) >> 12U;
    return out;
  }
  [[nodiscard]] std::uint32_t sequence(std::size_t shot) const {
    return base_ + static_cast<std::uint32_t>(shot) * kStride;
  }

  Task<void> fire(SweepJudge& judge, SweepJudge::Stage stage, SweepSightings& sightings) {
    const auto gap = kSweepGap * (stage.slow ? 8 : 1);
    auto next = Clock::now();
    for (std::size_t shot = stage.first; shot < stage.first + stage.count; ++shot) {
      auto place = co_await context_.half_open(target_.address);
      co_await context_.sleep_until(next);
      if (!place || !co_await context_.turn(target_.address)) {
        judge.forget_from(shot);
        complete_ = false;
        break;
      }
      next = std::max(next + gap, Clock::now() + gap / 4);
      const std::uint16_t source = ports_[judge.shots()[shot].port];
      flights_.resize(shot + 1);
      Flight& flight = flights_[shot];
      flight.source = source;
      flight.sent_at = Clock::now();
      flight.sent_ns = realtime_ns();
      flight.place = std::move(place);
      const auto sent = wire_->send(make_syn(envelope(source), {source, target_.port}, sequence(shot), 0));
      if (sent) continue;
      sightings.send_error = sent.error().message();
      judge.unsent(shot);
      flight.over = true;
      flight.place.reset();
    }
    sending_ = false;
  }

  // Until the stage's SYNs are answered or given up.
  Task<void> hear(SweepJudge& judge, SweepJudge::Stage stage, SweepSightings& sightings) {
    while (!context_.over()) {
      (void)co_await wire_->readable(context_.within(kTick));
      take(judge, sightings);
      co_await take_back(sweep_patience(sightings));
      if (sending_) continue;
      if (stage.scouts && sightings.answers > 0) break;
      const bool waits =
          std::any_of(flights_.begin() + static_cast<std::ptrdiff_t>(std::min(stage.first, flights_.size())),
                      flights_.end(), [](const Flight& flight) { return flight.place.has_value(); });
      if (!waits) break;
    }
  }

  void take(SweepJudge& judge, SweepSightings& sightings) {
    for (const Answer& answer : wire_->read()) {
      const bool error = answer.icmp && answer.icmp->quoted && answer.icmp->quoted->transport == Transport::tcp;
      if (!answer.tcp && !error) continue;
      const std::uint32_t number = error ? answer.icmp->quoted->sequence : answer.tcp->acknowledged - 1;
      const std::uint16_t source = error ? answer.icmp->quoted->ports.source : answer.tcp->ports.destination;
      const bool bare_ack = !error && answer.tcp->ack && !answer.tcp->syn && !answer.tcp->rst;
      const auto shot = shot_of(number, source, bare_ack);
      if (!shot) continue;
      Flight& flight = flights_[*shot];
      const double took_ms = static_cast<double>(answer.at_ns - flight.sent_ns) / 1e6;
      if (flight.over || took_ms > static_cast<double>(kSweepPatience.count())) continue;
      flight.over = true;
      flight.place.reset();
      const std::size_t port = judge.shots()[*shot].port;
      if (error) {
        sightings.errors[port] =
            "ICMP " + std::string(words_of(answer.icmp->type)) + " from " + answer.from.to_string();
        continue;
      }
      judge.answered(*shot);
      ++sightings.answers;
      sightings.slowest_ms = std::max(sightings.slowest_ms, took_ms);
      sightings.rtt_ms[port].push_back(std::max(0.0, took_ms));
      if (answer.tcp->rst) ++sightings.refused;
    }
  }

  // By its sequence number. A peer that still has an earlier SYN of this port (our RST got lost, or it is in TIME-WAIT)
  // answers the new one with an ACK of its own number.
  [[nodiscard]] std::optional<std::size_t> shot_of(std::uint32_t number, std::uint16_t source, bool bare_ack) const {
    const std::uint32_t distance = number - base_;
    const std::size_t shot = distance / kStride;
    const auto is_from = [&](std::size_t each) { return flights_[each].source == source; };
    const std::size_t known = flights_.size();
    if (!bare_ack) {
      if (distance % kStride == 0 && shot < known && is_from(shot)) return shot;
      return std::nullopt;
    }
    for (std::size_t each = known; each > 0; --each) {
      if (is_from(each - 1)) return each - 1;
    }
    return std::nullopt;
  }

  // Gives up SYNs that are older, and tells the peer so.
  Task<void> take_back(milliseconds older_than) {
    const auto limit = Clock::now() - older_than;
    for (std::size_t shot = first_held_; shot < flights_.size(); ++shot) {
      if (!flights_[shot].place) {
        if (shot == first_held_) ++first_held_;
        continue;
      }
      if (flights_[shot].sent_at > limit) break;
      const std::uint16_t source = flights_[shot].source;
      if (co_await context_.turn(target_.address)) {
        (void)wire_->send(make_reset(envelope(source), {source, target_.port}, sequence(shot) + 1));
      }
      flights_[shot].place.reset();
    }
  }

  Context& context_;
  std::unique_ptr<Wire> wire_;
  SweepTarget target_;
  std::vector<std::uint16_t> ports_;
  std::vector<Flight> flights_;  // by shot
  std::size_t first_held_ = 0;   // no SYN before it holds a place
  std::uint32_t base_ = 0;
  bool sending_ = false;
  bool complete_ = true;
};

// Holds a port of each list of candidates; leaves out lists of which every port is in use.
std::vector<std::uint16_t> hold_ports(const Context& context, Wire& wire, const SweepTarget& target,
                                      const std::vector<std::vector<std::uint16_t>>& candidates) {
  std::vector<std::uint16_t> out;
  for (const auto& list : candidates) {
    for (const std::uint16_t port : list) {
      if (!wire.hold_port(context, Transport::tcp, port)) continue;
      out.push_back(port);
      context.note_flow(flow_of(Transport::tcp, target.address, port, target.port));
      break;
    }
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<SweepSender>> open_raw_sweep(Context& context, const SweepTarget& target) {
  const auto way = way_out(context, target.address, target.port);
  if (!way) return unexpected(way.error());
  auto wire = RawWire::open(context, target.address, target.port, *way);
  if (!wire) return unexpected(wire.error());
  std::random_device seed;
  std::mt19937_64 random(seed());
  auto ports = hold_ports(context, **wire, target, candidate_ports(context, target.ports, target.first, random));
  if (ports.size() < kFewestPorts) {
    return unexpected(make_error(ErrorCode::failed, "sweep", target.address.to_string(),
                                 "only " + std::to_string(ports.size()) + " source ports are free"));
  }
  return std::make_unique<RawSweep>(context, std::move(*wire), target, std::move(ports));
}

}  // namespace hostcheck::probe
