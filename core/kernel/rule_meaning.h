// What a packet filter rule means, as nftables and iptables decoders both fill it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/facts/facts.h"
#include "core/facts/netfilter.h"

namespace hostcheck::kernel {

// Columns that a plain condition of a rule can fill.
enum class RuleColumn : std::uint8_t { none, protocol, sport, dport, src, dst, iif, oif, ct_state };

struct RuleMeaning {
  std::string text;
  std::string_view verdict;  // a constant of the decoder; "" where there is none
  std::string target;
  std::string protocol;
  std::string sport;
  std::string dport;
  std::string src;
  std::string dst;
  std::string iif;
  std::string oif;
  std::string ct_state;
  std::string comment;
  bool plain = true;
  std::optional<std::uint64_t> packets;
  std::optional<std::uint64_t> bytes;

  void clear();
  // A plain condition. A second one on the same column makes the rule one that the columns do not tell whole.
  void ask(RuleColumn column, std::string_view value);
  // What becomes of the packet; "log" gives way to any other.
  void decide(std::string_view what, std::string_view chain = {});
};

// Puts it into a row, from column text on.
void fill_rule_row(const RuleMeaning& meaning, facts::Facts& pool, facts::NetfilterRule& row);

}  // namespace hostcheck::kernel
