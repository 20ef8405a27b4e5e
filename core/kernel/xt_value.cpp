#include "core/kernel/xt_value.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/address.h"
#include "core/kernel/nft_value.h"

namespace hostcheck::kernel {

std::string quoted(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  if (plain) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '\'') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return out + '"';
}

std::string inet_text(const void* address, bool ipv6) {
  return IpAddress::from_bytes({static_cast<const std::uint8_t*>(address), ipv6 ? 16UL : 4UL}).to_string();
}

std::string mask_text(const void* mask, bool ipv6) {
  const int prefix = prefix_of_mask({static_cast<const std::uint8_t*>(mask), ipv6 ? 16UL : 4UL});
  return "/" + (prefix >= 0 ? std::to_string(prefix) : inet_text(mask, ipv6));
}

std::string interface_text(std::string_view name, std::span<const std::uint8_t> mask) {
  if (mask.empty() || mask[0] == 0) return {};
  std::string text(name);
  // A mask that ends before the name's closing zero asks for the beginning only.
  if (name.size() < mask.size() && mask[name.size()] == 0 && !text.ends_with('+')) text += '+';
  return text;
}

std::string names_of_flags(std::uint32_t flags, std::span<const XtFlag> names) {
  std::string text;
  for (const XtFlag& each : names) {
    if ((flags & each.bit) == 0) continue;
    if (!text.empty()) text += ',';
    text += each.name;
  }
  return text;
}

}  // namespace hostcheck::kernel
