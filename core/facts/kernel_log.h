// What the kernel has said about networking.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// What a message is about. The patterns are in core/kernel/kernel_log_topics.cpp.
enum class LogTopic : std::uint8_t {
  none,
  conntrack_table_full,
  conntrack_other,
  neighbour_table_overflow,
  tcp_out_of_memory,
  tcp_too_many_orphans,
  possible_syn_flooding,
  transmit_timeout,
  nic_hang,
  nic_error,
  xen_skb_dropped,
  netdev_stuck,
  link_up,
  link_down,
  link_renamed,
  martian_source,
  duplicate_address,
  route_cache_full,
  bond,
  bridge,
  mtu_changed,
  packet_dropped,
  netfilter_log,
  page_allocation_failure,
  out_of_memory,
  hung_task,
  soft_lockup,
  file_limit,
  kernel_warning,
  messages_suppressed,
};
// "conntrack_table_full", ...; "" for none.
[[nodiscard]] std::string_view name_of(LogTopic topic);

// One record of /dev/kmsg that is about networking.
struct LogMessage {
  std::uint64_t seq = 0;
  std::uint32_t level = 0;  // 0 emerg ... 7 debug
  Symbol priority;          // "emerg" ... "debug"
  std::uint32_t facility = 0;
  std::uint64_t age_ms = 0;  // before it was read
  LogTopic topic = LogTopic::none;
  Symbol ifname;                      // interface, where the message names one in its usual form
  std::optional<std::uint32_t> port;  // of possible_syn_flooding
  std::string device;                 // e.g. "+pci:0000:00:03.0"
  std::string text;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
