// Puts a ruleset together from the messages of its dumps. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <linux/netlink.h>

#include "core/facts/facts.h"
#include "core/facts/netfilter.h"
#include "core/kernel/nft_rule.h"
#include "core/kernel/nftables.h"

namespace hostcheck::kernel {

// A set whose elements are worth a dump.
struct NftSetName {
  std::uint8_t family = 0;
  std::string table;
  std::string name;
};

// Feed it the answers to the dumps in this order: tables, chains, sets, elements of sets_to_load(), rules. Each add is
// false for a message that cannot be read.
class NftRuleset {
 public:
  NftRuleset(Symbol netns, InterfaceNames names, facts::Facts& pool);
  [[nodiscard]] bool add_table(const nlmsghdr& message);
  [[nodiscard]] bool add_chain(const nlmsghdr& message);
  [[nodiscard]] bool add_set(const nlmsghdr& message);
  [[nodiscard]] bool add_elements(const nlmsghdr& message);
  // decode: fill the rows of rules; otherwise they are counted.
  [[nodiscard]] bool add_rule(const nlmsghdr& message, bool decode);

  // Sets that are part of rules, and named sets of ports.
  [[nodiscard]] std::vector<NftSetName> sets_to_load() const;
  void begin_elements(const NftSetName& set);
  [[nodiscard]] bool empty() const { return backend_.tables == 0; }

  [[nodiscard]] facts::NetfilterBackend backend() const;
  std::vector<facts::NetfilterChain> chains;
  std::vector<facts::NetfilterRule> rules;

 private:
  NftSet* find_set(std::uint8_t family, std::string_view table, std::string_view name);
  facts::NetfilterChain* find_chain(std::uint8_t family, std::string_view table, std::string_view name);

  Symbol netns_;
  facts::Facts& pool_;
  NftRuleDecoder decoder_;
  RuleMeaning meaning_;
  facts::NetfilterBackend backend_;
  std::unordered_map<std::string, std::size_t> chain_rows_;
  std::unordered_map<std::string, NftSet> sets_;
  std::string last_chain_;  // rules come chain by chain: one look-up a chain
  std::size_t last_chain_row_ = 0;
  bool has_last_chain_ = false;
};

}  // namespace hostcheck::kernel
