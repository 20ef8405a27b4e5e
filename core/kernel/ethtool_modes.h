// Link modes as bits with names, and what a name says about speed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hostcheck::kernel {

// A set of numbered bits as ethtool hands them out: 32-bit words in host order. Bits above kBits are dropped.
struct NicBits {
  static constexpr std::size_t kBits = 256;
  std::array<std::uint32_t, kBits / 32> words{};
  [[nodiscard]] bool test(std::size_t bit) const { return bit < kBits && (words[bit / 32] >> (bit % 32) & 1U) != 0; }
  void set(std::size_t bit) {
    if (bit < kBits) words[bit / 32] |= 1U << (bit % 32);
  }
  [[nodiscard]] bool any() const;
  friend bool operator==(const NicBits&, const NicBits&) = default;
};

// An ETHTOOL_A_..._bitset in its compact form. mask is empty where the kernel sends a plain list (NOMASK).
struct NicBitset {
  NicBits value;
  NicBits mask;
};
// nullopt: not a compact bitset, or its words do not fit its size.
[[nodiscard]] std::optional<NicBitset> parse_bitset(std::span<const std::uint8_t> attributes);

// Speed in a link mode's name: "2500baseX/Full" is 2500. nullopt for what is no link mode: "Autoneg", "FIBRE", "RS".
[[nodiscard]] std::optional<std::uint32_t> mode_speed_mbps(std::string_view name);

// The names of all link mode bits that the running kernel has.
class LinkModes {
 public:
  LinkModes() = default;
  // names[bit], as the string set ETH_SS_LINK_MODES has them.
  explicit LinkModes(std::vector<std::string> names);
  // Those of Linux 5.5, for kernels before 5.6, which had the bits and not yet the string set.
  [[nodiscard]] static LinkModes built_in();

  [[nodiscard]] std::string_view name(std::size_t bit) const;
  // Whether the bit of that name ("Autoneg") is in bits.
  [[nodiscard]] bool has(const NicBits& bits, std::string_view mode) const;
  // The fastest link mode in bits; nullopt when there is none.
  [[nodiscard]] std::optional<std::uint32_t> fastest_mbps(const NicBits& bits) const;
  // The link modes in bits in the kernel's order, blanks between them; what has no speed is left out.
  [[nodiscard]] std::string text(const NicBits& bits) const;

 private:
  struct Mode {
    std::string name;
    std::optional<std::uint32_t> speed_mbps;
  };
  std::vector<Mode> modes_;
};

}  // namespace hostcheck::kernel
