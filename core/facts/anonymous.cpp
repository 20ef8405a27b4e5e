#include "core/facts/anonymous.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <vector>

#include <sodium.h>
#include <sys/random.h>

#include "core/base/text.h"

namespace hostcheck::facts {
namespace {

static_assert(crypto_shorthash_KEYBYTES == 16);

bool stays(const IpAddress& address) {
  if (address.empty() || address.is_any() || address.is_loopback() || address.is_multicast()) return true;
  return address.family() == Family::ipv4 &&
         std::all_of(address.bytes().begin(), address.bytes().end(), [](std::uint8_t byte) { return byte == 255; });
}

// How many leading bits say what kind of address it is.
std::size_t kept_bits(const IpAddress& address) {
  const auto bytes = address.bytes();
  if (address.family() == Family::ipv6) return address.is_v4_mapped() ? 104 : address.is_link_local() ? 64 : 16;
  if (bytes[0] == 172 && (bytes[1] & 0xF0) == 16) return 12;
  if ((bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 169 && bytes[1] == 254)) return 16;
  return 8;
}

bool is_link_address(std::string_view word) {
  if (word.size() != 17) return false;
  for (std::size_t at = 0; at < word.size(); ++at) {
    const auto c = static_cast<unsigned char>(word[at]);
    if (at % 3 == 2 ? c != ':' : std::isxdigit(c) == 0) return false;
  }
  return true;
}

bool is_virtual_router(std::string_view lladdr) {
  constexpr std::string_view kPrefixes[] = {"00:00:5e:00:01", "00:00:5e:00:02", "00:00:0c:07:ac", "00:00:0c:9f:f",
                                            "00:05:73:a0:0",  "00:07:b4:00",    "02:bf:",         "03:bf:"};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](std::string_view each) { return lladdr.starts_with(each); });
}

}  // namespace

Result<Anonymiser> Anonymiser::with_random_key() {
  Key key{};
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
    return unexpected(errno_error(errno, "getrandom", "key to make addresses anonymous"));
  }
  return Anonymiser(key);
}

IpAddress Anonymiser::address(const IpAddress& address) const {
  if (stays(address)) return address;
  std::vector<std::uint8_t> out(address.bytes().begin(), address.bytes().end());
  // Each bit is flipped or not by what stands before it alone: so prefixes stay prefixes (Xu et al., Crypto-PAn).
  for (std::size_t bit = kept_bits(address); bit < out.size() * 8; ++bit) {
    std::array<std::uint8_t, 18> before{};
    before[0] = static_cast<std::uint8_t>(out.size());
    before[1] = static_cast<std::uint8_t>(bit);
    for (std::size_t each = 0; each < bit; ++each) {
      const auto mask = static_cast<std::uint8_t>(0x80U >> (each % 8));
      before[2 + each / 8] = static_cast<std::uint8_t>(before[2 + each / 8] | (address.bytes()[each / 8] & mask));
    }
    std::array<std::uint8_t, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(hash.data(), before.data(), before.size(), key_.data());
    if ((hash[0] & 1U) != 0) out[bit / 8] = static_cast<std::uint8_t>(out[bit / 8] ^ (0x80U >> (bit % 8)));
  }
  return IpAddress::from_bytes(out);
}

std::string Anonymiser::link_address(std::string_view text) const {
  const auto first = parse_number<unsigned>(text.substr(0, 2), 16).value_or(1);
  const bool group = (first & 1U) != 0;
  if (group || is_virtual_router(text) || text == "00:00:00:00:00:00") return std::string(text);
  std::array<std::uint8_t, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), key_.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out(text.substr(0, 8));
  for (std::size_t at = 0; at < 3; ++at) {
    out += ':';
    out += kDigits[hash[at] >> 4U];
    out += kDigits[hash[at] & 15U];
  }
  return out;
}

// One run of the characters that addresses are made of, without what follows the address ("10.0.0.1:443").
std::string Anonymiser::word(std::string_view word) const {
  if (is_link_address(word)) return link_address(word);
  if (word.find_first_of(".:") == std::string_view::npos) return std::string(word);
  if (const auto whole = IpAddress::parse(word)) return address(*whole).to_string();
  for (const char separator : {':', '.'}) {
    const auto end = word.rfind(separator);
    if (end == std::string_view::npos) continue;
    if (const auto front = IpAddress::parse(word.substr(0, end))) {
      return address(*front).to_string() + std::string(word.substr(end));
    }
  }
  return std::string(word);
}

std::string Anonymiser::text(std::string_view text) const {
  const auto belongs = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':'; };
  const auto names = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && belongs(text[end])) ++end;
    // "feed" of "feedback" is no word of its own.
    const bool whole = (at == 0 || !names(text[at - 1])) && (end == text.size() || !names(text[end]));
    const std::string_view run = text.substr(at, end - at);
    out += whole ? word(run) : std::string(run);
    if (end < text.size()) out += text[end];
    at = end + 1;
  }
  return out;
}

std::string Anonymiser::name(std::string_view name) const {
  if (name.empty()) return {};
  std::array<std::uint8_t, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(name.data()), name.size(), key_.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "name-";
  for (std::size_t at = 0; at < 4; ++at) {
    out += kDigits[hash[at] >> 4U];
    out += kDigits[hash[at] & 15U];
  }
  return out;
}

Value Anonymiser::value(const Value& value) const {
  const auto* words = std::get_if<std::string>(&value);
  return words == nullptr ? value : Value(text(*words));
}

}  // namespace hostcheck::facts
