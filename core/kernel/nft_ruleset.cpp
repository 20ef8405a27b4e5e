#include "core/kernel/nft_ruleset.h"

#include <algorithm>
#include <array>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/kernel/nfnetlink.h"

namespace hostcheck::kernel {
namespace {

constexpr std::uint32_t kPortType = 13;  // nft(8)'s inet_service

std::string_view family_name(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_NETDEV:
      return "netdev";
    default:
      return "unknown";
  }
}

std::string_view hook_name(std::uint8_t family, std::uint32_t hook) {
  constexpr std::array<std::string_view, 6> kInet = {"prerouting", "input",       "forward",
                                                     "output",     "postrouting", "ingress"};
  constexpr std::array<std::string_view, 3> kArp = {"input", "output", "forward"};
  constexpr std::array<std::string_view, 2> kNetdev = {"ingress", "egress"};
  if (family == NFPROTO_ARP) return hook < kArp.size() ? kArp[hook] : "unknown";
  if (family == NFPROTO_NETDEV) return hook < kNetdev.size() ? kNetdev[hook] : "unknown";
  return hook < kInet.size() ? kInet[hook] : "unknown";
}

std::string key_of(std::uint8_t family, std::string_view table, std::string_view name) {
  std::string key(1, static_cast<char>(family));
  key.append(table).append(1, '\0').append(name);
  return key;
}

// The devices of a hook: one, or a list of them.
std::string devices_of(std::span<const Bytes> hook) {
  std::string devices(read_text(hook[NFTA_HOOK_DEV]));
  if (!devices.empty()) return devices;
  AttributeReader list(hook[NFTA_HOOK_DEVS]);
  while (list.next()) {
    if (!devices.empty()) devices += ',';
    devices += read_text(list.payload());
  }
  return devices;
}

// What iptables-nft calls its tables, and how it names the chains of hooks.
bool is_of_iptables(const facts::NetfilterChain& chain) {
  constexpr std::array<std::string_view, 5> kTables = {"filter", "nat", "mangle", "raw", "security"};
  constexpr std::array<std::string_view, 5> kChains = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};
  return chain.base && (chain.family.view() == "ip" || chain.family.view() == "ip6") &&
         std::find(kTables.begin(), kTables.end(), chain.table_name.view()) != kTables.end() &&
         std::find(kChains.begin(), kChains.end(), chain.chain.view()) != kChains.end();
}

}  // namespace

NftRuleset::NftRuleset(Symbol netns, InterfaceNames names, facts::Facts& pool)
    : netns_(netns),
      pool_(pool),
      decoder_(std::move(names), [this](std::uint8_t family, std::string_view table, std::string_view name) {
        return find_set(family, table, name);
      }) {
  backend_.netns = netns;
  backend_.backend = pool.intern("nft");
}

NftSet* NftRuleset::find_set(std::uint8_t family, std::string_view table, std::string_view name) {
  const auto found = sets_.find(key_of(family, table, name));
  return found == sets_.end() ? nullptr : &found->second;
}

facts::NetfilterChain* NftRuleset::find_chain(std::uint8_t family, std::string_view table, std::string_view name) {
  std::string key = key_of(family, table, name);
  if (has_last_chain_ && key == last_chain_) return &chains[last_chain_row_];
  const auto found = chain_rows_.find(key);
  if (found == chain_rows_.end()) return nullptr;
  last_chain_ = std::move(key);
  last_chain_row_ = found->second;
  has_last_chain_ = true;
  return &chains[last_chain_row_];
}

bool NftRuleset::add_table(const nlmsghdr& message) {
  if (header_of<nfgenmsg>(message) == nullptr) return false;
  ++backend_.tables;
  return true;
}

bool NftRuleset::add_chain(const nlmsghdr& message) {
  const auto* header = header_of<nfgenmsg>(message);
  std::array<Bytes, NFTA_CHAIN_MAX + 1> table;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), table)) return false;
  if (table[NFTA_CHAIN_TABLE].data() == nullptr || table[NFTA_CHAIN_NAME].data() == nullptr) return false;
  facts::NetfilterChain row;
  row.netns = netns_;
  row.backend = backend_.backend;
  row.family = pool_.intern(family_name(header->nfgen_family));
  row.table_name = pool_.intern(read_text(table[NFTA_CHAIN_TABLE]));
  row.chain = pool_.intern(read_text(table[NFTA_CHAIN_NAME]));
  row.handle = read_be64(table[NFTA_CHAIN_HANDLE]);
  row.base = table[NFTA_CHAIN_HOOK].data() != nullptr;
  if (row.base) {
    std::array<Bytes, NFTA_HOOK_MAX + 1> hook;
    if (!parse_attributes(table[NFTA_CHAIN_HOOK], hook)) return false;
    row.type = pool_.intern(read_text(table[NFTA_CHAIN_TYPE]));
    row.hook = pool_.intern(hook_name(header->nfgen_family, read_be32(hook[NFTA_HOOK_HOOKNUM])));
    row.priority = static_cast<std::int32_t>(read_be32(hook[NFTA_HOOK_PRIORITY]));
    row.device = pool_.intern(devices_of(hook));
    const std::uint32_t policy = read_be32(table[NFTA_CHAIN_POLICY]);
    if (table[NFTA_CHAIN_POLICY].data() != nullptr) row.policy = pool_.intern(policy == NF_DROP ? "drop" : "accept");
    if (policy == NF_DROP && table[NFTA_CHAIN_POLICY].data() != nullptr) backend_.in_use = true;
  }
  if (table[NFTA_CHAIN_COUNTERS].data() != nullptr) {
    std::array<Bytes, NFTA_COUNTER_MAX + 1> counters;
    if (!parse_attributes(table[NFTA_CHAIN_COUNTERS], counters)) return false;
    row.packets = facts::Counter(read_be64(counters[NFTA_COUNTER_PACKETS]));
    row.bytes = facts::Counter(read_be64(counters[NFTA_COUNTER_BYTES]));
  }
  if (is_of_iptables(row)) backend_.iptables_nft = true;
  ++backend_.chains;
  chain_rows_.emplace(key_of(header->nfgen_family, row.table_name.view(), row.chain.view()), chains.size());
  chains.push_back(std::move(row));
  return true;
}

