#include "core/probe/tracer.h"

#include <algorithm>
#include <random>

namespace hostcheck::probe {
namespace {

constexpr std::chrono::milliseconds kFirstPatience{1000};
constexpr std::chrono::milliseconds kLeastPatience{200};
constexpr double kPatienceInDelays = 4;
constexpr std::uint32_t kMostShots = 0xfffe;  // what 16 bits of identity tell apart

}  // namespace

Tracer::Tracer(Context& context, Wire& wire, Transport transport, std::uint16_t port)
    : context_(context), wire_(wire), transport_(transport), port_(port) {
  std::random_device random;
  base_ = random();
}

Result<void> Tracer::make_flows(std::size_t count, const std::vector<std::uint16_t>& wanted) {
  while (flow_ports_.size() < count) {
    const std::uint16_t port = flow_ports_.size() < wanted.size() ? wanted[flow_ports_.size()] : 0;
    if (transport_ == Transport::icmp) {
      flow_ports_.push_back(port != 0 ? port : static_cast<std::uint16_t>((base_ >> 8U) + flow_ports_.size()));
      context_.note_flow(flow_of(transport_, wire_.target(), flow_ports_.back(), 0));
      continue;
    }
    const auto held = wire_.hold_port(context_, transport_, port);
    if (!held) return unexpected(held.error());
    flow_ports_.push_back(*held);
    context_.note_flow(flow_of(transport_, wire_.target(), *held, port_));
  }
  return {};
}

Bytes Tracer::packet_of(std::uint32_t number, std::uint32_t flow, std::uint8_t ttl) const {
  Envelope envelope;
  envelope.source = wire_.source();
  envelope.destination = wire_.target();
  envelope.ttl = ttl;
  envelope.id = static_cast<std::uint16_t>(number);
  envelope.flow_label = (base_ ^ flow * 0x9e37U) & 0xfffffU;
  const std::uint16_t own = flow_ports_[flow];
  const auto mark = static_cast<std::uint16_t>(number);
  if (transport_ == Transport::tcp) return make_syn(envelope, {own, port_}, base_ + number, 0);
  if (transport_ == Transport::udp) return make_datagram(envelope, {own, port_}, mark, 60);
  // The checksum is part of what routers spread echoes by: constant in a flow.
  return make_echo(envelope, own, mark, static_cast<std::uint16_t>(own % 0xfffdU + 1), 60);
}

// By plain sockets a flow's packet of TCP has to be answered or given up before its next one.
Task<void> Tracer::wait_for_flow(std::uint32_t flow) {
  if (transport_ != Transport::tcp || !wire_.is_busy(flow_ports_[flow])) co_return;
  const auto until = patience_from(flow_sent_[flow]);
  while (wire_.is_busy(flow_ports_[flow])) {
    if (!co_await wire_.readable(until)) co_return;
    take();
  }
}

Task<bool> Tracer::send(std::uint32_t flow, std::uint8_t ttl, bool counted) {
  co_await wait_for_flow(flow);
  if (shots_.size() >= kMostShots || !co_await context_.turn(wire_.target())) co_return false;
  const auto number = static_cast<std::uint32_t>(shots_.size() + 1);
  const Bytes packet = packet_of(number, flow, ttl);
  shots_.emplace_back();
  shots_.back().flow = flow;
  shots_.back().ttl = ttl;
  shots_.back().counted = counted;
  shots_.back().sent_ns = realtime_ns();
  if (const auto sent = wire_.send(packet); !sent) {
    send_error_ = sent.error().message();
    co_return false;
  }
  last_sent_ = Clock::now();
  flow_sent_[flow] = last_sent_;
  co_return true;
}

bool Tracer::waiting() const {
  return std::any_of(shots_.begin() + static_cast<std::ptrdiff_t>(settled_), shots_.end(),
                     [](const TraceShot& each) { return each.met == Met::nobody; });
}

Clock::time_point Tracer::patience_from(Clock::time_point sent) const {
  if (slowest_ms_ == 0) return std::min(sent + kFirstPatience, context_.limits().deadline);
  const std::chrono::milliseconds wait(static_cast<std::int64_t>(slowest_ms_ * kPatienceInDelays) + 20);
  return std::min(sent + std::clamp(wait, kLeastPatience, kFirstPatience), context_.limits().deadline);
}

Task<void> Tracer::settle() {
  take();
  while (waiting()) {
    const auto until = patience_from(last_sent_);
    const bool some = co_await wire_.readable(until);
    take();
    if (!some) break;
  }
  take();
  settled_ = shots_.size();
}

Task<bool> Tracer::all_answered(std::chrono::milliseconds within) {
  const auto until = context_.within(within);
  take();
  while (waiting()) {
    if (!co_await wire_.readable(until)) break;
    take();
  }
  co_return !waiting();
}

Task<void> Tracer::listen(Clock::time_point until) {
  until = std::min(until, context_.limits().deadline);
  take();
  for (bool some = true; some;) {
    some = co_await wire_.readable(until);
    take();
  }
}

void Tracer::uncount(std::uint8_t ttl) {
  for (TraceShot& each : shots_) {
    if (each.ttl == ttl) each.counted = false;
  }
}

TraceShot* Tracer::latest_of_port(std::uint16_t port) {
  // What a router as far away as that has answered, or one farther, cannot have reached the target.
  const auto found = std::find_if(shots_.rbegin(), shots_.rend(), [&](const TraceShot& each) {
    return flow_ports_[each.flow] == port && each.ttl > farthest_router_;
  });
  return found == shots_.rend() ? nullptr : &*found;
}

TraceShot* Tracer::shot_of(const Answer& answer) {
  std::uint32_t number = 0;
  if (answer.tcp) {
    if (transport_ != Transport::tcp || answer.from != wire_.target()) return nullptr;
    number = answer.tcp->acknowledged - 1 - base_;
    const bool exact = answer.tcp->ack && number >= 1 && number <= shots_.size() &&
                       flow_ports_[shots_[number - 1].flow] == answer.tcp->ports.destination;
    // A bare ACK or one for an older SYN of the same flow: what was sent last has arrived.
    if (!exact) return latest_of_port(answer.tcp->ports.destination);
  } else if (answer.icmp->type == IcmpType::echo_reply) {
    if (transport_ != Transport::icmp || answer.from != wire_.target()) return nullptr;
    number = answer.icmp->echo_sequence;
    if (number < 1 || number > shots_.size()) return nullptr;
    if (flow_ports_[shots_[number - 1].flow] != answer.icmp->echo_id) return nullptr;
  } else if (answer.icmp->quoted) {
    const Quoted& quoted = *answer.icmp->quoted;
    if (quoted.transport != transport_ || quoted.destination != wire_.target()) return nullptr;
    number = transport_ == Transport::tcp   ? quoted.sequence - base_
             : transport_ == Transport::udp ? quoted.checksum
                                            : quoted.echo_sequence;
    if (number < 1 || number > shots_.size()) return nullptr;
    const std::uint16_t own = transport_ == Transport::icmp ? quoted.echo_id : quoted.ports.source;
    if (flow_ports_[shots_[number - 1].flow] != own) return nullptr;
  }
  if (number < 1 || number > shots_.size()) return nullptr;
  return &shots_[number - 1];
}

void Tracer::take() {
  for (Answer& answer : wire_.read()) {
    TraceShot* shot = shot_of(answer);
    if (shot == nullptr || shot->met != Met::nobody) continue;
    shot->from = answer.from;
    shot->rtt_ms = static_cast<double>(answer.at_ns - shot->sent_ns) / 1e6;
    if (answer.from == wire_.target()) {
      shot->met = Met::target;
      if (answer.ttl) target_ttl_ = answer.ttl;
    } else if (answer.icmp && answer.icmp->type == IcmpType::time_exceeded) {
      shot->met = Met::router;
      if (shot->ttl != kWholeWay) farthest_router_ = std::max(farthest_router_, shot->ttl);
      shot->mpls = std::move(answer.icmp->mpls);
    } else {
      shot->met = Met::refusal;
    }
    slowest_ms_ = std::max(slowest_ms_, shot->rtt_ms);
  }
}

}  // namespace hostcheck::probe
