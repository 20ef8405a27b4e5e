// What decoders of xtables' matches and targets share: reading their structs, values as iptables-save writes them.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hostcheck::kernel {

// The extension's struct, copied out so that it is aligned; nullopt when there are too few bytes for it.
template <typename Struct>
[[nodiscard]] std::optional<Struct> take(std::span<const std::uint8_t> data) {
  if (data.size() < sizeof(Struct)) return std::nullopt;
  Struct value;
  std::memcpy(&value, data.data(), sizeof value);
  return value;
}

// A char array up to its first zero.
template <std::size_t N>
[[nodiscard]] std::string_view text_of(
    const char (&array)[N]) {  // NOLINT(modernize-avoid-c-arrays): the kernel's struct
  return {array, strnlen(array, N)};
}

// As iptables-save writes a string argument: in quotes unless it is one plain word.
[[nodiscard]] std::string quoted(std::string_view text);
// "1.2.3.4" of a union nf_inet_addr's bytes.
[[nodiscard]] std::string inet_text(const void* address, bool ipv6);
// The prefix length, or the mask itself where it has a hole: "/24", "/255.0.255.0".
[[nodiscard]] std::string mask_text(const void* mask, bool ipv6);
// "eth0", "eth+" of an interface name and its mask; "" for any interface.
[[nodiscard]] std::string interface_text(std::string_view name, std::span<const std::uint8_t> mask);

// One bit with its name.
struct XtFlag {
  std::uint32_t bit;
  std::string_view name;
};
// The names of the bits that are set, with commas.
[[nodiscard]] std::string names_of_flags(std::uint32_t flags, std::span<const XtFlag> names);

// Arguments of an extension, " --dport 22"; nullopt when its struct is not the one that the decoder knows.
using XtArguments = std::optional<std::string>;
// " !" before an option that is inverted.
[[nodiscard]] inline std::string_view bang(bool inverted) {
  return inverted ? " !" : "";
}

}  // namespace hostcheck::kernel
