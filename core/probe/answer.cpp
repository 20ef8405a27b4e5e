#include "core/probe/answer.h"

#include <netinet/in.h>

namespace hostcheck::probe {
namespace {

using Span = std::span<const std::uint8_t>;

std::uint16_t get16(Span data, std::size_t at) {
  return static_cast<std::uint16_t>(data[at] << 8U | data[at + 1]);
}

std::uint32_t get32(Span data, std::size_t at) {
  return static_cast<std::uint32_t>(get16(data, at)) << 16U | get16(data, at + 2);
}

IcmpType type_of4(std::uint8_t type, std::uint8_t code) {
  if (type == 0) return IcmpType::echo_reply;
  if (type == 11) return code == 0 ? IcmpType::time_exceeded : IcmpType::other;
  if (type != 3) return IcmpType::other;
  if (code == 3) return IcmpType::port_unreachable;
  if (code == 4) return IcmpType::too_big;
  return code == 9 || code == 10 || code == 13 ? IcmpType::prohibited : IcmpType::unreachable;
}

IcmpType type_of6(std::uint8_t type, std::uint8_t code) {
  if (type == 129) return IcmpType::echo_reply;
  if (type == 3) return code == 0 ? IcmpType::time_exceeded : IcmpType::other;
  if (type == 2) return IcmpType::too_big;
  if (type != 1) return IcmpType::other;
  if (code == 4) return IcmpType::port_unreachable;
  return code == 1 || code == 5 || code == 6 ? IcmpType::prohibited : IcmpType::unreachable;
}

// Where extensions (RFC 4884) begin in a message, or its end. Routers before it put them behind 128 bytes.
std::size_t extensions_at(Family family, Span message) {
  const std::size_t quoted = family == Family::ipv4 ? message[5] * 4U : message[4] * 8U;
  const std::size_t at = 8 + (quoted != 0 ? quoted : 128);
  return at + 4 <= message.size() ? at : message.size();
}

std::vector<MplsLabel> parse_mpls(Span extensions) {
  std::vector<MplsLabel> out;
  if (extensions.size() < 8 || extensions[0] >> 4U != 2) return out;
  // A zero checksum says that none was made.
  if (get16(extensions, 2) != 0 && internet_checksum(extensions) != 0) return out;
  for (std::size_t at = 4; at + 4 <= extensions.size();) {
    const std::size_t length = get16(extensions, at);
    if (length < 4 || at + length > extensions.size()) break;
    if (extensions[at + 2] == 1 && extensions[at + 3] == 1) {
      for (std::size_t entry = at + 4; entry + 4 <= at + length; entry += 4) {
        const std::uint32_t word = get32(extensions, entry);
        out.push_back({word >> 12U, static_cast<std::uint8_t>(word >> 9U & 7U), static_cast<std::uint8_t>(word)});
      }
    }
    at += length;
  }
  return out;
}

}  // namespace

IcmpType icmp_type(Family family, std::uint8_t type, std::uint8_t code) {
  return family == Family::ipv4 ? type_of4(type, code) : type_of6(type, code);
}

std::optional<Quoted> parse_quoted(Span packet) {
  if (packet.empty()) return std::nullopt;
  const bool v4 = packet[0] >> 4U == 4;
  if (!v4 && packet[0] >> 4U != 6) return std::nullopt;
  std::size_t header = v4 ? static_cast<std::size_t>(packet[0] & 0xfU) * 4 : 40;
  if (header < 20 || packet.size() < header + 8) return std::nullopt;
  Quoted out;
  std::uint8_t protocol = 0;
  if (v4) {
    if ((get16(packet, 6) & 0x1fffU) != 0) return std::nullopt;  // a later fragment has no ports
    out.ip_id = get16(packet, 4);
    protocol = packet[9];
    out.source = IpAddress::from_bytes(packet.subspan(12, 4));
    out.destination = IpAddress::from_bytes(packet.subspan(16, 4));
  } else {
    protocol = packet[6];
    out.source = IpAddress::from_bytes(packet.subspan(8, 16));
    out.destination = IpAddress::from_bytes(packet.subspan(24, 16));
    if (protocol == IPPROTO_FRAGMENT) {
      if (packet.size() < header + 16 || (get16(packet, header + 2) & 0xfff8U) != 0) return std::nullopt;
      protocol = packet[header];
      header += 8;
    }
  }
  const Span inner = packet.subspan(header);
  if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
    out.transport = protocol == IPPROTO_TCP ? Transport::tcp : Transport::udp;
    out.ports = {get16(inner, 0), get16(inner, 2)};
    if (protocol == IPPROTO_TCP) out.sequence = get32(inner, 4);
    if (protocol == IPPROTO_UDP) out.checksum = get16(inner, 6);
    return out;
  }
  if (inner[0] != (v4 ? 8 : 128)) return std::nullopt;
  if (protocol != (v4 ? static_cast<int>(IPPROTO_ICMP) : IPPROTO_ICMPV6)) return std::nullopt;
  out.transport = Transport::icmp;
  out.echo_id = get16(inner, 4);
  out.echo_sequence = get16(inner, 6);
  return out;
}

std::optional<IcmpAnswer> parse_icmp(Family family, Span message) {
  if (message.size() < 8) return std::nullopt;
  IcmpAnswer out;
  out.code = message[1];
  out.type = icmp_type(family, message[0], message[1]);
  if (out.type == IcmpType::echo_reply) {
    out.echo_id = get16(message, 4);
    out.echo_sequence = get16(message, 6);
    return out;
  }
  if (out.type == IcmpType::other) return out;
  if (out.type == IcmpType::too_big) out.mtu = family == Family::ipv4 ? get16(message, 6) : get32(message, 4);
  out.quoted = parse_quoted(message.subspan(8));
  if (out.type == IcmpType::time_exceeded) {
    out.mpls = parse_mpls(message.subspan(extensions_at(family, message)));
  }
  return out;
}

std::optional<TcpAnswer> parse_tcp(Span segment) {
  if (segment.size() < 20) return std::nullopt;
  TcpAnswer out;
  out.ports = {get16(segment, 0), get16(segment, 2)};
  out.sequence = get32(segment, 4);
  out.acknowledged = get32(segment, 8);
  out.rst = (segment[13] & 0x04U) != 0;
  out.syn = (segment[13] & 0x02U) != 0;
  out.ack = (segment[13] & 0x10U) != 0;
  return out;
}

}  // namespace hostcheck::probe
