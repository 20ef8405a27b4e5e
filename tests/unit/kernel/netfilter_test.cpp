// Decoders of nftables, iptables and conntrack on bytes that a kernel answered, whole, cut short and spoilt.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "core/base/text.h"
#include "core/kernel/conntrack.h"
#include "core/kernel/nfnetlink.h"
#include "core/kernel/nft_ruleset.h"
#include "core/kernel/xt_rule.h"

namespace hostcheck::kernel {
namespace {

std::string read_data(const std::string& name) {
  std::ifstream file(std::string(TEST_DATA) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& name) {
  const std::string text = read_data(name);
  std::vector<std::string> lines;
  for (const std::string_view line : split_lines(text)) lines.emplace_back(line);
  return lines;
}

// A message in a buffer of just its size, so that reading past its end is noticed.
class Message {
 public:
  explicit Message(std::string_view bytes)
      : size_(bytes.size()), memory_(std::malloc(std::max<std::size_t>(size_, 16))) {
    std::memcpy(memory_, bytes.data(), size_);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() { std::free(memory_); }
  [[nodiscard]] nlmsghdr& header() { return *static_cast<nlmsghdr*>(memory_); }
  [[nodiscard]] std::uint8_t& byte(std::size_t at) { return static_cast<std::uint8_t*>(memory_)[at]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  void* memory_;
};

std::vector<std::string> messages_of(const std::string& name) {
  const std::string bytes = read_data(name);
  std::vector<std::string> messages;
  for (std::size_t at = 0; at + sizeof(nlmsghdr) <= bytes.size();) {
    nlmsghdr header{};
    std::memcpy(&header, bytes.data() + at, sizeof header);
    messages.push_back(bytes.substr(at, header.nlmsg_len));
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return messages;
}

std::string interface_name(std::uint32_t ifindex) {
  return ifindex == 1 ? "lo" : "";
}

bool add(NftRuleset& ruleset, const nlmsghdr& message) {
  switch (message.nlmsg_type & 0xff) {
    case NFT_MSG_NEWTABLE:
      return ruleset.add_table(message);
    case NFT_MSG_NEWCHAIN:
      return ruleset.add_chain(message);
    case NFT_MSG_NEWSET:
      return ruleset.add_set(message);
    case NFT_MSG_NEWSETELEM:
      return ruleset.add_elements(message);
    case NFT_MSG_NEWRULE:
      return ruleset.add_rule(message, true);
    default:
      return false;
  }
}

// Adds the messages; before the first elements all sets are begun, as the reader does.
bool add_all(NftRuleset& ruleset, const std::vector<std::string>& messages) {
  bool begun = false;
  for (const std::string& bytes : messages) {
    Message message(bytes);
    const int type = message.header().nlmsg_type & 0xff;
    if (!begun && (type == NFT_MSG_NEWSETELEM || type == NFT_MSG_NEWRULE)) {
      for (const NftSetName& name : ruleset.sets_to_load()) ruleset.begin_elements(name);
      begun = true;
    }
    if (!add(ruleset, message.header())) return false;
  }
  return true;
}

TEST(NftRuleset, ReadsARecordedRuleset) {
  facts::Facts pool;
  NftRuleset ruleset(pool.intern("init"), interface_name, pool);
  ASSERT_TRUE(add_all(ruleset, messages_of("nft_ruleset.bin")));
  std::vector<std::string> got;
  for (const facts::NetfilterRule& row : ruleset.rules) {
    got.push_back(std::string(row.family.view()) + " " + std::string(row.table_name.view()) + " " +
                  std::string(row.chain.view()) + " " + std::to_string(row.position) + ": " + row.text);
  }
  EXPECT_EQ(got, lines_of("nft_ruleset.txt"));
  EXPECT_TRUE(ruleset.backend().in_use);
  EXPECT_TRUE(ruleset.backend().iptables_nft);
  EXPECT_EQ(ruleset.backend().rules, got.size());
}

TEST(NftRuleset, NoRuleIsLostAndNoneIsMalformedInSilence) {
  for (const std::string& line : lines_of("nft_ruleset.txt")) {
    EXPECT_EQ(line.find("[cmp]"), std::string::npos) << line;
    EXPECT_EQ(line.find("[lookup"), std::string::npos) << line;
    EXPECT_EQ(line.find("[?]"), std::string::npos) << line;
  }
}

TEST(NftRuleset, AMessageCutShortIsAnErrorOrReadInBounds) {
  const auto messages = messages_of("nft_ruleset.bin");
  facts::Facts pool;
  NftRuleset ruleset(pool.intern("init"), interface_name, pool);
  ASSERT_TRUE(add_all(ruleset, messages));
  for (std::size_t i = 0; i < messages.size(); i += 7) {
    for (std::size_t length = sizeof(nlmsghdr); length < messages[i].size(); length += 3) {
      Message message(std::string_view(messages[i]).substr(0, length));
      message.header().nlmsg_len = static_cast<std::uint32_t>(length);
      (void)add(ruleset, message.header());
    }
  }
}

TEST(NftRuleset, SpoiltBytesDoNoHarm) {
  const auto messages = messages_of("nft_ruleset.bin");
  facts::Facts pool;
  NftRuleset ruleset(pool.intern("init"), interface_name, pool);
  ASSERT_TRUE(add_all(ruleset, messages));
  std::uint32_t random = 12345;
  for (const std::string& bytes : messages) {
    for (int round = 0; round < 40; ++round) {
      Message message(bytes);
      for (int change = 0; change < 3; ++change) {
        random = random * 1664525 + 1013904223;
        const std::size_t at = sizeof(nlmsghdr) + (random >> 8) % (message.size() - sizeof(nlmsghdr));
        message.byte(at) = static_cast<std::uint8_t>(random >> 24);
      }
      (void)add(ruleset, message.header());
    }
  }
}

std::string attribute(std::uint16_t type, std::string_view payload) {
  const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + payload.size()), type};
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out += payload;
  out.resize(NLA_ALIGN(out.size()));
  return out;
}

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(NftRule, AnExpressionThatIsNotKnownIsNamed) {
  const std::string expressions =
      attribute(NFTA_LIST_ELEM,
                attribute(NFTA_EXPR_NAME, std::string_view("newthing\0", 9)) + attribute(NFTA_EXPR_DATA, "")) +
      attribute(NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, std::string_view("notrack\0", 8)));
  NftRuleDecoder decoder(interface_name, [](auto...) { return nullptr; });
  RuleMeaning meaning;
  ASSERT_TRUE(decoder.decode(NFPROTO_INET, "t", bytes_of(expressions), {}, meaning));
  EXPECT_EQ(meaning.text, "[newthing] notrack");
  EXPECT_FALSE(meaning.plain);
  EXPECT_EQ(meaning.verdict, "notrack");
}

TEST(NftRule, AListThatDoesNotFitIsAnError) {
  std::string expressions = attribute(NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, std::string_view("notrack\0", 8)));
  expressions[0] = static_cast<char>(200);
  NftRuleDecoder decoder(interface_name, [](auto...) { return nullptr; });
  RuleMeaning meaning;
  EXPECT_FALSE(decoder.decode(NFPROTO_INET, "t", bytes_of(expressions), {}, meaning));
}

TEST(NftSet, IntervalsArePutTogetherFromTheirEnds) {
  NftSet set;
  set.flags = NFT_SET_ANONYMOUS | NFT_SET_INTERVAL;
  set.loaded = true;
  const auto end = [&](std::uint8_t high, std::uint8_t low, bool closes) {
    NftElement element;
    element.key = {high, low};
    element.interval_end = closes;
    set.elements.push_back(element);
    set.count = set.elements.size();
  };
  end(0, 91, true);  // the kernel gives them from the last to the first
  end(0, 80, false);
  end(0, 23, true);
  end(0, 22, false);
  end(0, 0, true);
  end(0xff, 0, false);  // open to the end
  NftField field;
  field.kind = NftKind::port;
  field.length = field.full_length = 2;
  EXPECT_EQ(set_text(set, {&field, 1}, interface_name), "{ 22, 80-90, 65280-65535 }");
  EXPECT_EQ(set_list(set, field, interface_name), "22,80-90,65280-65535");
  set.count = NftSet::kMaxKept + 1;
  EXPECT_EQ(set_text(set, {&field, 1}, interface_name), "{ 1025 elements }");
  EXPECT_EQ(set_list(set, field, interface_name), "");
}

// One rule of a recorded table, described as the reader does it.
std::string describe(Bytes entry, bool ipv6, const std::string& chain_of_jumps) {
  const std::size_t target_at = ipv6 ? offsetof(ip6t_entry, target_offset) : offsetof(ipt_entry, target_offset);
  std::uint16_t offset = 0;
  std::memcpy(&offset, entry.data() + target_at, sizeof offset);
  RuleMeaning meaning;
  meaning.clear();
  std::string target;
  bool is_chain = false;
  if (offset + sizeof(xt_standard_target) <= entry.size()) {
    xt_standard_target standard{};
    std::memcpy(&standard, entry.data() + offset, sizeof standard);
    target = standard.target.u.user.name;
    if (target.empty()) {
      const std::map<int, std::string> verdicts = {{-1, "DROP"}, {-2, "ACCEPT"}, {-5, "RETURN"}};
      const auto found = verdicts.find(standard.verdict);
      is_chain = found == verdicts.end();
      target = is_chain ? chain_of_jumps : found->second;
    }
  }
  describe_xt_entry(entry, ipv6, target, is_chain, meaning);
  return std::string(ipv6 ? "ip6: " : "ip: ") + meaning.text;
}

template <typename Visit>
void for_each_recorded_entry(const Visit& visit) {
  const std::string bytes = read_data("xt_entries.bin");
  for (std::size_t at = 0; at + 8 <= bytes.size();) {
    std::uint32_t ipv6 = 0;
    std::uint32_t size = 0;
    std::memcpy(&ipv6, bytes.data() + at, 4);
    std::memcpy(&size, bytes.data() + at + 4, 4);
    at += 8;
    const std::size_t next_at = ipv6 != 0 ? offsetof(ip6t_entry, next_offset) : offsetof(ipt_entry, next_offset);
    for (std::size_t entry = at; entry < at + size;) {
      std::uint16_t next = 0;
      std::memcpy(&next, bytes.data() + entry + next_at, sizeof next);
      visit(std::string_view(bytes).substr(entry, next), ipv6 != 0);
      entry += next;
    }
    at += size;
  }
}

TEST(XtRule, DescribesRecordedEntriesAsIptablesSaveDoes) {
  std::multiset<std::string> got;
  for_each_recorded_entry([&](std::string_view entry, bool ipv6) {
    got.insert(describe({reinterpret_cast<const std::uint8_t*>(entry.data()), entry.size()}, ipv6, "web"));
  });
  for (const std::string& line : lines_of("xt_entries.txt")) {
    // A rule without a target falls through, which the kernel keeps as a jump to the next rule.
    const auto found = got.find(line.ends_with(": ") || line.find("--set --name") != std::string::npos
                                    ? line + (line.ends_with(' ') ? "" : " ") + "-j web"
                                    : line);
    ASSERT_NE(found, got.end()) << line;
    got.erase(found);
  }
}

TEST(XtRule, EntriesCutShortOrSpoiltAreReadInBounds) {
  std::uint32_t random = 99;
  for_each_recorded_entry([&](std::string_view entry, bool ipv6) {
    const auto read = [&](std::string_view bytes, bool spoil) {
      const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[bytes.size()]);  // NOLINT: of just that size
      std::memcpy(exact.get(), bytes.data(), bytes.size());
      if (spoil) {
        random = random * 1664525 + 1013904223;
        exact[(random >> 8) % bytes.size()] = static_cast<std::uint8_t>(random >> 24);
      }
      RuleMeaning meaning;
      describe_xt_entry({exact.get(), bytes.size()}, ipv6, "REJECT", false, meaning);
    };
    for (std::size_t length = 0; length < entry.size(); length += 5) read(entry.substr(0, length), false);
    for (int round = 0; round < 30; ++round) read(entry, true);
  });
}

TEST(ConntrackCounts, CountsARecordedDump) {
  facts::Facts pool;
  ConntrackCounts counts;
  for (const std::string& bytes : messages_of("conntrack.bin")) {
    Message message(bytes);
    ASSERT_TRUE(counts.add(message.header()));
  }
  std::set<std::string> got;
  for (const facts::ConntrackEntries& row : counts.rows(pool)) {
    got.insert(std::string(name_of(row.family)) + " " + std::string(row.protocol.view()) + " " +
               std::string(row.state.view()) + (row.assured ? " assured" : "") + (row.unreplied ? " unreplied" : "") +
               " " + std::to_string(row.entries));
  }
  const std::set<std::string> expected = {"inet tcp ESTABLISHED assured 7", "inet tcp SYN_SENT unreplied 3",
                                          "inet tcp TIME_WAIT unreplied 2", "inet tcp CLOSE_WAIT unreplied 1",
                                          "inet udp  unreplied 5",          "inet6 tcp ESTABLISHED unreplied 1"};
  EXPECT_EQ(got, expected);
}

TEST(ConntrackCounts, AMessageCutShortIsRefusedOrReadInBounds) {
  ConntrackCounts counts;
  for (const std::string& bytes : messages_of("conntrack.bin")) {
    for (std::size_t length = sizeof(nlmsghdr); length < bytes.size(); ++length) {
      Message message(std::string_view(bytes).substr(0, length));
      message.header().nlmsg_len = static_cast<std::uint32_t>(length);
      const bool added = counts.add(message.header());
      if (length < 40) {
        EXPECT_FALSE(added) << length;
      }
    }
  }
}

TEST(ConntrackCounts, ReadsLinesOfProc) {
  facts::Facts pool;
  ConntrackCounts counts;
  EXPECT_TRUE(
      counts.add_line("ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 "
                      "dst=10.0.0.1 sport=2 dport=1 [ASSURED] mark=0 zone=0 use=2"));
  EXPECT_TRUE(
      counts.add_line("ipv6     10 udp      17 29 src=fd00::1 dst=fd00::2 sport=1 dport=53 [UNREPLIED] src=fd00::2 "
                      "dst=fd00::1 sport=53 dport=1 mark=0 zone=0 use=2"));
  EXPECT_FALSE(counts.add_line("garbage"));
  const auto rows = counts.rows(pool);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].state.view(), "ESTABLISHED");
  EXPECT_TRUE(rows[0].assured);
  EXPECT_FALSE(rows[0].unreplied);
  EXPECT_EQ(rows[1].protocol.view(), "udp");
  EXPECT_TRUE(rows[1].unreplied);
}

