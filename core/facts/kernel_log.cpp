#include "core/facts/kernel_log.h"

namespace hostcheck::facts {

std::string_view name_of(LogTopic topic) {
  switch (topic) {
    case LogTopic::none:
      break;
    case LogTopic::conntrack_table_full:
      return "conntrack_table_full";
    case LogTopic::conntrack_other:
      return "conntrack_other";
    case LogTopic::neighbour_table_overflow:
      return "neighbour_table_overflow";
    case LogTopic::tcp_out_of_memory:
      return "tcp_out_of_memory";
    case LogTopic::tcp_too_many_orphans:
      return "tcp_too_many_orphans";
    case LogTopic::possible_syn_flooding:
      return "possible_syn_flooding";
    case LogTopic::transmit_timeout:
      return "transmit_timeout";
    case LogTopic::nic_hang:
      return "nic_hang";
    case LogTopic::nic_error:
      return "nic_error";
    case LogTopic::xen_skb_dropped:
      return "xen_skb_dropped";
    case LogTopic::netdev_stuck:
      return "netdev_stuck";
    case LogTopic::link_up:
      return "link_up";
    case LogTopic::link_down:
      return "link_down";
    case LogTopic::link_renamed:
      return "link_renamed";
    case LogTopic::martian_source:
      return "martian_source";
    case LogTopic::duplicate_address:
      return "duplicate_address";
    case LogTopic::route_cache_full:
      return "route_cache_full";
    case LogTopic::bond:
      return "bond";
    case LogTopic::bridge:
      return "bridge";
    case LogTopic::mtu_changed:
      return "mtu_changed";
    case LogTopic::packet_dropped:
      return "packet_dropped";
    case LogTopic::netfilter_log:
      return "netfilter_log";
    case LogTopic::page_allocation_failure:
      return "page_allocation_failure";
    case LogTopic::out_of_memory:
      return "out_of_memory";
    case LogTopic::hung_task:
      return "hung_task";
    case LogTopic::soft_lockup:
      return "soft_lockup";
    case LogTopic::file_limit:
      return "file_limit";
    case LogTopic::kernel_warning:
      return "kernel_warning";
    case LogTopic::messages_suppressed:
      return "messages_suppressed";
  }
  return "";
}

const TableInfo& LogMessage::table() {
  static const TableInfo info =
      TableBuilder<LogMessage>("kernel_log", "Messages of the kernel that are about networking, of all namespaces")
          .key<&LogMessage::seq>("seq", "", "/dev/kmsg; syslog(2)",
                                 "Number of the record since boot; by syslog(2), of the line")
          .column<&LogMessage::level>("level", "", "/dev/kmsg", "0 (emergency) to 7 (debug)")
          .column<&LogMessage::priority>("priority", "", "/dev/kmsg",
                                         "emerg, alert, crit, err, warning, notice, info or debug")
          .column<&LogMessage::facility>("facility", "", "/dev/kmsg", "syslog facility; 0 is the kernel itself")
          .column<&LogMessage::age_ms>("age_ms", "ms", "/dev/kmsg", "Time since it was said")
          .column<&LogMessage::topic>(
              "topic", "", "text of the message",
              "conntrack_table_full, conntrack_other, neighbour_table_overflow, tcp_out_of_memory, "
              "tcp_too_many_orphans, "
              "possible_syn_flooding, transmit_timeout, nic_hang, nic_error, xen_skb_dropped, netdev_stuck, link_up, "
              "link_down, link_renamed, martian_source, duplicate_address, route_cache_full, bond, bridge, "
              "mtu_changed, "
              "packet_dropped, netfilter_log, page_allocation_failure, out_of_memory, hung_task, soft_lockup, "
              "file_limit "
              "kernel_warning or messages_suppressed")
          .column<&LogMessage::ifname>("ifname", "", "text of the message",
                                       "Interface that it names, where it can be told")
          .column<&LogMessage::port>("port", "", "text of the message", "Port of a possible SYN flood")
          .column<&LogMessage::device>("device", "", "/dev/kmsg DEVICE=", "Device that it belongs to")
          .column<&LogMessage::text>("text", "", "/dev/kmsg", "The message")
          .build();
  return info;
}

}  // namespace hostcheck::facts
