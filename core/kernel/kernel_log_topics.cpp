// Which of the kernel's messages are about networking. Each pattern is a lower-case piece of the text that the kernel
// source named beside it prints; an earlier one wins over a later one.
#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/text.h"
#include "core/kernel/kernel_log.h"

namespace hostcheck::kernel {
namespace {

using facts::LogTopic;

struct Pattern {
  LogTopic topic;
  std::string_view text;
  std::string_view and_also;  // must be in the message too
};

constexpr auto kPatterns = std::to_array<Pattern>({
    // "SATA link up" and the like are no network links
    {LogTopic::none, "sata link", ""},
    {LogTopic::none, "pcie link", ""},
    {LogTopic::none, "pci link", ""},
    // net/netfilter/nf_conntrack_core.c, nf_conntrack_expect.c
    {LogTopic::conntrack_table_full, "table full, dropping packet", ""},
    {LogTopic::conntrack_other, "nf_conntrack", ""},
    {LogTopic::conntrack_other, "nf_ct_", ""},
    {LogTopic::conntrack_other, "ip_conntrack", ""},
    // net/core/neighbour.c
    {LogTopic::neighbour_table_overflow, "neighbor table overflow", ""},
    {LogTopic::neighbour_table_overflow, "neighbour table overflow", ""},
    // net/ipv4/tcp.c tcp_check_oom()
    {LogTopic::tcp_too_many_orphans, "too many orphaned sockets", ""},
    {LogTopic::tcp_too_many_orphans, "too many of orphaned sockets", ""},
    {LogTopic::tcp_out_of_memory, "tcp: out of memory", ""},
    // net/ipv4/tcp_input.c tcp_syn_flood_action()
    {LogTopic::possible_syn_flooding, "possible syn flooding on port", ""},
    // net/sched/sch_generic.c dev_watchdog(); drivers' own words
    {LogTopic::transmit_timeout, "netdev watchdog", ""},
    {LogTopic::transmit_timeout, "transmit queue", "timed out"},
    {LogTopic::transmit_timeout, "transmit timed out", ""},
    {LogTopic::transmit_timeout, "tx timeout", ""},
    {LogTopic::transmit_timeout, "tx_timeout", ""},
    // e1000e, ixgbe, i40e, igb
    {LogTopic::nic_hang, "detected hardware unit hang", ""},
    {LogTopic::nic_hang, "detected tx unit hang", ""},
    {LogTopic::nic_hang, "tx hang", ""},
    {LogTopic::nic_hang, "rx hang", ""},
    {LogTopic::nic_hang, "tx unit hang", ""},
    {LogTopic::nic_hang, "reset adapter", ""},
    {LogTopic::nic_hang, "resetting adapter", ""},
    // drivers/net/xen-netfront.c
    {LogTopic::xen_skb_dropped, "skb rides the rocket", ""},
    // net/core/dev.c netdev_wait_allrefs()
    {LogTopic::netdev_stuck, "unregister_netdevice: waiting for", ""},
    // net/core/dev.c dev_change_name()
    {LogTopic::link_renamed, "renamed from", ""},
    // net/ipv4/route.c ip_handle_martian_source()
    {LogTopic::martian_source, "martian source", ""},
    {LogTopic::martian_source, "martian destination", ""},
    // net/ipv6/addrconf.c addrconf_dad_failure(); net/bridge/br_fdb.c br_fdb_update()
    {LogTopic::duplicate_address, "duplicate address", ""},
    {LogTopic::duplicate_address, "with own address as source address", ""},
    // net/core/dst.c, net/ipv6/route.c
    {LogTopic::route_cache_full, "route cache is full", ""},
    {LogTopic::route_cache_full, "dst cache overflow", ""},
    // drivers/net/bonding/bond_main.c
    {LogTopic::bond, "link status definitely", ""},
    {LogTopic::bond, "link status up again", ""},
    {LogTopic::bond, "(slave ", ""},
    {LogTopic::bond, "bonding:", ""},
    {LogTopic::bond, "no 802.3ad response from the link partner", ""},
    // net/bridge/br_stp.c
    {LogTopic::bridge, ") entered ", " state"},
    {LogTopic::bridge, "topology change detected", ""},
    // drivers/net/phy, drivers of NICs, net/ipv6/addrconf.c
    {LogTopic::link_up, "link is up", ""},
    {LogTopic::link_up, "link becomes ready", ""},
    {LogTopic::link_down, "link is down", ""},
    {LogTopic::link_down, "link is not ready", ""},
    {LogTopic::mtu_changed, "changing mtu", ""},
    {LogTopic::mtu_changed, "mtu changed", ""},
    // net/netfilter/nf_log_syslog.c
    {LogTopic::netfilter_log, " src=", " dst="},
    // mm/oom_kill.c, mm/page_alloc.c, mm/slub.c
    {LogTopic::out_of_memory, "out of memory: kill", ""},
    {LogTopic::out_of_memory, "invoked oom-killer", ""},
    {LogTopic::out_of_memory, "memory cgroup out of memory", ""},
    {LogTopic::page_allocation_failure, "page allocation failure", ""},
    {LogTopic::page_allocation_failure, "unable to allocate memory on node", ""},
    // kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/tree_stall.h
    {LogTopic::hung_task, "blocked for more than", "seconds"},
    {LogTopic::soft_lockup, "soft lockup", ""},
    {LogTopic::soft_lockup, "hard lockup", ""},
    {LogTopic::soft_lockup, "detected stalls on cpus", ""},
    {LogTopic::soft_lockup, "self-detected stall", ""},
    // fs/file_table.c
    {LogTopic::file_limit, "file-max limit", ""},
    // kernel/panic.c, of a warning in the networking code
    {LogTopic::kernel_warning, "warning: ", " at net/"},
    {LogTopic::kernel_warning, "warning: ", " at drivers/net/"},
    // lib/ratelimit.c
    {LogTopic::messages_suppressed, "net_ratelimit:", ""},
    {LogTopic::packet_dropped, "dropping packet", ""},
    {LogTopic::packet_dropped, "dropped packet", ""},
    {LogTopic::packet_dropped, "udp: bad checksum", ""},
    {LogTopic::packet_dropped, "udp: short packet", ""},
    {LogTopic::packet_dropped, "treason uncloaked", ""},
    {LogTopic::packet_dropped, "unexpectedly shrunk window", ""},
    // drivers/net/virtio_net.c, drivers/virtio/virtio_ring.c
    {LogTopic::nic_error, "is not a head", ""},
    {LogTopic::link_up, "link up", "\n"},
    {LogTopic::link_down, "link down", "\n"},
});

// Drivers of network devices as their messages begin; what they say at warning and above is nic_error.
constexpr auto kDrivers = std::to_array<std::string_view>({
    "8139cp",    "8139too",   "alx",      "aqc111",     "atl1c",     "atlantic",   "ax88179_178a", "be2net",
    "bna",       "bnx2",      "bnx2x",    "bnxt_en",    "cdc_ether", "cdc_ncm",    "cxgb4",        "cxgb4vf",
    "dpaa2-eth", "dwmac",     "e100",     "e1000",      "e1000e",    "ena",        "enic",         "fec",
    "fm10k",     "forcedeth", "genet",    "gve",        "hinic",     "hns3",       "hv_netvsc",    "i40e",
    "iavf",      "ice",       "idpf",     "igb",        "igbvf",     "igc",        "ionic",        "iwlwifi",
    "ixgbe",     "ixgbevf",   "jme",      "lan743x",    "macb",      "mana",       "mlx4_core",    "mlx4_en",
    "mlx5_core", "mvneta",    "myri10ge", "netxen_nic", "nfp",       "ngbe",       "octeon_ep",    "pcnet32",
    "qed",       "qede",      "qlcnic",   "qlge",       "r8152",     "r8169",      "sfc",          "siena",
    "skge",      "sky2",      "smsc95xx", "st_gmac",    "stmmaceth", "sunhme",     "tg3",          "thunder-nicvf",
    "thunderx2", "tulip",     "txgbe",    "veth",       "via-rhine", "virtio_net", "vmxnet3",      "xen_netfront",
    "xennet",
});

constexpr std::uint32_t kWarning = 4;

bool is_driver(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of(" :"));
  static_assert(std::is_sorted(kDrivers.begin(), kDrivers.end()));
  return std::binary_search(kDrivers.begin(), kDrivers.end(), word);
}

// Patterns by their first four letters, so that most of a message is passed over by one look for each letter.
class PatternIndex {
 public:
  constexpr PatternIndex() {
    // From the last one, so that each chain has the earlier patterns first.
    for (std::size_t i = kPatterns.size(); i > 0; --i) {
      const std::size_t slot = slot_of(kPatterns[i - 1].text.data());
      next_[i] = first_[slot];
      first_[slot] = static_cast<std::uint8_t>(i);
    }
  }
  // Places in kPatterns, from 1, in rising order; 0 ends them.
  [[nodiscard]] constexpr std::uint8_t first(const char* four) const { return first_[slot_of(four)]; }
  [[nodiscard]] constexpr std::uint8_t next(std::uint8_t place) const { return next_[place]; }

