#include "core/probe/packet.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>

namespace hostcheck::probe {
namespace {

constexpr std::size_t kTcpHeader = 24;  // with the option for the maximum segment size
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kEchoHeader = 8;
constexpr std::size_t kAdjustment = 2;  // bytes of data that set the checksum
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;

void put16(std::span<std::uint8_t> data, std::size_t at, std::uint32_t value) {
  data[at] = static_cast<std::uint8_t>(value >> 8U);
  data[at + 1] = static_cast<std::uint8_t>(value);
}

void put32(std::span<std::uint8_t> data, std::size_t at, std::uint32_t value) {
  put16(data, at, value >> 16U);
  put16(data, at + 2, value & 0xffffU);
}

std::uint32_t sum_of(std::span<const std::uint8_t> data, std::uint32_t sum) {
  return static_cast<std::uint16_t>(~internet_checksum(data, sum));
}

std::uint8_t protocol_number(Transport transport, Family family) {
  if (transport == Transport::tcp) return IPPROTO_TCP;
  if (transport == Transport::udp) return IPPROTO_UDP;
  return family == Family::ipv4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6};
}

// A packet with its IP header filled in, zeros behind it.
Bytes with_header(const Envelope& envelope, Transport transport, std::size_t size) {
  const Family family = envelope.destination.family();
  Bytes out(std::clamp<std::size_t>(size, smallest_packet(family, transport), 65535), 0);
  const std::uint8_t protocol = protocol_number(transport, family);
  if (family == Family::ipv4) {
    out[0] = 0x45;
    put16(out, 2, static_cast<std::uint32_t>(out.size()));
    put16(out, 4, envelope.id);
    put16(out, 6, envelope.dont_fragment ? kDontFragment : 0);
    out[8] = envelope.ttl;
    out[9] = protocol;
    std::copy_n(envelope.source.bytes().data(), 4, out.begin() + 12);
    std::copy_n(envelope.destination.bytes().data(), 4, out.begin() + 16);
    put16(out, 10, internet_checksum(std::span(out).first(20)));
  } else {
    put32(out, 0, 0x60000000U | (envelope.flow_label & 0xfffffU));
    put16(out, 4, static_cast<std::uint32_t>(out.size() - 40));
    out[6] = protocol;
    out[7] = envelope.ttl;
    std::copy_n(envelope.source.bytes().data(), 16, out.begin() + 8);
    std::copy_n(envelope.destination.bytes().data(), 16, out.begin() + 24);
  }
  return out;
}

// Sum of the pseudo header of TCP, UDP and ICMPv6.
std::uint32_t pseudo_sum(const Envelope& envelope, Transport transport, std::size_t length) {
  std::uint32_t sum = sum_of(envelope.source.bytes(), 0);
  sum = sum_of(envelope.destination.bytes(), sum);
  return sum + static_cast<std::uint32_t>(length) + protocol_number(transport, envelope.destination.family());
}

// Sets the word at `adjust` so that the checksum of the whole (its own field zero now) becomes `wanted`, and the field.
void set_checksum(std::span<std::uint8_t> data, std::size_t field, std::size_t adjust, std::uint16_t wanted,
                  std::uint32_t sum) {
  const std::uint32_t have = sum_of(data, sum);
  const std::uint32_t need = static_cast<std::uint16_t>(~wanted);
  put16(data, adjust, need >= have ? need - have : need + 0xffffU - have);
  put16(data, field, wanted);
}

}  // namespace

Flow flow_of(Transport transport, const IpAddress& peer, std::uint16_t own, std::uint16_t peer_port) {
  return {protocol_number(transport, peer.family()), peer, own, peer_port};
}

std::string_view name_of(Transport transport) {
  return transport == Transport::tcp ? "tcp" : transport == Transport::udp ? "udp" : "icmp";
}

std::optional<Transport> transport_by_name(std::string_view name) {
  for (const Transport each : {Transport::tcp, Transport::udp, Transport::icmp}) {
    if (name == name_of(each)) return each;
  }
  return std::nullopt;
}

std::size_t ip_header_size(Family family) {
  return family == Family::ipv4 ? 20 : 40;
}

std::size_t smallest_packet(Family family, Transport transport) {
  const std::size_t header = transport == Transport::tcp   ? kTcpHeader
                             : transport == Transport::udp ? kUdpHeader + kAdjustment
                                                           : kEchoHeader + kAdjustment;
  return ip_header_size(family) + header;
}

