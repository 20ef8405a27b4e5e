// Packets made by hand for tests of what reads them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/address.h"

namespace hostcheck::made {

using Bytes = std::vector<std::uint8_t>;

inline void put16(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value));
}

inline void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16U);
  put16(out, value & 0xffffU);
}

inline void put(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

// An IPv4 or IPv6 packet, as the addresses are.
inline Bytes ip(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol, const Bytes& payload,
                std::uint16_t fragment = 0) {
  Bytes out;
  const auto size = static_cast<std::uint32_t>(payload.size());
  if (source.family() == Family::ipv4) {
    put16(out, 0x4500);
    put16(out, 20 + size);
    put16(out, 77);
    put16(out, fragment);
    put16(out, 0x4000U | protocol);
    put16(out, 0);
  } else {
    put32(out, 6U << 28U);
    put16(out, size);
    put16(out, static_cast<std::uint32_t>(protocol) << 8U | 64U);
  }
  for (const IpAddress* each : {&source, &destination}) {
    out.insert(out.end(), each->bytes().begin(), each->bytes().end());
  }
  put(out, payload);
  return out;
}

inline Bytes tcp(std::uint16_t source, std::uint16_t destination, std::uint8_t flags, std::uint32_t sequence,
                 std::uint32_t acknowledgement = 0, const Bytes& data = {}) {
  Bytes out;
  put16(out, source);
  put16(out, destination);
  put32(out, sequence);
  put32(out, acknowledgement);
  put16(out, 0x5000U | flags);
  put16(out, 65535);
  put32(out, 0);
  put(out, data);
  return out;
}

inline Bytes udp(std::uint16_t source, std::uint16_t destination, const Bytes& data = {}) {
  Bytes out;
  put16(out, source);
  put16(out, destination);
  put16(out, static_cast<std::uint32_t>(8 + data.size()));
  put16(out, 0);
  put(out, data);
  return out;
}

// An ICMP message with its word behind the checksum.
inline Bytes icmp(std::uint8_t type, std::uint8_t code, std::uint32_t word, const Bytes& rest = {}) {
  Bytes out = {type, code, 0, 0};
  put32(out, word);
  put(out, rest);
  return out;
}

// In an Ethernet frame, behind tags of four bytes each.
inline Bytes ethernet(const Bytes& packet, std::uint16_t type, const Bytes& tags = {}) {
  Bytes out(12, 2);
  put(out, tags);
  put16(out, type);
  put(out, packet);
  return out;
}

}  // namespace hostcheck::made
