#include "core/observe/capture.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace hostcheck::observe {
namespace {

std::optional<Frame> read(kernel::PacketStart start, std::uint16_t ethertype, std::span<const std::uint8_t> bytes) {
  return start == kernel::PacketStart::ethernet ? read_ethernet(bytes) : read_network(bytes, ethertype);
}

bool is_evidence(const Frame& frame) {
  return frame.icmp_error || (frame.is_tcp() && (frame.tcp_flags & (kTcpSyn | kTcpRst)) != 0);
}

// One attempt to connect: the SYN's tuple and sequence number.
using Attempt = std::tuple<std::size_t, IpAddress, std::uint16_t, IpAddress, std::uint16_t, std::uint32_t>;

std::optional<Attempt> attempt_of(const CapturedPacket& packet, const Frame& frame) {
  const PacketHeader& head = frame.header;
  if (frame.is_syn()) {
    return Attempt{packet.place,     head.source,           head.source_port,
                   head.destination, head.destination_port, frame.sequence};
  }
  if (frame.is_syn_ack()) {
    return Attempt{packet.place, head.destination, head.destination_port,
                   head.source,  head.source_port, frame.acknowledgement - 1};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Frame> CapturedPacket::frame() const {
  return read(start, ethertype, bytes);
}

std::size_t give_up_answered(std::vector<CapturedPacket>& packets) {
  struct Story {
    std::map<std::pair<std::uint32_t, bool>, std::uint32_t> syns;  // by interface and direction
    std::map<std::pair<std::uint32_t, bool>, std::uint32_t> answers;
  };
  std::map<Attempt, Story> stories;
  for (const CapturedPacket& each : packets) {
    const auto frame = each.frame();
    const auto attempt = frame ? attempt_of(each, *frame) : std::nullopt;
    if (!attempt) continue;
    Story& story = stories[*attempt];
    ++(frame->is_syn() ? story.syns : story.answers)[{each.ifindex, each.outgoing}];
  }
  const auto once = [](const auto& counts) {
    return !counts.empty() &&
           std::all_of(counts.begin(), counts.end(), [](const auto& each) { return each.second == 1; });
  };
  return std::erase_if(packets, [&](const CapturedPacket& each) {
    const auto frame = each.frame();
    const auto attempt = frame ? attempt_of(each, *frame) : std::nullopt;
    if (!attempt) return false;
    const Story& story = stories[*attempt];
    return once(story.syns) && once(story.answers);
  });
}

std::optional<std::uint32_t> ProbeFlows::find(const std::string& netns, const PacketHeader& header, bool sent) const {
  Flow flow;
  flow.protocol = header.protocol;
  flow.peer = sent ? header.destination : header.source;
  if (header.later_fragment) {  // no ports are known: any conversation with this peer
    const auto any = probes_.lower_bound({netns, flow});
    const bool found = any != probes_.end() && any->first.first == netns &&
                       any->first.second.protocol == flow.protocol && any->first.second.peer == flow.peer;
    return found ? std::optional(any->second) : std::nullopt;
  }
  flow.own_port = sent ? header.source_port : header.destination_port;
  flow.peer_port = sent ? header.destination_port : header.source_port;
  if (header.echo_id != 0) flow.own_port = header.echo_id;
  auto found = probes_.find({netns, flow});
  flow.peer_port = 0;
  if (found == probes_.end()) found = probes_.find({netns, flow});
  return found == probes_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> ProbeFlows::probe_of(const std::string& netns, const Frame& frame) const {
  if (frame.icmp_error) return frame.quoted ? find(netns, *frame.quoted, true) : std::nullopt;
  PacketHeader header = frame.header;
  if (frame.neighbour) {
    header.protocol = 0;
    header.destination = *frame.neighbour;
    return find(netns, header, true);
  }
  const auto sent = find(netns, header, true);
  return sent ? sent : find(netns, header, false);
}

Capture Capture::open(const std::vector<kernel::NetnsInfo>& namespaces, CaptureLimits limits) {
  Capture capture(limits);
  for (const kernel::NetnsInfo& each : namespaces) {
    if (capture.places_.size() >= kMostNamespaces) {
      capture.record_.failures.emplace_back(
          each.name, make_error(ErrorCode::limit, "packet capture", each.name,
                                "no more than " + std::to_string(kMostNamespaces) + " namespaces are heard"));
      continue;
    }
    auto scope = kernel::NetnsScope::enter(each);
    auto tap = scope ? kernel::PacketTap::open() : Result<kernel::PacketTap>(unexpected(scope.error()));
    // Of many namespaces one that went away meanwhile is not missing.
    if (!tap && tap.error().code == ErrorCode::vanished && namespaces.size() > 1) continue;
    if (!tap) {
      capture.record_.failures.emplace_back(each.name, tap.error());
      continue;
    }
    capture.places_.push_back({each.name, std::move(*tap), {}});
    capture.record_.namespaces.push_back(each.name);
  }
  return capture;
}

bool Capture::is_full(std::size_t more) const {
  return record_.packets.size() >= limits_.packets || bytes_ + more > limits_.bytes;
}

void Capture::keep(std::size_t place, const kernel::TappedPacket& packet) {
  const auto frame = read(packet.start, packet.ethertype, packet.bytes);
  if (!frame || (!probing_ && !is_evidence(*frame))) return;
  ++record_.heard;
  const auto headers = packet.bytes.first(std::min(frame->header_bytes, packet.bytes.size()));
  if (is_full(headers.size())) make_room();
  if (is_full(headers.size())) {
    ++record_.not_kept;
    return;
  }
  CapturedPacket& kept = record_.packets.emplace_back();
  kept.at = packet.at;
  kept.place = place;
  kept.ifindex = packet.ifindex;
  kept.start = packet.start;
  kept.ethertype = packet.ethertype;
  kept.length = packet.length;
  kept.outgoing = packet.outgoing;
  kept.probing = probing_;
  kept.bytes.assign(headers.begin(), headers.end());
  bytes_ += headers.size();
}

void Capture::make_room() {
  if (record_.heard < next_room_) return;
  const std::size_t before = record_.packets.size();
  if (probing_) {
    give_up_foreign();
  } else {
    record_.answered += give_up_answered(record_.packets);
  }
  bytes_ = 0;
  for (const CapturedPacket& each : record_.packets) bytes_ += each.bytes.size();
  const bool worth_it = before - record_.packets.size() > limits_.packets / 8;
  next_room_ = worth_it ? record_.heard : 2 * record_.heard;
}

// While probes are sent: what is of no conversation of theirs.
void Capture::give_up_foreign() {
  std::erase_if(record_.packets, [&](const CapturedPacket& each) {
    if (!each.probing) return false;
    const auto frame = each.frame();
    return !frame || !record_.flows.probe_of(record_.namespaces[each.place], *frame);
  });
}

void Capture::drain() {
  for (std::size_t place = 0; place < places_.size(); ++place) {
    places_[place].tap.drain([&](const kernel::TappedPacket& packet) { keep(place, packet); });
  }
}

void Capture::begin_probes() {
  if (probing_) return;
  drain();
  note_interfaces();
  probing_ = true;
  for (Place& each : places_) (void)each.tap.hear_probes({});
}

void Capture::add_peer(const kernel::NetnsInfo& netns, const IpAddress& peer) {
  for (Place& each : places_) {
    if (each.netns != netns.name || std::find(each.peers.begin(), each.peers.end(), peer) != each.peers.end()) continue;
    each.peers.push_back(peer);
    const auto of_family = std::count_if(each.peers.begin(), each.peers.end(),
                                         [&](const IpAddress& other) { return other.family() == peer.family(); });
    const bool fits = static_cast<std::size_t>(of_family) <= kernel::kMostPeers;
    if (!fits || !each.tap.hear_probes(each.peers)) ++record_.peers_left_out;
  }
}

// While they are there: an interface that goes away takes its name with it.
void Capture::note_interfaces() {
  for (const CapturedPacket& each : record_.packets) {
    auto [name, is_new] = record_.interfaces.try_emplace({each.place, each.ifindex});
    if (is_new) name->second = places_[each.place].tap.interface_name(each.ifindex);
  }
}

CaptureRecord Capture::stop() {
  drain();
  note_interfaces();
  for (Place& each : places_) record_.lost += each.tap.lost();
  places_.clear();
  std::stable_sort(record_.packets.begin(), record_.packets.end(),
                   [](const CapturedPacket& a, const CapturedPacket& b) { return a.at < b.at; });
  return std::move(record_);
}

}  // namespace hostcheck::observe
