#include "core/kernel/ethtool_modes.h"

#include <algorithm>
#include <cstring>

#include <linux/ethtool_netlink.h>

#include "core/base/text.h"
#include "core/kernel/netlink.h"

namespace hostcheck::kernel {
namespace {

// enum ethtool_link_mode_bit_indices of Linux 5.5, bit by bit.
constexpr std::string_view kNames55[] = {
    "10baseT/Half",
    "10baseT/Full",
    "100baseT/Half",
    "100baseT/Full",
    "1000baseT/Half",
    "1000baseT/Full",
    "Autoneg",
    "TP",
    "AUI",
    "MII",
    "FIBRE",
    "BNC",
    "10000baseT/Full",
    "Pause",
    "Asym_Pause",
    "2500baseX/Full",
    "Backplane",
    "1000baseKX/Full",
    "10000baseKX4/Full",
    "10000baseKR/Full",
    "10000baseR_FEC",
    "20000baseMLD2/Full",
    "20000baseKR2/Full",
    "40000baseKR4/Full",
    "40000baseCR4/Full",
    "40000baseSR4/Full",
    "40000baseLR4/Full",
    "56000baseKR4/Full",
    "56000baseCR4/Full",
    "56000baseSR4/Full",
    "56000baseLR4/Full",
    "25000baseCR/Full",
    "25000baseKR/Full",
    "25000baseSR/Full",
    "50000baseCR2/Full",
    "50000baseKR2/Full",
    "100000baseKR4/Full",
    "100000baseSR4/Full",
    "100000baseCR4/Full",
    "100000baseLR4_ER4/Full",
    "50000baseSR2/Full",
    "1000baseX/Full",
    "10000baseCR/Full",
    "10000baseSR/Full",
    "10000baseLR/Full",
    "10000baseLRM/Full",
    "10000baseER/Full",
    "2500baseT/Full",
    "5000baseT/Full",
    "None",
    "RS",
    "BASER",
    "50000baseKR/Full",
    "50000baseSR/Full",
    "50000baseCR/Full",
    "50000baseLR_ER_FR/Full",
    "50000baseDR/Full",
    "100000baseKR2/Full",
    "100000baseSR2/Full",
    "100000baseCR2/Full",
    "100000baseLR2_ER2_FR2/Full",
    "100000baseDR2/Full",
    "200000baseKR4/Full",
    "200000baseSR4/Full",
    "200000baseLR4_ER4_FR4/Full",
    "200000baseDR4/Full",
    "200000baseCR4/Full",
    "100baseT1/Full",
    "1000baseT1/Full",
    "400000baseKR8/Full",
    "400000baseSR8/Full",
    "400000baseLR8_ER8_FR8/Full",
    "400000baseDR8/Full",
    "400000baseCR8/Full",
};

bool read_words(std::span<const std::uint8_t> payload, std::size_t bits, NicBits& out) {
  const std::size_t words = (bits + 31) / 32;
  if (payload.size() < words * sizeof(std::uint32_t)) return false;
  std::memcpy(out.words.data(), payload.data(), std::min(words * sizeof(std::uint32_t), sizeof out.words));
  return true;
}

}  // namespace

bool NicBits::any() const {
  return std::any_of(words.begin(), words.end(), [](std::uint32_t word) { return word != 0; });
}

std::optional<NicBitset> parse_bitset(std::span<const std::uint8_t> attributes) {
  std::array<std::span<const std::uint8_t>, ETHTOOL_A_BITSET_MAX + 1> table;
  if (!parse_attributes(attributes, table)) return std::nullopt;
  if (table[ETHTOOL_A_BITSET_SIZE].size() < sizeof(std::uint32_t) || table[ETHTOOL_A_BITSET_VALUE].data() == nullptr) {
    return std::nullopt;
  }
  const std::size_t bits = read_number<std::uint32_t>(table[ETHTOOL_A_BITSET_SIZE]);
  NicBitset set;
  if (!read_words(table[ETHTOOL_A_BITSET_VALUE], bits, set.value)) return std::nullopt;
  const auto mask = table[ETHTOOL_A_BITSET_MASK];
  if (mask.data() != nullptr && !read_words(mask, bits, set.mask)) return std::nullopt;
  return set;
}

std::optional<std::uint32_t> mode_speed_mbps(std::string_view name) {
  const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (!name.substr(digits).starts_with("base")) return std::nullopt;
  return parse_number<std::uint32_t>(name.substr(0, digits));
}

LinkModes::LinkModes(std::vector<std::string> names) {
  modes_.reserve(names.size());
  for (std::string& name : names) {
    const auto speed = mode_speed_mbps(name);
    modes_.push_back({std::move(name), speed});
  }
}

LinkModes LinkModes::built_in() {
  return LinkModes({std::begin(kNames55), std::end(kNames55)});
}

std::string_view LinkModes::name(std::size_t bit) const {
  return bit < modes_.size() ? std::string_view(modes_[bit].name) : std::string_view{};
}

bool LinkModes::has(const NicBits& bits, std::string_view mode) const {
  const auto found = std::find_if(modes_.begin(), modes_.end(), [&](const Mode& each) { return each.name == mode; });
  return found != modes_.end() && bits.test(static_cast<std::size_t>(found - modes_.begin()));
}

std::optional<std::uint32_t> LinkModes::fastest_mbps(const NicBits& bits) const {
  std::optional<std::uint32_t> fastest;
  for (std::size_t bit = 0; bit < modes_.size(); ++bit) {
    if (bits.test(bit)) fastest = std::max(fastest, modes_[bit].speed_mbps);
  }
  return fastest;
}

std::string LinkModes::text(const NicBits& bits) const {
  std::string out;
  for (std::size_t bit = 0; bit < modes_.size(); ++bit) {
    if (!bits.test(bit) || !modes_[bit].speed_mbps) continue;
    if (!out.empty()) out += ' ';
    out += modes_[bit].name;
  }
  return out;
}

}  // namespace hostcheck::kernel
