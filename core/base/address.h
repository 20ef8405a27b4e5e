// Addresses as values: IPv4 and IPv6, prefixes, link-layer addresses.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hostcheck {

enum class Family : std::uint8_t { none, ipv4, ipv6 };
// "inet", "inet6", "" as ip(8) writes them.
[[nodiscard]] std::string_view name_of(Family family);

// An IPv4 or IPv6 address, or none. Bytes are in network order.
class IpAddress {
 public:
  IpAddress() = default;
  // bytes: 4 (IPv4) or 16 (IPv6) in network order; any other length gives the empty address.
  [[nodiscard]] static IpAddress from_bytes(std::span<const std::uint8_t> bytes);
  [[nodiscard]] static IpAddress any(Family family);
  // Text as inet_pton(3) takes it; nullopt for anything else.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool empty() const { return family_ == Family::none; }
  [[nodiscard]] bool is_any() const;         // 0.0.0.0 or ::
  [[nodiscard]] bool is_loopback() const;    // 127.0.0.0/8 or ::1
  [[nodiscard]] bool is_link_local() const;  // 169.254.0.0/16 or fe80::/10
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_v4_mapped() const;  // ::ffff:a.b.c.d
  [[nodiscard]] std::size_t size() const { return family_ == Family::ipv4 ? 4 : family_ == Family::ipv6 ? 16 : 0; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size()}; }
  // Whether the first prefix_length bits are those of other, which must be of the same family.
  [[nodiscard]] bool in_prefix(const IpAddress& other, unsigned prefix_length) const;
  // inet_ntop(3)'s text; "" for the empty address.
  [[nodiscard]] std::string to_string() const;
  // The same, appended to out without other allocation.
  void append_to(std::string& out) const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::none;
  std::array<std::uint8_t, 16> bytes_{};
};

// A link-layer address of up to 20 bytes (6 for Ethernet, 20 for InfiniBand); empty where the device has none.
class LinkAddress {
 public:
  static constexpr std::size_t kMaxBytes = 20;
  LinkAddress() = default;
  // More than kMaxBytes bytes give the empty address.
  [[nodiscard]] static LinkAddress from_bytes(std::span<const std::uint8_t> bytes);
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }
  // "00:11:22:33:44:55"
  void append_to(std::string& out) const;
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const LinkAddress&, const LinkAddress&) = default;

 private:
  std::uint8_t size_ = 0;
  std::array<std::uint8_t, kMaxBytes> bytes_{};
};

}  // namespace hostcheck
