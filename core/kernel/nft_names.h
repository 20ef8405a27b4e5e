// The names that nft(8) has for numbers in packets.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "core/kernel/nft_value.h"

namespace hostcheck::kernel {

using NftName = std::pair<std::uint32_t, std::string_view>;

// All names of a kind, for flags in the order that nft writes them; none for kinds that are plain numbers.
[[nodiscard]] std::span<const NftName> nft_names(NftKind kind);

}  // namespace hostcheck::kernel
