#include "core/probe/checksum.h"

namespace hostcheck::probe {

std::uint16_t internet_checksum(std::span<const std::uint8_t> data, std::uint32_t before) {
  std::uint64_t sum = before;
  for (std::size_t at = 0; at < data.size(); at += 2) {
    sum += static_cast<std::uint32_t>(data[at] << 8) + (at + 1 < data.size() ? data[at + 1] : 0U);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

}  // namespace hostcheck::probe
