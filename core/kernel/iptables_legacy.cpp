#include "core/kernel/iptables_legacy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include <libiptc/libiptc.h>

#include "core/base/text.h"
#include "core/kernel/xt_rule.h"

extern "C" {  // this one of the two headers does not say so itself
#include <libiptc/libip6tc.h>
}

namespace hostcheck::kernel {
namespace {

// libiptc has every function twice, for the two families.
struct Ipv4 {
  using Entry = ipt_entry;
  static constexpr bool kIpv6 = false;
  static xtc_handle* open(const char* table) { return iptc_init(table); }
  static void close(xtc_handle* handle) { iptc_free(handle); }
  static const char* first_chain(xtc_handle* h) { return iptc_first_chain(h); }
  static const char* next_chain(xtc_handle* h) { return iptc_next_chain(h); }
  static const Entry* first_rule(const char* chain, xtc_handle* h) { return iptc_first_rule(chain, h); }
  static const Entry* next_rule(const Entry* rule, xtc_handle* h) { return iptc_next_rule(rule, h); }
  static const char* target(const Entry* rule, xtc_handle* h) { return iptc_get_target(rule, h); }
  static bool builtin(const char* chain, xtc_handle* h) { return iptc_builtin(chain, h) != 0; }
  static const char* policy(const char* chain, xt_counters* counters, xtc_handle* h) {
    return iptc_get_policy(chain, counters, h);
  }
  static bool is_chain(const char* name, xtc_handle* h) { return iptc_is_chain(name, h) != 0; }
};

struct Ipv6 {
  using Entry = ip6t_entry;
  static constexpr bool kIpv6 = true;
  static xtc_handle* open(const char* table) { return ip6tc_init(table); }
  static void close(xtc_handle* handle) { ip6tc_free(handle); }
  static const char* first_chain(xtc_handle* h) { return ip6tc_first_chain(h); }
  static const char* next_chain(xtc_handle* h) { return ip6tc_next_chain(h); }
  static const Entry* first_rule(const char* chain, xtc_handle* h) { return ip6tc_first_rule(chain, h); }
  static const Entry* next_rule(const Entry* rule, xtc_handle* h) { return ip6tc_next_rule(rule, h); }
  static const char* target(const Entry* rule, xtc_handle* h) { return ip6tc_get_target(rule, h); }
  static bool builtin(const char* chain, xtc_handle* h) { return ip6tc_builtin(chain, h) != 0; }
  static const char* policy(const char* chain, xt_counters* counters, xtc_handle* h) {
    return ip6tc_get_policy(chain, counters, h);
  }
  static bool is_chain(const char* name, xtc_handle* h) { return ip6tc_is_chain(name, h) != 0; }
};

struct Found {
  facts::NetfilterBackend backend;
  std::vector<facts::NetfilterChain> chains;
  std::vector<facts::NetfilterRule> rules;
};

struct Hook {
  std::string_view chain;
  std::string_view hook;
};
constexpr std::array<Hook, 5> kHooks = {{{"PREROUTING", "prerouting"},
                                         {"INPUT", "input"},
                                         {"FORWARD", "forward"},
                                         {"OUTPUT", "output"},
                                         {"POSTROUTING", "postrouting"}}};

// linux/netfilter_ipv4.h enum nf_ip_hook_priorities, by table; nat has two.
std::optional<std::int32_t> priority_of(std::string_view table, std::string_view hook) {
  if (table == "raw") return -300;
  if (table == "mangle") return -150;
  if (table == "nat") return hook == "prerouting" || hook == "output" ? -100 : 100;
  if (table == "filter") return 0;
  if (table == "security") return 50;
  return std::nullopt;
}

template <typename Library>
class TableReader {
 public:
  TableReader(xtc_handle* handle, std::string_view table, bool decode, Symbol netns, facts::Facts& pool, Found& found)
      : handle_(handle), table_(table), decode_(decode), netns_(netns), pool_(pool), found_(found) {}

  void read() {
    for (const char* chain = Library::first_chain(handle_); chain != nullptr; chain = Library::next_chain(handle_)) {
      const std::size_t row = add_chain(chain);
      std::uint32_t position = 0;
      for (const auto* rule = Library::first_rule(chain, handle_); rule != nullptr;
           rule = Library::next_rule(rule, handle_)) {
        ++position;
        if (decode_) add_rule(found_.chains[row], *rule, position);
      }
      found_.chains[row].rules = position;
      found_.backend.rules += position;
    }
  }

