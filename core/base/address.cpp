#include "core/base/address.h"

#include <algorithm>

#include <arpa/inet.h>

namespace hostcheck {

std::string_view name_of(Family family) {
  switch (family) {
    case Family::ipv4:
      return "inet";
    case Family::ipv6:
      return "inet6";
    case Family::none:
      break;
  }
  return "";
}

IpAddress IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
  IpAddress address;
  if (bytes.size() == 4) address.family_ = Family::ipv4;
  if (bytes.size() == 16) address.family_ = Family::ipv6;
  if (!address.empty()) std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::any(Family family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  IpAddress address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes_.data()) == 1) {
    address.family_ = Family::ipv4;
    return address;
  }
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes_.data()) == 1) {
    address.family_ = Family::ipv6;
    return address;
  }
  return std::nullopt;
}

bool IpAddress::is_any() const {
  return !empty() && std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  if (family_ == Family::ipv4) return bytes_[0] == 127;
  if (family_ != Family::ipv6) return false;
  return std::all_of(bytes_.begin(), bytes_.begin() + 15, [](std::uint8_t byte) { return byte == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::is_link_local() const {
  if (family_ == Family::ipv4) return bytes_[0] == 169 && bytes_[1] == 254;
  return family_ == Family::ipv6 && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_multicast() const {
  if (family_ == Family::ipv4) return (bytes_[0] & 0xf0) == 0xe0;
  return family_ == Family::ipv6 && bytes_[0] == 0xff;
}

bool IpAddress::is_v4_mapped() const {
  return family_ == Family::ipv6 &&
         std::all_of(bytes_.begin(), bytes_.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
         bytes_[10] == 0xff && bytes_[11] == 0xff;
}

bool IpAddress::in_prefix(const IpAddress& other, unsigned prefix_length) const {
  if (family_ != other.family_ || prefix_length > size() * 8) return false;
  const std::size_t whole = prefix_length / 8;
  if (!std::equal(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(whole), other.bytes_.begin())) {
    return false;
  }
  const unsigned rest = prefix_length % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return (bytes_[whole] & mask) == (other.bytes_[whole] & mask);
}

void IpAddress::append_to(std::string& out) const {
  if (empty()) return;
  if (family_ == Family::ipv4) {  // by hand: inet_ntop(3) goes through sprintf(3), and tables have very many addresses
    for (std::size_t i = 0; i < 4; ++i) {
      const unsigned byte = bytes_[i];
      if (i > 0) out += '.';
      if (byte >= 100) out += static_cast<char>('0' + byte / 100);
      if (byte >= 10) out += static_cast<char>('0' + byte / 10 % 10);
      out += static_cast<char>('0' + byte % 10);
    }
    return;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  out += text.data();
}

std::string IpAddress::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

LinkAddress LinkAddress::from_bytes(std::span<const std::uint8_t> bytes) {
  LinkAddress address;
  if (bytes.size() > kMaxBytes) return address;
  address.size_ = static_cast<std::uint8_t>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

void LinkAddress::append_to(std::string& out) const {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < size_; ++i) {
    if (i > 0) out += ':';
    out += kDigits[bytes_[i] >> 4];
    out += kDigits[bytes_[i] & 15];
  }
}

std::string LinkAddress::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

}  // namespace hostcheck