bool NftRuleset::add_set(const nlmsghdr& message) {
  const auto* header = header_of<nfgenmsg>(message);
  std::array<Bytes, NFTA_SET_MAX + 1> table;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), table)) return false;
  if (table[NFTA_SET_TABLE].data() == nullptr || table[NFTA_SET_NAME].data() == nullptr) return false;
  NftSet set;
  set.name = read_text(table[NFTA_SET_NAME]);
  set.flags = read_be32(table[NFTA_SET_FLAGS]);
  set.key_type = read_be32(table[NFTA_SET_KEY_TYPE]);
  set.key_length = read_be32(table[NFTA_SET_KEY_LEN]);
  set.data_type = read_be32(table[NFTA_SET_DATA_TYPE]);
  std::string key = key_of(header->nfgen_family, read_text(table[NFTA_SET_TABLE]), set.name);
  sets_.emplace(std::move(key), std::move(set));
  return true;
}

std::vector<NftSetName> NftRuleset::sets_to_load() const {
  std::vector<NftSetName> names;
  for (const auto& [key, set] : sets_) {
    const bool ports = set.key_type == kPortType && (set.flags & (NFT_SET_MAP | NFT_SET_OBJECT)) == 0;
    if ((set.flags & NFT_SET_ANONYMOUS) == 0 && !ports) continue;
    names.push_back({static_cast<std::uint8_t>(key[0]), key.substr(1, key.find('\0', 1) - 1), set.name});
  }
  return names;
}

void NftRuleset::begin_elements(const NftSetName& name) {
  if (NftSet* const set = find_set(name.family, name.table, name.name)) {
    set->elements.clear();
    set->count = 0;
    set->loaded = true;
  }
}

bool NftRuleset::add_elements(const nlmsghdr& message) {
  const auto* header = header_of<nfgenmsg>(message);
  std::array<Bytes, NFTA_SET_ELEM_LIST_MAX + 1> table;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), table)) return false;
  NftSet* const set = find_set(header->nfgen_family, read_text(table[NFTA_SET_ELEM_LIST_TABLE]),
                               read_text(table[NFTA_SET_ELEM_LIST_SET]));
  if (set == nullptr) return false;
  AttributeReader list(table[NFTA_SET_ELEM_LIST_ELEMENTS]);
  while (list.next()) {
    ++set->count;
    if (set->elements.size() >= NftSet::kMaxKept) continue;
    if (!parse_element(list.payload(), set->elements.emplace_back())) return false;
  }
  return !list.bad();
}

bool NftRuleset::add_rule(const nlmsghdr& message, bool decode) {
  const auto* header = header_of<nfgenmsg>(message);
  std::array<Bytes, NFTA_RULE_MAX + 1> table;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), table)) return false;
  if (table[NFTA_RULE_TABLE].data() == nullptr || table[NFTA_RULE_CHAIN].data() == nullptr) return false;
  facts::NetfilterChain* const chain =
      find_chain(header->nfgen_family, read_text(table[NFTA_RULE_TABLE]), read_text(table[NFTA_RULE_CHAIN]));
  if (chain == nullptr) return false;
  ++backend_.rules;
  ++chain->rules;
  if (!decode) return true;
  if (!decoder_.decode(header->nfgen_family, read_text(table[NFTA_RULE_TABLE]), table[NFTA_RULE_EXPRESSIONS],
                       table[NFTA_RULE_USERDATA], meaning_)) {
    return false;
  }
  if (decoder_.has_xt()) backend_.iptables_nft = true;
  facts::NetfilterRule& row = rules.emplace_back();
  row.netns = netns_;
  row.backend = backend_.backend;
  row.family = chain->family;
  row.table_name = chain->table_name;
  row.chain = chain->chain;
  row.hook = chain->hook;
  row.priority = chain->priority;
  row.position = chain->rules;
  row.handle = read_be64(table[NFTA_RULE_HANDLE]);
  fill_rule_row(meaning_, pool_, row);
  return true;
}

facts::NetfilterBackend NftRuleset::backend() const {
  facts::NetfilterBackend row = backend_;
  row.in_use = row.in_use || row.rules > 0;
  return row;
}

}  // namespace hostcheck::kernel
