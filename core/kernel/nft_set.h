// Sets and maps of nftables, and their elements as text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernel/nft_field.h"
#include "core/kernel/nft_value.h"

namespace hostcheck::kernel {

struct NftElement {
  std::vector<std::uint8_t> key;
  std::vector<std::uint8_t> key_end;  // last of a range of concatenations
  std::vector<std::uint8_t> data;
  std::string verdict;  // of a verdict map, "accept", "jump chain"
  std::string object;   // of an object map
  bool interval_end = false;
  bool catch_all = false;
};

struct NftSet {
  static constexpr std::size_t kMaxKept = 1024;  // elements beyond are counted only
  static constexpr std::size_t kMaxShown = 64;
  std::string name;
  std::uint32_t flags = 0;  // NFT_SET_*
  std::uint32_t key_type = 0;
  std::uint32_t key_length = 0;
  std::uint32_t data_type = 0;
  bool loaded = false;  // elements were read
  std::size_t count = 0;
  std::vector<NftElement> elements;

  [[nodiscard]] bool whole() const { return loaded && count == elements.size(); }
};

// NFTA_SET_ELEM_*: one element. false when it cannot be read.
[[nodiscard]] bool parse_element(Bytes attributes, NftElement& out);
// NFTA_VERDICT_*: "accept", "jump web". The chain's name comes in target. "" when it cannot be read.
[[nodiscard]] std::string_view parse_verdict(Bytes attributes, std::string& target);

// One value or one range (first and last the same for a value) of a set, with what a map has for it.
struct NftMember {
  std::vector<std::uint8_t> first;
  std::vector<std::uint8_t> last;
  const NftElement* element = nullptr;
};
// The members in ascending order; the intervals of an interval set put together from their ends.
[[nodiscard]] std::vector<NftMember> members_of(const NftSet& set, std::span<const NftField> fields);

// "{ 22, 80-90, 443 }" or "@ports"; fields tell what the key's parts stand for.
[[nodiscard]] std::string set_text(const NftSet& set, std::span<const NftField> fields, const InterfaceNames& names);
// "22,80-90,443": for a column. "" when the elements were not read whole.
[[nodiscard]] std::string set_list(const NftSet& set, const NftField& field, const InterfaceNames& names);

}  // namespace hostcheck::kernel