 private:
  static constexpr std::size_t slot_of(const char* four) {
    std::uint32_t letters = 0;
    for (int i = 0; i < 4; ++i) letters = letters << 8 | static_cast<unsigned char>(four[i]);
    return letters * 2654435761U >> 20;
  }
  std::array<std::uint8_t, 4096> first_{};
  std::array<std::uint8_t, kPatterns.size() + 1> next_{};
};
static_assert(std::all_of(kPatterns.begin(), kPatterns.end(),
                          [](const Pattern& each) { return each.text.size() >= 4; }));
static_assert(kPatterns.size() < 255);
constexpr PatternIndex kIndex;

// The earliest pattern in the table that is in the text.
const Pattern* match(std::string_view text, bool of_driver) {
  std::size_t best = kPatterns.size() + 1;
  for (std::size_t at = 0; at + 4 <= text.size(); ++at) {
    for (std::uint8_t place = kIndex.first(text.data() + at); place != 0 && place < best; place = kIndex.next(place)) {
      const Pattern& pattern = kPatterns[place - 1];
      if (!text.substr(at).starts_with(pattern.text)) continue;
      // "link up" alone says too little, unless a network driver says it.
      const bool also = pattern.and_also == "\n" ? of_driver : text.find(pattern.and_also) != std::string_view::npos;
      if (also) best = place;
    }
  }
  return best <= kPatterns.size() ? &kPatterns[best - 1] : nullptr;
}

bool is_ifname(std::string_view word) {
  if (word.empty() || word.size() > 15 || word.find_first_of("/:()[]=,;") != std::string_view::npos) return false;
  return (word.front() >= 'a' && word.front() <= 'z') || (word.front() >= 'A' && word.front() <= 'Z');
}

bool has_digit(std::string_view word) {
  return word.find_first_of("0123456789") != std::string_view::npos;
}

std::string_view word_after(std::string_view text, std::string_view words) {
  const std::size_t at = text.find(words);
  if (at == std::string_view::npos) return {};
  std::string_view rest = text.substr(at + words.size());
  rest = rest.substr(0, rest.find_first_of(" \t,:()"));
  return is_ifname(rest) ? rest : std::string_view{};
}

}  // namespace