 private:
  std::size_t add_chain(const char* name) {
    facts::NetfilterChain& row = found_.chains.emplace_back();
    row.netns = netns_;
    row.backend = pool_.intern("legacy");
    row.family = pool_.intern(Library::kIpv6 ? "ip6" : "ip");
    row.table_name = pool_.intern(table_);
    row.chain = pool_.intern(name);
    ++found_.backend.chains;
    if (!Library::builtin(name, handle_)) return found_.chains.size() - 1;
    row.base = true;
    row.type = row.table_name;
    const auto hook = std::find_if(kHooks.begin(), kHooks.end(), [&](const Hook& each) { return each.chain == name; });
    if (hook != kHooks.end()) {
      row.hook = pool_.intern(hook->hook);
      row.priority = priority_of(table_, hook->hook);
    }
    xt_counters counters{};
    if (const char* policy = Library::policy(name, &counters, handle_)) {
      const bool drops = std::string_view(policy) == "DROP";
      row.policy = pool_.intern(drops ? "drop" : "accept");
      row.packets = facts::Counter(counters.pcnt);
      row.bytes = facts::Counter(counters.bcnt);
      if (drops) found_.backend.in_use = true;
    }
    return found_.chains.size() - 1;
  }

  void add_rule(const facts::NetfilterChain& chain, const typename Library::Entry& entry, std::uint32_t position) {
    facts::NetfilterRule& row = found_.rules.emplace_back();
    row.netns = netns_;
    row.backend = chain.backend;
    row.family = chain.family;
    row.table_name = chain.table_name;
    row.chain = chain.chain;
    row.hook = chain.hook;
    row.priority = chain.priority;
    row.position = position;
    const char* target = Library::target(&entry, handle_);
    const std::string_view name = target == nullptr ? "" : target;
    meaning_.clear();
    // libiptc gives an entry whole: its lengths were checked by the kernel when it was put in.
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(&entry), entry.next_offset);
    describe_xt_entry(bytes, Library::kIpv6, name, !name.empty() && Library::is_chain(target, handle_), meaning_);
    fill_rule_row(meaning_, pool_, row);
  }

  xtc_handle* handle_;
  std::string_view table_;
  bool decode_;
  Symbol netns_;
  facts::Facts& pool_;
  Found& found_;
  RuleMeaning meaning_;
};

template <typename Library>
Result<void> read_table(std::string_view table, bool decode, Symbol netns, facts::Facts& pool, Found& found) {
  const std::string name(table);
  errno = 0;
  const std::unique_ptr<xtc_handle, void (*)(xtc_handle*)> handle(Library::open(name.c_str()), Library::close);
  if (handle == nullptr)
    return unexpected(errno_error(errno, Library::kIpv6 ? "ip6tables table" : "iptables table", table));
  ++found.backend.tables;
  TableReader<Library>(handle.get(), table, decode, netns, pool, found).read();
  return {};
}

}  // namespace

std::string_view legacy_backend_name(bool ipv6) {
  return ipv6 ? "ip6tables-legacy" : "iptables-legacy";
}

Result<void> read_iptables_legacy(const FileTree& files, bool ipv6, const NetfilterWanted& wanted, Symbol netns,
                                  facts::Facts& out) {
  const auto names = files.read(ipv6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names");
  // Without the file the code of legacy tables is not loaded, so there are none.
  if (!names && names.error().code != ErrorCode::vanished) return unexpected(names.error());
  Found found;
  found.backend.netns = netns;
  found.backend.backend = out.intern(legacy_backend_name(ipv6));
  if (names) {
    for (const std::string_view table : split_lines(*names)) {
      if (table.empty()) continue;
      auto done = ipv6 ? read_table<Ipv6>(table, wanted.rules, netns, out, found)
                       : read_table<Ipv4>(table, wanted.rules, netns, out, found);
      if (!done) return done;
    }
  }
  found.backend.in_use = found.backend.in_use || found.backend.rules > 0;
  if (wanted.backends) out.rows<facts::NetfilterBackend>().push_back(found.backend);
  if (wanted.chains) {
    auto& rows = out.rows<facts::NetfilterChain>();
    rows.insert(rows.end(), found.chains.begin(), found.chains.end());
  }
  if (wanted.rules) {
    auto& rows = out.rows<facts::NetfilterRule>();
    rows.insert(rows.end(), std::make_move_iterator(found.rules.begin()), std::make_move_iterator(found.rules.end()));
  }
  return {};
}

}  // namespace hostcheck::kernel