TEST(ConntrackStat, ColumnsAreFoundByTheirName) {
  const auto rows = parse_conntrack_stat(
      "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  "
      "expect_new expect_create expect_delete search_restart\n"
      "000000ff  00000001 00000002 00000000 00000003 00000000 00000000 00000000 00000000 00000004 00000010 00000006 "
      "00000007  "
      "00000000 00000000 00000000 00000008\n");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].drop->value, 16U);
  EXPECT_EQ(rows[0].insert_failed->value, 4U);
  EXPECT_EQ(rows[0].clash_resolve->value, 1U);
  EXPECT_FALSE(rows[0].chaintoolong);
}

// A host's /proc and /lib/modules as the test makes them.
class Tree {
 public:
  Tree() : root_(std::filesystem::temp_directory_path() / ("hc-modules-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(root_);
    put("proc/sys/kernel/osrelease", "6.1.0-test\n");
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  [[nodiscard]] FileTree files() const { return FileTree(root_.string()); }

 private:
  std::filesystem::path root_;
};

TEST(ModulePresent, AKernelWithoutModulesMayBeAsked) {
  const Tree tree;
  const auto present = module_present(tree.files(), "nf_tables");
  ASSERT_TRUE(present);
  EXPECT_TRUE(*present);
}

TEST(ModulePresent, OneThatIsNeitherLoadedNorBuiltInIsNotAsked) {
  Tree tree;
  tree.put("proc/modules", "nf_tables_other 1 0 - Live 0x0\nbridge 1 0 - Live 0x0\n");
  tree.put("lib/modules/6.1.0-test/modules.builtin", "kernel/net/ipv4/ah4.ko\n");
  const auto present = module_present(tree.files(), "nf_tables");
  ASSERT_TRUE(present);
  EXPECT_FALSE(*present);
}

TEST(ModulePresent, LoadedOrBuiltInIsThere) {
  Tree tree;
  tree.put("proc/modules", "nf_tables 331776 0 - Live 0x0\n");
  EXPECT_TRUE(*module_present(tree.files(), "nf_tables"));
  tree.put("lib/modules/6.1.0-test/modules.builtin", "kernel/net/netfilter/nf-conntrack-netlink.ko\n");
  EXPECT_TRUE(*module_present(tree.files(), "nf_conntrack_netlink"));
}

TEST(ModulePresent, WhatCannotBeToldIsAnError) {
  Tree tree;
  tree.put("proc/modules", "bridge 1 0 - Live 0x0\n");
  const auto present = module_present(tree.files(), "nf_tables");
  ASSERT_FALSE(present);
  EXPECT_NE(present.error().message().find("modules.builtin"), std::string::npos);
}

}  // namespace
}  // namespace hostcheck::kernel
