#include "core/probe/link_frames.h"

#include <algorithm>
#include <array>

namespace hostcheck::probe {
namespace {

constexpr std::size_t kMacBytes = 6;
constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kArpBytes = 28;
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kEchoBytes = 8;
constexpr std::size_t kEchoData = 24;  // as much as makes the frame as long as Ethernet's shortest
constexpr std::size_t kSolicitationBytes = 24;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kArp = 0x0806;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint16_t kArpRequest = 1;
constexpr std::uint16_t kArpReply = 2;
constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::uint8_t kSourceLinkAddress = 1;
constexpr std::uint8_t kTargetLinkAddress = 2;
constexpr std::uint8_t kNdpHopLimit = 255;  // RFC 4861: others are not taken
constexpr std::uint8_t kHopLimit = 64;

void put16(Frame& frame, std::uint16_t value) {
  frame.push_back(static_cast<std::uint8_t>(value >> 8));
  frame.push_back(static_cast<std::uint8_t>(value & 0xff));
}

void put(Frame& frame, std::span<const std::uint8_t> bytes) {
  frame.insert(frame.end(), bytes.begin(), bytes.end());
}

void put_mac(Frame& frame, const LinkAddress& mac) {
  for (std::size_t at = 0; at < kMacBytes; ++at) frame.push_back(at < mac.bytes().size() ? mac.bytes()[at] : 0);
}

void set16(Frame& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

std::uint16_t get16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

LinkAddress mac_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return LinkAddress::from_bytes(bytes.subspan(at, kMacBytes));
}

Frame ethernet(const LinkAddress& to, const LinkAddress& from, std::uint16_t type) {
  Frame frame;
  put_mac(frame, to);
  put_mac(frame, from);
  put16(frame, type);
  return frame;
}

Frame arp_question(const LinkSender& sender, const IpAddress& target, const LinkAddress& to) {
  static constexpr std::array<std::uint8_t, kMacBytes> kEverybody = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  Frame frame = ethernet(to.empty() ? LinkAddress::from_bytes(kEverybody) : to, sender.mac, kArp);
  put16(frame, 1);  // Ethernet
  put16(frame, kIpv4);
  frame.push_back(kMacBytes);
  frame.push_back(4);
  put16(frame, kArpRequest);
  put_mac(frame, sender.mac);
  put(frame, sender.address.bytes());
  put_mac(frame, {});
  put(frame, target.bytes());
  return frame;
}

// The group that every holder of the address is in, and the MAC address that its packets go to.
struct SolicitedGroup {
  std::array<std::uint8_t, 16> address = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::array<std::uint8_t, kMacBytes> mac = {0x33, 0x33, 0xff};
  explicit SolicitedGroup(const IpAddress& target) {
    const auto last = target.bytes().last(3);
    std::copy(last.begin(), last.end(), address.begin() + 13);
    std::copy(last.begin(), last.end(), mac.begin() + 3);
  }
};

// The IPv6 header in front of an ICMPv6 message, which is then given its checksum.
void put_ipv6(Frame& frame, const IpAddress& from, std::span<const std::uint8_t> to, std::uint8_t hop_limit,
              Frame message) {
  put16(frame, 0x6000);
  put16(frame, 0);
  put16(frame, static_cast<std::uint16_t>(message.size()));
  frame.push_back(kIcmpv6);
  frame.push_back(hop_limit);
  put(frame, from.bytes());
  put(frame, to);
  Frame pseudo(from.bytes().begin(), from.bytes().end());
  put(pseudo, to);
  put16(pseudo, 0);
  put16(pseudo, static_cast<std::uint16_t>(message.size()));
  put16(pseudo, 0);
  put16(pseudo, kIcmpv6);
  put(pseudo, message);
  set16(message, 2, internet_checksum(pseudo));
  put(frame, message);
}

Frame solicitation(const LinkSender& sender, const IpAddress& target, const LinkAddress& to) {
  const SolicitedGroup group(target);
  Frame frame = ethernet(to.empty() ? LinkAddress::from_bytes(group.mac) : to, sender.mac, kIpv6);
  Frame message = {kSolicitation, 0, 0, 0, 0, 0, 0, 0};
  put(message, target.bytes());
  if (!sender.address.is_any()) {  // RFC 4862: a question for duplicates carries no link-layer address
    message.push_back(kSourceLinkAddress);
    message.push_back(1);
    put_mac(message, sender.mac);
  }
  const std::span<const std::uint8_t> destination =
      to.empty() ? std::span<const std::uint8_t>(group.address) : target.bytes();
  put_ipv6(frame, sender.address, destination, kNdpHopLimit, std::move(message));
  return frame;
}

std::optional<NeighbourAnswer> parse_arp(std::span<const std::uint8_t> frame) {
  if (frame.size() < kEthernetBytes + kArpBytes) return std::nullopt;
  const auto arp = frame.subspan(kEthernetBytes);
  if (get16(arp, 0) != 1 || get16(arp, 2) != kIpv4 || arp[4] != kMacBytes || arp[5] != 4) return std::nullopt;
  if (get16(arp, 6) != kArpReply) return std::nullopt;
  return NeighbourAnswer{IpAddress::from_bytes(arp.subspan(14, 4)), mac_at(arp, 8), mac_at(frame, kMacBytes)};
}

// The ICMPv6 message right behind the IPv6 header; empty where there is another one or it is cut short.
std::span<const std::uint8_t> icmpv6_of(std::span<const std::uint8_t> frame) {
  if (frame.size() < kEthernetBytes + kIpv6Bytes + kEchoBytes || frame[kEthernetBytes + 6] != kIcmpv6) return {};
  const std::size_t length = get16(frame, kEthernetBytes + 4);
  const auto message = frame.subspan(kEthernetBytes + kIpv6Bytes);
  return length >= kEchoBytes && length <= message.size() ? message.first(length) : std::span<const std::uint8_t>{};
}

std::optional<NeighbourAnswer> parse_advertisement(std::span<const std::uint8_t> frame) {
  const auto message = icmpv6_of(frame);
  if (message.size() < kSolicitationBytes || message[0] != kAdvertisement || message[1] != 0) return std::nullopt;
  if (frame[kEthernetBytes + 7] != kNdpHopLimit) return std::nullopt;
  const LinkAddress source = mac_at(frame, kMacBytes);
  NeighbourAnswer answer{IpAddress::from_bytes(message.subspan(8, 16)), source, source};
  auto options = message.subspan(kSolicitationBytes);
  while (options.size() >= 8) {
    const std::size_t length = std::size_t{options[1]} * 8;
    if (length == 0 || length > options.size()) return std::nullopt;
    if (options[0] == kTargetLinkAddress) answer.lladdr = mac_at(options, 2);
    options = options.subspan(length);
  }
  return answer;
}

std::uint16_t ethertype(std::span<const std::uint8_t> frame) {
  return frame.size() < kEthernetBytes ? std::uint16_t{0} : get16(frame, 12);
}

}  // namespace

Frame neighbour_question(const LinkSender& sender, const IpAddress& target, const LinkAddress& to) {
  return target.family() == Family::ipv4 ? arp_question(sender, target, to) : solicitation(sender, target, to);
}

Frame echo_question(const LinkSender& sender, const EchoQuestion& question) {
  const bool six = question.target.family() == Family::ipv6;
  Frame message = {static_cast<std::uint8_t>(six ? 128 : 8), 0, 0, 0};
  put16(message, question.id);
  put16(message, question.sequence);
  message.resize(kEchoBytes + kEchoData);
  Frame frame = ethernet(question.to, sender.mac, six ? kIpv6 : kIpv4);
  if (six) {
    put_ipv6(frame, sender.address, question.target.bytes(), kHopLimit, std::move(message));
    return frame;
  }
  set16(message, 2, internet_checksum(message));
  Frame header = {0x45, 0};
  put16(header, static_cast<std::uint16_t>(kIpv4Bytes + message.size()));
  put16(header, question.sequence);
  put16(header, 0);
  header.push_back(kHopLimit);
  header.push_back(kIcmp);
  put16(header, 0);
  put(header, sender.address.bytes());
  put(header, question.target.bytes());
  set16(header, 10, internet_checksum(header));
  put(frame, header);
  put(frame, message);
  return frame;
}

std::optional<NeighbourAnswer> parse_neighbour_answer(std::span<const std::uint8_t> frame) {
  if (ethertype(frame) == kArp) return parse_arp(frame);
  if (ethertype(frame) == kIpv6) return parse_advertisement(frame);
  return std::nullopt;
}

std::optional<EchoAnswer> parse_echo_answer(std::span<const std::uint8_t> frame) {
  EchoAnswer answer;
  std::span<const std::uint8_t> message;
  if (ethertype(frame) == kIpv6) {
    message = icmpv6_of(frame);
    if (message.empty() || message[0] != 129) return std::nullopt;
    answer.from = IpAddress::from_bytes(frame.subspan(kEthernetBytes + 8, 16));
  } else if (ethertype(frame) == kIpv4 && frame.size() >= kEthernetBytes + kIpv4Bytes) {
    const auto packet = frame.subspan(kEthernetBytes);
    const std::size_t header = (packet[0] & 0x0fU) * std::size_t{4};
    if (packet[9] != kIcmp || header < kIpv4Bytes || packet.size() < header + kEchoBytes) return std::nullopt;
    if ((get16(packet, 6) & 0x1fff) != 0) return std::nullopt;  // a later fragment
    message = packet.subspan(header);
    if (message[0] != 0) return std::nullopt;
    answer.from = IpAddress::from_bytes(packet.subspan(12, 4));
    answer.ip_id = get16(packet, 4);
  } else {
    return std::nullopt;
  }
  answer.frame_source = mac_at(frame, kMacBytes);
  answer.id = get16(message, 4);
  answer.sequence = get16(message, 6);
  return answer;
}

}  // namespace hostcheck::probe
