#include "core/kernel/nft_set.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/kernel/nfnetlink.h"

namespace hostcheck::kernel {
namespace {

using Key = std::vector<std::uint8_t>;

Key to_key(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

// The bytes of a value, the most significant one first: what values are sorted by.
Key sortable(Bytes key, bool host_order) {
  Key bytes = to_key(key);
  if (host_order) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

int order_of(Bytes a, Bytes b) {
  const std::size_t shared = std::min(a.size(), b.size());
  const int order = shared == 0 ? 0 : std::memcmp(a.data(), b.data(), shared);
  return order != 0 ? order : static_cast<int>(a.size()) - static_cast<int>(b.size());
}

// key - 1 in network order.
Key before(Key key) {
  for (auto byte = key.rbegin(); byte != key.rend(); ++byte) {
    if ((*byte)-- != 0) break;
  }
  return key;
}

Key all_ones(std::size_t size) {
  return Key(size, 0xff);
}

bool is_interval(const NftSet& set) {
  return (set.flags & NFT_SET_INTERVAL) != 0 && (set.flags & NFT_SET_CONCAT) == 0;
}

std::vector<NftMember> interval_members(const NftSet& set) {
  std::vector<const NftElement*> sorted;
  std::vector<NftMember> members;
  for (const NftElement& each : set.elements) {
    if (each.catch_all) continue;
    sorted.push_back(&each);
  }
  // Where one interval ends another may begin: the end comes first.
  std::stable_sort(sorted.begin(), sorted.end(), [](const NftElement* a, const NftElement* b) {
    const int order = order_of(a->key, b->key);
    return order != 0 ? order < 0 : a->interval_end && !b->interval_end;
  });
  const NftElement* open = nullptr;
  for (const NftElement* each : sorted) {
    if (open != nullptr) members.push_back({open->key, before(each->key), open});
    open = each->interval_end ? nullptr : each;
  }
  if (open != nullptr) members.push_back({open->key, all_ones(open->key.size()), open});
  return members;
}

std::size_t padded(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

// The prefix that holds exactly the addresses first to last; -1 where none does.
int prefix_of_range(Bytes first, Bytes last) {
  Key mask(first.size());
  for (std::size_t i = 0; i < first.size(); ++i) mask[i] = static_cast<std::uint8_t>(~(first[i] ^ last[i]));
  const int prefix = prefix_of_mask(mask);
  for (std::size_t i = 0; prefix >= 0 && i < first.size(); ++i) {
    if ((first[i] & ~mask[i]) != 0 || (last[i] | mask[i]) != 0xff) return -1;
  }
  return prefix;
}

using Append = void (*)(std::string&, NftKind, Bytes, bool, std::size_t, const InterfaceNames&);

void append_range(std::string& out, const NftField& field, Bytes first, Bytes last, bool host_order,
                  const InterfaceNames& names, Append append) {
  append(out, field.kind, first, host_order, field.full_length, names);
  if (std::equal(first.begin(), first.end(), last.begin(), last.end())) return;
  if (field.kind == NftKind::ipv4 || field.kind == NftKind::ipv6) {
    if (const int prefix = prefix_of_range(first, last); prefix >= 0) {
      fmt::format_to(std::back_inserter(out), "/{}", prefix);
      return;
    }
  }
  if (field.kind == NftKind::ifname) {  // an interval of names is all that begin so
    const bool quoted = out.ends_with('"');
    if (quoted) out.pop_back();
    out += quoted ? "*\"" : "*";
    return;
  }
  out += '-';
  append(out, field.kind, last, host_order, field.full_length, names);
}

// The values of one member, part by part.
void append_member(std::string& out, const NftMember& member, std::span<const NftField> fields, bool network_order,
                   const InterfaceNames& names, Append append) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < fields.size() && at < member.first.size(); ++i) {
    const NftField& field = fields[i];
    if (i > 0) out += " . ";
    const std::size_t size = std::min<std::size_t>(field.length, member.first.size() - at);
    const Bytes first = Bytes(member.first).subspan(at, size);
    const Bytes last = member.last.size() == member.first.size() ? Bytes(member.last).subspan(at, size) : first;
    append_range(out, field, first, last, field.host_order && !network_order, names, append);
    at += padded(size);
  }
}

void append_data(std::string& out, const NftSet& set, const NftElement& element, const InterfaceNames& names) {
  if (!element.verdict.empty() || !element.object.empty()) {
    out += element.verdict.empty() ? "\"" + element.object + "\"" : element.verdict;
    return;
  }
  // A concatenation of types has six bits for each, the first one highest.
  std::size_t at = 0;
  bool first = true;
  for (int shift = 24; shift >= 0; shift -= 6) {
    const std::uint32_t type = set.data_type >> shift & 0x3f;
    if (type == 0 || at >= element.data.size()) continue;
    if (!first) out += " . ";
    first = false;
    const std::size_t known = size_of_type(type);
    const std::size_t size = std::min(known == 0 ? element.data.size() : known, element.data.size() - at);
    append_nft_value(out, kind_of_type(type), Bytes(element.data).subspan(at, size), is_host_order_type(type), size,
                     names);
    at += padded(size);
  }
}

}  // namespace

std::string_view parse_verdict(Bytes attributes, std::string& target) {
  std::array<Bytes, NFTA_VERDICT_MAX + 1> table;
  target.clear();
  if (!parse_attributes(attributes, table) || table[NFTA_VERDICT_CODE].size() < 4) return {};
  target = read_text(table[NFTA_VERDICT_CHAIN]);
  const auto code = static_cast<std::int32_t>(read_be32(table[NFTA_VERDICT_CODE]));
  switch (code) {
    case NFT_CONTINUE:
      return "continue";
    case NFT_BREAK:
      return "break";
    case NFT_JUMP:
      return "jump";
    case NFT_GOTO:
      return "goto";
    case NFT_RETURN:
      return "return";
    default:
      break;
  }
  switch (code & NF_VERDICT_MASK) {
    case NF_DROP:
      return "drop";
    case NF_ACCEPT:
      return "accept";
    case NF_STOLEN:
      return "stolen";
    case NF_QUEUE:
      return "queue";
    default:
      return "[verdict]";
  }
}

bool parse_element(Bytes attributes, NftElement& out) {
  std::array<Bytes, NFTA_SET_ELEM_MAX + 1> table;
  if (!parse_attributes(attributes, table)) return false;
  const std::uint32_t flags = read_be32(table[NFTA_SET_ELEM_FLAGS]);
  out.interval_end = (flags & NFT_SET_ELEM_INTERVAL_END) != 0;
  out.catch_all = (flags & NFT_SET_ELEM_CATCHALL) != 0;
  const auto value = [](Bytes nest) {
    std::array<Bytes, NFTA_DATA_MAX + 1> data;
    return parse_attributes(nest, data) ? data : decltype(data){};
  };
  out.key = to_key(value(table[NFTA_SET_ELEM_KEY])[NFTA_DATA_VALUE]);
  out.key_end = to_key(value(table[NFTA_SET_ELEM_KEY_END])[NFTA_DATA_VALUE]);
  if (table[NFTA_SET_ELEM_DATA].data() != nullptr) {
    const auto data = value(table[NFTA_SET_ELEM_DATA]);
    out.data = to_key(data[NFTA_DATA_VALUE]);
    if (data[NFTA_DATA_VERDICT].data() != nullptr) {
      std::string target;
      out.verdict = parse_verdict(data[NFTA_DATA_VERDICT], target);
      if (!target.empty()) out.verdict += " " + target;
    }
  }
  out.object = read_text(table[NFTA_SET_ELEM_OBJREF]);
  return !out.key.empty() || out.catch_all;
}

std::vector<NftMember> members_of(const NftSet& set, std::span<const NftField> fields) {
  if (is_interval(set)) return interval_members(set);
  std::vector<NftMember> members;
  for (const NftElement& each : set.elements) {
    if (!each.catch_all) members.push_back({each.key, each.key_end.empty() ? each.key : each.key_end, &each});
  }
  const bool host_order = fields.size() == 1 && fields[0].host_order && fields[0].kind != NftKind::ifname;
  std::sort(members.begin(), members.end(), [&](const NftMember& a, const NftMember& b) {
    return order_of(sortable(a.first, host_order), sortable(b.first, host_order)) < 0;
  });
  return members;
}

std::string set_text(const NftSet& set, std::span<const NftField> fields, const InterfaceNames& names) {
  if ((set.flags & NFT_SET_ANONYMOUS) == 0) return "@" + set.name;
  if (!set.whole()) return fmt::format("{{ {} elements }}", set.count);
  std::string out = "{ ";
  std::size_t shown = 0;
  // An interval set keeps its keys in network order whatever they stand for.
  const bool network_order = is_interval(set);
  const auto append_one = [&](const NftMember* member, const NftElement* element) {
    if (shown > 0) out += ", ";
    ++shown;
    if (member == nullptr) {
      out += '*';
    } else {
      append_member(out, *member, fields, network_order, names, append_nft_value);
    }
    if ((set.flags & (NFT_SET_MAP | NFT_SET_OBJECT)) == 0) return;
    out += " : ";
    append_data(out, set, *element, names);
  };
  for (const NftMember& member : members_of(set, fields)) {
    if (shown == NftSet::kMaxShown) {
      out += ", ...";
      break;
    }
    append_one(&member, member.element);
  }
  for (const NftElement& each : set.elements) {
    if (each.catch_all) append_one(nullptr, &each);
  }
  return out + " }";
}

std::string set_list(const NftSet& set, const NftField& field, const InterfaceNames& names) {
  std::string out;
  if (!set.whole()) return out;
  for (const NftMember& member : members_of(set, {&field, 1})) {
    if (!out.empty()) out += ',';
    append_member(out, member, {&field, 1}, is_interval(set), names, append_plain_value);
  }
  return out;
}

}  // namespace hostcheck::kernel
