#include "core/observe/frame.h"

#include <algorithm>

namespace hostcheck::observe {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kArp = 0x0806;
constexpr std::uint16_t kVlan = 0x8100;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kProviderVlan = 0x88a8;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kIcmp6 = 58;
constexpr int kMostExtensions = 8;

std::uint16_t get16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t get32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(get16(bytes, at)) << 16 | get16(bytes, at + 2);
}

// The IP header at the beginning of bytes. Returns where the transport header begins; 0 where there is no whole header.
std::size_t read_ipv4(Bytes bytes, PacketHeader& out) {
  if (bytes.size() < 20 || bytes[0] >> 4 != 4) return 0;
  const std::size_t size = (bytes[0] & 0x0fU) * std::size_t{4};
  if (size < 20 || bytes.size() < size) return 0;
  out.protocol = bytes[9];
  out.source = IpAddress::from_bytes(bytes.subspan(12, 4));
  out.destination = IpAddress::from_bytes(bytes.subspan(16, 4));
  out.later_fragment = (get16(bytes, 6) & 0x1fff) != 0;
  return size;
}

bool is_extension(std::uint8_t protocol) {
  return protocol == 0 || protocol == 43 || protocol == kFragment || protocol == 60;
}

std::size_t read_ipv6(Bytes bytes, PacketHeader& out) {
  if (bytes.size() < 40 || bytes[0] >> 4 != 6) return 0;
  out.protocol = bytes[6];
  out.source = IpAddress::from_bytes(bytes.subspan(8, 16));
  out.destination = IpAddress::from_bytes(bytes.subspan(24, 16));
  std::size_t at = 40;
  for (int each = 0; each < kMostExtensions && is_extension(out.protocol); ++each) {
    if (bytes.size() < at + 8) return 0;
    const bool fragment = out.protocol == kFragment;
    if (fragment && (get16(bytes, at + 2) & 0xfff8) != 0) out.later_fragment = true;
    out.protocol = bytes[at];
    at += fragment ? 8 : 8 + bytes[at + 1] * std::size_t{8};
    if (out.later_fragment) break;
  }
  return at;
}

std::size_t read_ip(Bytes bytes, bool v4, PacketHeader& out) {
  return v4 ? read_ipv4(bytes, out) : read_ipv6(bytes, out);
}

bool is_echo(std::uint8_t protocol, std::uint8_t type) {
  return protocol == kIcmp ? type == 8 || type == 0 : type == 128 || type == 129;
}

// Ports or echo identifier of the transport header at `at`, as far as it is there: an ICMP error quotes 8 bytes of it
// at least. Returns where what is known of the header ends.
std::size_t read_transport(Bytes bytes, std::size_t at, PacketHeader& out) {
  if (out.later_fragment) return std::min(at, bytes.size());
  if (out.protocol == kTcp || out.protocol == kUdp) {
    if (bytes.size() < at + 4) return std::min(at, bytes.size());
    out.source_port = get16(bytes, at);
    out.destination_port = get16(bytes, at + 2);
    if (out.protocol == kUdp) return std::min(at + 8, bytes.size());
    const std::size_t size = bytes.size() > at + 12 ? (bytes[at + 12] >> 4) * std::size_t{4} : 20;
    return std::min(at + std::max<std::size_t>(size, 20), bytes.size());
  }
  if (out.protocol != kIcmp && out.protocol != kIcmp6) return std::min(at, bytes.size());
  if (bytes.size() >= at + 6 && is_echo(out.protocol, bytes[at])) out.echo_id = get16(bytes, at + 4);
  return std::min(at + 8, bytes.size());
}

bool is_error(bool v4, std::uint8_t type) {
  return v4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;
}

void read_icmp(Bytes bytes, std::size_t at, bool v4, Frame& out) {
  if (bytes.size() < at + 8) return;
  out.icmp_type = bytes[at];
  out.icmp_code = bytes[at + 1];
  const bool neighbour = !v4 && (out.icmp_type == 135 || out.icmp_type == 136);
  if (neighbour && bytes.size() >= at + 24) {
    out.neighbour = IpAddress::from_bytes(bytes.subspan(at + 8, 16));
    out.header_bytes = bytes.size();  // its options are addresses
  }
  out.icmp_error = is_error(v4, out.icmp_type);
  if (!out.icmp_error) return;
  PacketHeader quoted;
  const Bytes quotation = bytes.subspan(at + 8);
  const std::size_t behind = read_ip(quotation, v4, quoted);
  if (behind == 0) return;
  out.header_bytes = at + 8 + read_transport(quotation, behind, quoted);
  out.quoted = quoted;
}

std::optional<Frame> read_arp(Bytes bytes) {
  if (bytes.size() < 28 || get16(bytes, 2) != kIpv4 || bytes[4] != 6 || bytes[5] != 4) return std::nullopt;
  Frame out;
  out.header.source = IpAddress::from_bytes(bytes.subspan(14, 4));
  out.header.destination = IpAddress::from_bytes(bytes.subspan(24, 4));
  out.header_bytes = 28;
  return out;
}

}  // namespace

std::optional<Frame> read_network(Bytes bytes, std::uint16_t ethertype) {
  if (ethertype == kArp) return read_arp(bytes);
  if (ethertype != kIpv4 && ethertype != kIpv6) return std::nullopt;
  const bool v4 = ethertype == kIpv4;
  Frame out;
  const std::size_t at = read_ip(bytes, v4, out.header);
  if (at == 0) return std::nullopt;
  out.header_bytes = read_transport(bytes, at, out.header);
  if (out.header.later_fragment) return out;
  if (out.header.protocol == kTcp) {
    if (bytes.size() < at + 20) return std::nullopt;
    out.sequence = get32(bytes, at + 4);
    out.acknowledgement = get32(bytes, at + 8);
    out.tcp_flags = bytes[at + 13];
  } else if (out.header.protocol == (v4 ? kIcmp : kIcmp6)) {
    read_icmp(bytes, at, v4, out);
  }
  return out;
}

std::optional<Frame> read_ethernet(Bytes bytes) {
  std::size_t at = 12;
  for (int tags = 0; tags < 2 && bytes.size() >= at + 2; ++tags) {
    const std::uint16_t type = get16(bytes, at);
    if (type != kVlan && type != kProviderVlan) break;
    at += 4;
  }
  if (bytes.size() < at + 2) return std::nullopt;
  auto out = read_network(bytes.subspan(at + 2), get16(bytes, at));
  if (out) out->header_bytes += at + 2;
  return out;
}

}  // namespace hostcheck::observe
