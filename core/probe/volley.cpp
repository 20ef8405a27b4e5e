#include "core/probe/volley.h"

#include <algorithm>
#include <random>

namespace hostcheck::probe {
namespace {

constexpr std::chrono::milliseconds kFirstPatience{1000};  // before anything is known about the delay
constexpr std::chrono::milliseconds kLeastPatience{200};
constexpr double kPatienceInDelays = 4;
// Linux answers a host with at most 6 ICMP errors at once and then one a second (net/ipv4/icmp.c, icmp_ratelimit).
constexpr double kErrorsAtOnce = 6;

}  // namespace

Volley::Volley(Context& context, Wire& wire, Transport transport, std::uint16_t port)
    : context_(context), wire_(wire), transport_(transport), port_(port), allowed_errors_(kErrorsAtOnce) {
  std::random_device random;
  echo_id_ = static_cast<std::uint16_t>(random());
  if (transport == Transport::icmp) context.note_flow(flow_of(transport, wire.target(), echo_id_, 0));
}

Clock::time_point Volley::patience() const {
  if (!slowest_ms_) return context_.within(kFirstPatience);
  const std::chrono::milliseconds wait(static_cast<std::int64_t>(*slowest_ms_ * kPatienceInDelays) + 20);
  return context_.within(std::max(wait, kLeastPatience));
}

// A datagram to a closed port costs the target one of the errors it may send.
Task<void> Volley::wait_for_errors_to_be_allowed() {
  while (transport_ == Transport::udp) {
    const auto now = Clock::now();
    if (allowed_at_ != Clock::time_point{}) {
      const std::chrono::duration<double> passed = now - allowed_at_;
      allowed_errors_ = std::min(kErrorsAtOnce, allowed_errors_ + passed.count());
    }
    allowed_at_ = now;
    if (allowed_errors_ >= 1 || context_.over()) break;
    co_await context_.sleep_until(now + std::chrono::milliseconds(static_cast<int>((1 - allowed_errors_) * 1000) + 10));
  }
  allowed_errors_ -= 1;
}

// All that a volley needs, before its first packet: holding one forgets answers that were not read yet.
Result<void> Volley::hold_ports(std::size_t shots) {
  tcp_ports_.clear();
  const std::size_t wanted = transport_ == Transport::tcp ? shots : transport_ == Transport::udp && source_port_ == 0;
  for (std::size_t i = 0; i < wanted; ++i) {
    const auto held = wire_.hold_port(context_, transport_);
    if (!held) return unexpected(held.error());
    (transport_ == Transport::udp ? source_port_ : tcp_ports_.emplace_back()) = *held;
    context_.note_flow(flow_of(transport_, wire_.target(), *held, port_));
  }
  return {};
}

Task<bool> Volley::send(Shot& shot, std::uint32_t number) {
  co_await wait_for_errors_to_be_allowed();
  const std::uint32_t count = shot.cut != 0 ? 2 : 1;
  if (!co_await context_.turn(wire_.target(), count)) co_return false;
  Envelope envelope;
  envelope.source = wire_.source();
  envelope.destination = wire_.target();
  envelope.ttl = shot.ttl;
  envelope.id = static_cast<std::uint16_t>(0x4000U + number);
  envelope.dont_fragment = shot.cut == 0;
  const auto mark = static_cast<std::uint16_t>(number);
  Bytes packet;
  if (transport_ == Transport::tcp) {
    const std::uint16_t own = tcp_ports_[number - base_];
    by_port_[own] = number;
    packet = make_syn(envelope, {own, port_}, number * 0x10001U, shot.size);
  } else if (transport_ == Transport::udp) {
    packet = make_datagram(envelope, {source_port_, port_}, mark, shot.size);
  } else {
    packet = make_echo(envelope, echo_id_, mark, mark, shot.size);
  }
  shot.sent_ns = realtime_ns();
  const std::vector<Bytes> parts =
      shot.cut != 0 ? cut_in_two(packet, shot.cut, 0x40000000U + number) : std::vector<Bytes>{std::move(packet)};
  for (const Bytes& part : parts) {
    if (const auto sent = wire_.send(part); !sent) {
      send_error_ = sent.error().message();
      shot.fate = Fate::lost;
    }
  }
  packets_ += count;
  co_return true;
}

Task<bool> Volley::fire(std::vector<Shot>& shots) {
  if (const auto held = hold_ports(shots.size()); !held) {
    send_error_ = held.error().message();
    co_return false;
  }
  by_port_.clear();
  for (std::size_t i = 0; i < shots.size(); ++i) {
    if (!co_await send(shots[i], base_ + static_cast<std::uint32_t>(i))) co_return false;
  }
  const auto sent = Clock::now();
  const auto waiting = [&] {
    return std::any_of(shots.begin(), shots.end(), [](const Shot& each) { return each.fate == Fate::waiting; });
  };
  take(shots);
  const auto longest = patience() - sent;
  while (waiting()) {
    const auto until = std::min(sent + longest, slowest_ms_ ? sent + (patience() - Clock::now()) : sent + longest);
    if (!co_await wire_.readable(until)) break;
    take(shots);
  }
  take(shots);
  for (Shot& each : shots) {
    if (each.fate != Fate::waiting) continue;
    each.fate = Fate::lost;
    allowed_errors_ = std::min(kErrorsAtOnce, allowed_errors_ + 1);
  }
  base_ += static_cast<std::uint32_t>(shots.size());
  co_return !context_.over();
}

Shot* Volley::shot_of(const Answer& answer, std::vector<Shot>& shots) {
  std::uint32_t number = 0;
  const auto number_of_port = [&](std::uint16_t port) {
    const auto found = by_port_.find(port);
    return found == by_port_.end() ? 0U : found->second;
  };
  if (answer.tcp) {
    if (transport_ == Transport::tcp && answer.from == wire_.target())
      number = number_of_port(answer.tcp->ports.destination);
  } else if (answer.icmp && answer.icmp->type == IcmpType::echo_reply) {
    if (transport_ == Transport::icmp && answer.icmp->echo_id == echo_id_ && answer.from == wire_.target()) {
      number = answer.icmp->echo_sequence;
    }
  } else if (answer.icmp && answer.icmp->quoted) {
    const Quoted& quoted = *answer.icmp->quoted;
    if (quoted.transport != transport_ || quoted.destination != wire_.target()) return nullptr;
    if (transport_ == Transport::tcp) number = number_of_port(quoted.ports.source);
    if (transport_ == Transport::udp && quoted.ports.source == source_port_) number = quoted.checksum;
    if (transport_ == Transport::icmp && quoted.echo_id == echo_id_) number = quoted.echo_sequence;
  }
  if (number < base_ || number >= base_ + shots.size()) return nullptr;
  return &shots[number - base_];
}

void Volley::take(std::vector<Shot>& shots) {
  for (const Answer& answer : wire_.read()) {
    Shot* shot = shot_of(answer, shots);
    if (shot == nullptr || shot->fate != Fate::waiting) continue;
    shot->from = answer.from;
    shot->rtt_ms = static_cast<double>(answer.at_ns - shot->sent_ns) / 1e6;
    const bool from_target = answer.from == wire_.target();
    if (answer.icmp && answer.icmp->type == IcmpType::too_big) {
      shot->fate = Fate::too_big;
      shot->mtu = answer.icmp->mtu;
      continue;
    }
    if (answer.icmp && answer.icmp->type == IcmpType::time_exceeded) {
      shot->fate = Fate::answered;
      shot->expired = true;
    } else {
      // The target's own words, whatever they are, say that the packet arrived.
      shot->fate = from_target ? Fate::answered : Fate::refused;
    }
    if (from_target) slowest_ms_ = std::max(slowest_ms_.value_or(0), shot->rtt_ms);
  }
}

}  // namespace hostcheck::probe