facts::LogTopic log_topic(std::string_view text, std::uint32_t level) {
  std::array<char, 512> lower;
  const std::size_t size = std::min(text.size(), lower.size());
  std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::string_view lowered(lower.data(), size);
  const bool of_driver = is_driver(lowered);
  if (const Pattern* pattern = match(lowered, of_driver)) return pattern->topic;
  return of_driver && level <= kWarning ? LogTopic::nic_error : LogTopic::none;
}

std::string_view log_ifname(std::string_view text) {
  for (const std::string_view words :
       {"waiting for ", "NETDEV WATCHDOG: ", " on dev ", "received packet on ", "(slave "}) {
    if (const std::string_view word = word_after(text, words); has_digit(word)) return word;
  }
  // "br0: port 2(veth1) entered blocking state"
  if (const std::size_t port = text.find(": port "); port != std::string_view::npos) {
    const std::size_t open = text.find('(', port);
    if (open == std::string_view::npos) return {};
    const std::string_view word = text.substr(open + 1, text.find(')', open) - open - 1);
    return is_ifname(word) ? word : std::string_view{};
  }
  // "e1000e: eth0 NIC Link is Up"
  if (const std::size_t nic = text.find(" NIC Link"); nic != std::string_view::npos) {
    const std::string_view before = text.substr(0, nic);
    const std::string_view word = before.substr(before.find_last_of(' ') + 1);
    if (is_ifname(word) && has_digit(word)) return word;
  }
  // "eth0: ...", "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: ..." or, of netdev_printk(), "DRIVER BUS-ADDRESS eth0: ..."
  std::string_view rest = text;
  for (std::size_t end = rest.find(": "); end != std::string_view::npos; end = rest.find(": ")) {
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    const std::size_t blanks = static_cast<std::size_t>(std::count(part.begin(), part.end(), ' '));
    const std::string_view last = part.substr(part.find_last_of(' ') + 1);
    if (!is_ifname(last)) continue;
    if (blanks == 2 && is_driver(part)) return last;
    if (blanks == 0 && has_digit(last) && last != "IPv4" && last != "IPv6" && !is_driver(last)) return last;
    if (blanks > 0) break;
  }
  return {};
}

std::optional<std::uint16_t> log_port(std::string_view text) {
  constexpr std::string_view kWords = "on port ";
  const std::size_t at = text.find(kWords);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view word = text.substr(at + kWords.size());
  word = word.substr(0, word.find(' '));
  while (word.ends_with('.') || word.ends_with(',')) word.remove_suffix(1);
  if (const std::size_t colon = word.rfind(':'); colon != std::string_view::npos) word.remove_prefix(colon + 1);
  return parse_number<std::uint16_t>(word);
}

}  // namespace hostcheck::kernel
