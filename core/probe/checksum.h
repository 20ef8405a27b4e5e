// The Internet checksum.
#pragma once

#include <cstdint>
#include <span>

namespace hostcheck::probe {

// RFC 1071 over data (an odd last byte is padded), added to a sum of before.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::uint8_t> data, std::uint32_t before = 0);

}  // namespace hostcheck::probe
