#include "core/kernel/xt_rule.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "core/kernel/nft_value.h"
#include "core/kernel/xt_text.h"
#include "core/kernel/xt_value.h"

namespace hostcheck::kernel {
namespace {

// What struct ipt_ip and struct ip6t_ip6 have in common.
struct Header {
  bool ipv6 = false;
  const void* src = nullptr;
  const void* src_mask = nullptr;
  const void* dst = nullptr;
  const void* dst_mask = nullptr;
  std::string iif;
  std::string oif;
  std::uint16_t protocol = 0;
  bool fragments = false;
  bool goes = false;
  bool not_src = false;
  bool not_dst = false;
  bool not_iif = false;
  bool not_oif = false;
  bool not_protocol = false;
  bool not_fragments = false;
};

class Writer {
 public:
  explicit Writer(RuleMeaning& rule) : rule_(rule) {}

  void add(std::string_view words) {
    if (!rule_.text.empty()) rule_.text += ' ';
    rule_.text += words;
  }
  // One option with its value, and the column that it plainly asks for.
  void option(std::string_view name, std::string_view value, bool inverted, RuleColumn column, std::string_view plain) {
    add(fmt::format("{}{} {}", inverted ? "! " : "", name, value));
    if (inverted) {
      rule_.plain = false;
    } else {
      rule_.ask(column, plain);
    }
  }

  void fragments(bool inverted) {
    add(inverted ? "! -f" : "-f");
    rule_.plain = false;
  }