Bytes make_syn(const Envelope& envelope, Ports ports, std::uint32_t sequence, std::size_t size) {
  Bytes out = with_header(envelope, Transport::tcp, size);
  const auto tcp = std::span(out).subspan(ip_header_size(envelope.destination.family()));
  put16(tcp, 0, ports.source);
  put16(tcp, 2, ports.destination);
  put32(tcp, 4, sequence);
  tcp[12] = static_cast<std::uint8_t>(kTcpHeader / 4) << 4U;
  tcp[13] = kSyn;
  put16(tcp, 14, 65535);
  tcp[20] = 2;  // maximum segment size
  tcp[21] = 4;
  put16(tcp, 22, envelope.destination.family() == Family::ipv4 ? 1460 : 1440);
  put16(tcp, 16, internet_checksum(tcp, pseudo_sum(envelope, Transport::tcp, tcp.size())));
  return out;
}

Bytes make_reset(const Envelope& envelope, Ports ports, std::uint32_t sequence) {
  Bytes out = with_header(envelope, Transport::tcp, 0);
  const auto tcp = std::span(out).subspan(ip_header_size(envelope.destination.family()));
  put16(tcp, 0, ports.source);
  put16(tcp, 2, ports.destination);
  put32(tcp, 4, sequence);
  tcp[12] = static_cast<std::uint8_t>(kTcpHeader / 4) << 4U;
  tcp[13] = kRst;
  std::fill(tcp.begin() + 20, tcp.end(), std::uint8_t{1});  // no operation
  put16(tcp, 16, internet_checksum(tcp, pseudo_sum(envelope, Transport::tcp, tcp.size())));
  return out;
}

Bytes make_datagram(const Envelope& envelope, Ports ports, std::uint16_t checksum, std::size_t size) {
  Bytes out = with_header(envelope, Transport::udp, size);
  const auto udp = std::span(out).subspan(ip_header_size(envelope.destination.family()));
  put16(udp, 0, ports.source);
  put16(udp, 2, ports.destination);
  put16(udp, 4, static_cast<std::uint32_t>(udp.size()));
  set_checksum(udp, 6, kUdpHeader, checksum, pseudo_sum(envelope, Transport::udp, udp.size()));
  return out;
}

Bytes make_echo(const Envelope& envelope, std::uint16_t id, std::uint16_t sequence, std::uint16_t checksum,
                std::size_t size) {
  const bool v4 = envelope.destination.family() == Family::ipv4;
  Bytes out = with_header(envelope, Transport::icmp, size);
  const auto icmp = std::span(out).subspan(ip_header_size(envelope.destination.family()));
  icmp[0] = v4 ? 8 : 128;
  put16(icmp, 4, id);
  put16(icmp, 6, sequence);
  set_checksum(icmp, 2, kEchoHeader, checksum, v4 ? 0 : pseudo_sum(envelope, Transport::icmp, icmp.size()));
  return out;
}

std::vector<Bytes> cut_in_two(std::span<const std::uint8_t> packet, std::size_t first, std::uint32_t id) {
  const bool v4 = packet[0] >> 4U == 4;
  const auto header = packet.first(v4 ? 20 : 40);
  const auto data = packet.subspan(header.size());
  first = std::min(first, data.size()) / 8 * 8;
  std::vector<Bytes> out;
  for (const bool last : {false, true}) {
    const auto part = last ? data.subspan(first) : data.first(first);
    Bytes each(header.begin(), header.end());
    if (v4) {
      put16(each, 2, static_cast<std::uint32_t>(header.size() + part.size()));
      put16(each, 6, last ? static_cast<std::uint32_t>(first / 8) : kMoreFragments);
      put16(each, 10, 0);
      put16(each, 10, internet_checksum(each));
    } else {
      std::array<std::uint8_t, 8> fragment{};  // RFC 8200 section 4.5
      fragment[0] = header[6];
      put16(fragment, 2, last ? static_cast<std::uint32_t>(first) : 1U);
      put32(fragment, 4, id);
      each[6] = IPPROTO_FRAGMENT;
      put16(each, 4, static_cast<std::uint32_t>(fragment.size() + part.size()));
      each.insert(each.end(), fragment.begin(), fragment.end());
    }
    each.insert(each.end(), part.begin(), part.end());
    out.push_back(std::move(each));
  }
  return out;
}

}  // namespace hostcheck::probe
