// Packet filter rules: nftables and the legacy iptables tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One row for each of the three rule stores a namespace may have: "nft", "iptables-legacy", "ip6tables-legacy".
struct NetfilterBackend {
  Symbol netns;
  Symbol backend;
  std::uint32_t tables = 0;
  std::uint32_t chains = 0;
  std::uint32_t rules = 0;
  bool in_use = false;        // a rule, or a base chain whose policy is not accept
  bool iptables_nft = false;  // among nft's tables are some that iptables-nft or ip6tables-nft writes
  static const TableInfo& table();
};

struct NetfilterChain {
  Symbol netns;
  Symbol backend;  // "nft" or "legacy"
  Symbol family;   // "ip", "ip6", "inet", "arp", "bridge", "netdev"
  Symbol table_name;
  Symbol chain;
  Symbol type;  // "filter", "nat", "route", "mangle", ...; NULL for chains without a hook
  Symbol hook;  // "prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"; NULL without one
  std::optional<std::int32_t> priority;
  Symbol policy;  // "accept", "drop"; NULL for chains without a hook
  std::optional<Counter> packets;
  std::optional<Counter> bytes;
  Symbol device;
  bool base = false;
  std::uint32_t rules = 0;
  std::optional<std::uint64_t> handle;
  static const TableInfo& table();
};

struct NetfilterRule {
  Symbol netns;
  Symbol backend;
  Symbol family;
  Symbol table_name;
  Symbol chain;
  Symbol hook;  // of the chain it is in; NULL when that is reached by jumps only
  std::optional<std::int32_t> priority;
  std::uint32_t position = 0;           // 1 for the chain's first rule
  std::optional<std::uint64_t> handle;  // nft only
  std::string text;
  Symbol verdict;  // what becomes of a packet that matches; NULL where the rule only counts, marks or sets
  Symbol target;   // chain that it jumps or goes to
  Symbol protocol;
  std::string sport;
  std::string dport;
  std::string src;
  std::string dst;
  std::string iif;
  std::string oif;
  std::string ct_state;
  bool plain = false;  // all that the rule asks of a packet is in the columns, so NULL there means "any"
  std::string comment;
  std::optional<Counter> packets;  // absent when the rule has no counter
  std::optional<Counter> bytes;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