 private:
  RuleMeaning& rule_;
};

bool is_zero(const void* bytes, std::size_t size) {
  const auto* begin = static_cast<const std::uint8_t*>(bytes);
  return std::all_of(begin, begin + size, [](std::uint8_t byte) { return byte == 0; });
}

void address(Writer& writer, std::string_view option, const void* value, const void* mask, bool inverted, bool ipv6,
             RuleColumn column) {
  const std::size_t size = ipv6 ? 16 : 4;
  if (is_zero(mask, size) && is_zero(value, size) && !inverted) return;
  const std::string where = inet_text(value, ipv6);
  const std::string prefix = mask_text(mask, ipv6);
  const bool host = prefix == (ipv6 ? "/128" : "/32");
  writer.option(option, where + prefix, inverted, column, host ? where : where + prefix);
}

std::string column_interface(std::string name) {
  if (name.ends_with('+')) name.back() = '*';
  return name;
}

void header_text(Writer& writer, const Header& header) {
  address(writer, "-s", header.src, header.src_mask, header.not_src, header.ipv6, RuleColumn::src);
  address(writer, "-d", header.dst, header.dst_mask, header.not_dst, header.ipv6, RuleColumn::dst);
  if (!header.iif.empty()) {
    writer.option("-i", header.iif, header.not_iif, RuleColumn::iif, column_interface(header.iif));
  }
  if (!header.oif.empty()) {
    writer.option("-o", header.oif, header.not_oif, RuleColumn::oif, column_interface(header.oif));
  }
  if (header.protocol != 0) {
    const std::string_view known =
        header.protocol < 256 ? l4proto_name(static_cast<std::uint8_t>(header.protocol)) : "";
    const std::string name = known.empty() ? std::to_string(header.protocol) : std::string(known);
    writer.option("-p", name, header.not_protocol, RuleColumn::protocol, name);
  }
  if (header.fragments) writer.fragments(header.not_fragments);
}

std::span<const std::uint8_t> mask_bytes(const unsigned char* mask) {
  return {mask, IFNAMSIZ};
}

Header header_of(const ipt_ip& ip) {
  Header header;
  header.src = &ip.src;
  header.src_mask = &ip.smsk;
  header.dst = &ip.dst;
  header.dst_mask = &ip.dmsk;
  header.iif = interface_text(text_of(ip.iniface), mask_bytes(ip.iniface_mask));
  header.oif = interface_text(text_of(ip.outiface), mask_bytes(ip.outiface_mask));
  header.protocol = ip.proto;
  header.fragments = (ip.flags & IPT_F_FRAG) != 0;
  header.goes = (ip.flags & IPT_F_GOTO) != 0;
  header.not_src = (ip.invflags & IPT_INV_SRCIP) != 0;
  header.not_dst = (ip.invflags & IPT_INV_DSTIP) != 0;
  header.not_iif = (ip.invflags & IPT_INV_VIA_IN) != 0;
  header.not_oif = (ip.invflags & IPT_INV_VIA_OUT) != 0;
  header.not_protocol = (ip.invflags & IPT_INV_PROTO) != 0;
  header.not_fragments = (ip.invflags & IPT_INV_FRAG) != 0;
  return header;
}

Header header_of(const ip6t_ip6& ip) {
  Header header;
  header.ipv6 = true;
  header.src = &ip.src;
  header.src_mask = &ip.smsk;
  header.dst = &ip.dst;
  header.dst_mask = &ip.dmsk;
  header.iif = interface_text(text_of(ip.iniface), mask_bytes(ip.iniface_mask));
  header.oif = interface_text(text_of(ip.outiface), mask_bytes(ip.outiface_mask));
  header.protocol = ip.proto;
  header.goes = (ip.flags & IP6T_F_GOTO) != 0;
  header.not_src = (ip.invflags & IP6T_INV_SRCIP) != 0;
  header.not_dst = (ip.invflags & IP6T_INV_DSTIP) != 0;
  header.not_iif = (ip.invflags & IP6T_INV_VIA_IN) != 0;
  header.not_oif = (ip.invflags & IP6T_INV_VIA_OUT) != 0;
  header.not_protocol = (ip.invflags & IP6T_INV_PROTO) != 0;
  return header;
}

// A match or a target: struct xt_entry_match and struct xt_entry_target begin alike.
struct Extension {
  std::string_view name;
  std::uint8_t revision = 0;
  std::span<const std::uint8_t> data;
  std::size_t size = 0;
};
std::optional<Extension> extension_at(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kNameAt = sizeof(std::uint16_t);
  constexpr std::size_t kNameBytes = XT_EXTENSION_MAXNAMELEN;
  if (bytes.size() < sizeof(xt_entry_match)) return std::nullopt;
  std::uint16_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  if (size < sizeof(xt_entry_match) || size > bytes.size()) return std::nullopt;
  const auto* name = reinterpret_cast<const char*>(bytes.data()) + kNameAt;
  return Extension{{name, strnlen(name, kNameBytes)},
                   bytes[kNameAt + kNameBytes],
                   bytes.subspan(sizeof(xt_entry_match), size - sizeof(xt_entry_match)),
                   size};
}

std::string_view verdict_of(std::string_view target) {
  if (target == "ACCEPT") return "accept";
  if (target == "DROP") return "drop";
  if (target == "QUEUE") return "queue";
  if (target == "RETURN") return "return";
  return {};
}

template <typename Entry>
void describe(std::span<const std::uint8_t> bytes, const Header& header, const Entry& entry, std::string_view target,
              bool is_chain, RuleMeaning& rule) {
  Writer writer(rule);
  header_text(writer, header);
  const std::size_t end = std::min<std::size_t>(entry.target_offset, bytes.size());
  std::size_t at = std::min(sizeof(Entry), end);
  while (at < end) {
    const auto match = extension_at(bytes.subspan(at, end - at));
    if (!match) {
      writer.add("[malformed]");
      rule.plain = false;
      return;
    }
    writer.add("-m" + describe_xt_match({match->name, match->revision, match->data, header.ipv6, {}}, rule));
    at += match->size;
  }
  if (target.empty()) return;
  if (is_chain) {
    writer.add(fmt::format("{} {}", header.goes ? "-g" : "-j", target));
    rule.decide(header.goes ? "goto" : "jump", target);
    return;
  }
  if (const std::string_view verdict = verdict_of(target); !verdict.empty()) {
    writer.add(fmt::format("-j {}", target));
    rule.decide(verdict);
    return;
  }
  const auto extension = extension_at(bytes.subspan(end));
  if (!extension) {
    writer.add("[malformed]");
    rule.plain = false;
    return;
  }
  writer.add("-j" + describe_xt_target({extension->name, extension->revision, extension->data, header.ipv6, {}}, rule));
}

template <typename Entry>
void describe_as(std::span<const std::uint8_t> bytes, std::string_view target, bool is_chain, RuleMeaning& rule) {
  if (bytes.size() < sizeof(Entry)) {
    rule.text = "[malformed]";
    rule.plain = false;
    return;
  }
  Entry entry;
  std::memcpy(&entry, bytes.data(), sizeof entry);
  rule.packets = entry.counters.pcnt;
  rule.bytes = entry.counters.bcnt;
  if constexpr (std::is_same_v<Entry, ipt_entry>) {
    describe(bytes, header_of(entry.ip), entry, target, is_chain, rule);
  } else {
    describe(bytes, header_of(entry.ipv6), entry, target, is_chain, rule);
  }
}

}  // namespace

void describe_xt_entry(std::span<const std::uint8_t> entry, bool ipv6, std::string_view target, bool is_chain,
                       RuleMeaning& rule) {
  if (ipv6) {
    describe_as<ip6t_entry>(entry, target, is_chain, rule);
  } else {
    describe_as<ipt_entry>(entry, target, is_chain, rule);
  }
}

}  // namespace hostcheck::kernel
