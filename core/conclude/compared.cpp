#include "core/conclude/compared.h"

#include <array>
#include <utility>

#include "core/base/text.h"
#include "core/conclude/compared_tables.h"

namespace hostcheck::conclude {
namespace {

struct SysctlWeight {
  std::string_view pattern;
  std::optional<Weight> weight;
};

// The first that matches counts. None: counts, states, secrets, and what the kernel chooses for each boot.
constexpr std::array kSysctls = std::to_array<SysctlWeight>({
    {"fs.file-nr", std::nullopt},
    {"fs.inode-*", std::nullopt},
    {"fs.dentry-state", std::nullopt},
    {"fs.aio-nr", std::nullopt},
    {"fs.quota.*", std::nullopt},
    {"fs.binfmt_misc*", std::nullopt},
    {"fs.nfs.*", std::nullopt},
    {"net.netfilter.nf_conntrack_count", std::nullopt},
    {"net.ipv4.tcp_fastopen_key", std::nullopt},
    {"net.ipv6.conf.*.stable_secret", std::nullopt},
    {"net.core.netdev_rss_key", std::nullopt},
    {"net.ipv6.conf.*.mtu", std::nullopt},             // links have it
    {"net.netfilter.nf_conntrack_max", std::nullopt},  // conntrack has it
    {"net.nf_conntrack_max", std::nullopt},
    {"net.netfilter.nf_conntrack_buckets", std::nullopt},
    {"net.netfilter.nf_conntrack_*_timeout*", std::nullopt},  // conntrack_timeouts has them
    {"net.ipv?.neigh.default.gc_*", std::nullopt},            // neighbour_tables has them
    {"fs.file-max", std::nullopt},                            // file_handles has them
    {"fs.nr_open", std::nullopt},
    {"net.ipv4.ip_forward", Weight::strong},
    {"net.ipv4.ip_local_port_range", Weight::strong},
    {"net.ipv4.ip_local_reserved_ports", Weight::strong},
    {"net.ipv4.ip_nonlocal_bind", Weight::strong},
    {"net.ipv4.conf.*.forwarding", Weight::strong},
    {"net.ipv4.conf.*.rp_filter", Weight::strong},
    {"net.ipv4.conf.*.arp_*", Weight::strong},
    {"net.ipv4.conf.*.src_valid_mark", Weight::strong},
    {"net.ipv4.conf.*.accept_local", Weight::strong},
    {"net.ipv4.conf.*.proxy_arp*", Weight::strong},
    {"net.ipv6.conf.*.forwarding", Weight::strong},
    {"net.ipv6.conf.*.disable_ipv6", Weight::strong},
    {"net.ipv6.conf.*.accept_ra", Weight::strong},
    {"net.ipv6.conf.*.accept_dad", Weight::medium},
    {"net.ipv?.neigh.*", Weight::medium},
    {"net.ipv?.conf.*", Weight::weak},
    {"net.ipv4.icmp_*", Weight::medium},
    {"net.ipv4.tcp_*", Weight::strong},
    {"net.ipv4.udp_*", Weight::medium},
    {"net.ipv4.*", Weight::medium},
    {"net.ipv6.*", Weight::medium},
    {"net.core.somaxconn", Weight::strong},
    {"net.core.netdev_*", Weight::strong},
    {"net.core.?mem_*", Weight::strong},
    {"net.core.default_qdisc", Weight::strong},
    {"net.core.*", Weight::medium},
    {"net.netfilter.*", Weight::medium},
    {"net.bridge.*", Weight::strong},
    {"net.*", Weight::weak},
    {"*", Weight::weak},
});

}  // namespace

std::string_view name_of(Weight weight) {
  switch (weight) {
    case Weight::weak:
      return "weak";
    case Weight::medium:
      return "medium";
    case Weight::strong:
      return "strong";
  }
  return "";
}

std::span<const ComparedTable> compared_tables() {
  static const std::vector<ComparedTable> all = [] {
    std::vector<ComparedTable> tables;
    for (auto part : {&compared_routing, &compared_firewall, &compared_interfaces, &compared_services,
                      &compared_protocols, &compared_machine}) {
      for (ComparedTable& each : part()) tables.push_back(std::move(each));
    }
    return tables;
  }();
  return all;
}

std::span<const LeftOut> left_out_tables() {
  static const std::vector<LeftOut> all = {
      {"accepts", "how much work there was; the listeners tell what was wrong with it"},
      {"connections", "who happens to be connected"},
      {"conntrack_entries", "who happens to be connected"},
      {"drop_samples", "drops has them together"},
      {"interrupts", "counts since boot"},
      {"listener_drops", "the listeners tell them"},
      {"lost_events", "about the observation itself"},
      {"namespaces", "who lives on the host"},
      {"neighbour_summary", "changes every second"},
      {"nexthops", "the routes say where they lead"},
      {"pressure", "changes every second"},
      {"queue_samples", "the listeners tell them"},
      {"resets", "who happened to be connected"},
      {"retransmits", "the counters tell them"},
      {"route_summary", "the routes are compared themselves"},
      {"socket_summary", "how many sockets there are now"},
      {"sockstat", "how many sockets there are now"},
      {"softirqs", "counts since boot"},
      {"syns", "how much work there was"},
      {"timestamps_backwards", "findings tell them"},
  };
  return all;
}

std::optional<Weight> weight_of_sysctl(std::string_view name) {
  for (const SysctlWeight& each : kSysctls) {
    if (glob_match(each.pattern, name)) return each.weight;
  }
  return Weight::weak;
}

bool follows_memory(std::string_view name) {
  for (const std::string_view each :
       {"net.ipv4.tcp_mem", "net.ipv4.udp_mem", "net.ipv4.tcp_max_orphans", "net.ipv4.tcp_max_tw_buckets",
        "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.inet_peer_threshold",
        "net.ipv?.xfrm*_gc_thresh", "net.ipv4.ip?frag_high_thresh", "fs.epoll.max_user_watches",
        "fs.inotify.max_user_watches", "fs.fanotify.max_user_marks", "net.netfilter.nf_conntrack_expect_max"}) {
    if (glob_match(each, name)) return true;
  }
  return false;
}

}  // namespace hostcheck::conclude
