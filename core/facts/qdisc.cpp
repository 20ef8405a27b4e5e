#include "core/facts/qdisc.h"

#include <array>
#include <charconv>

#include <linux/pkt_sched.h>

namespace hostcheck::facts {
namespace {

void append_hex(std::uint32_t number, std::string& out) {
  std::array<char, 12> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  out.append(digits.data(), end);
}

Cell handle_cell(const Qdisc& row, std::string& scratch) {
  scratch.clear();
  append_hex(row.handle >> 16, scratch);
  scratch += ':';
  return text_cell(scratch);
}

Cell parent_cell(const Qdisc& row, std::string& scratch) {
  if (row.parent == TC_H_ROOT) return {};
  scratch.clear();
  if (TC_H_MAJ(row.parent) != 0) append_hex(row.parent >> 16, scratch);
  scratch += ':';
  if (TC_H_MIN(row.parent) != 0) append_hex(row.parent & 0xffff, scratch);
  return text_cell(scratch);
}

Cell root_cell(const Qdisc& row, std::string&) {
  return integer_cell(row.parent == TC_H_ROOT ? 1 : 0);
}

}  // namespace

const TableInfo& Qdisc::table() {
  static const TableInfo info =
      TableBuilder<Qdisc>("qdiscs", "Queueing disciplines of every interface")
          .key<&Qdisc::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Qdisc::ifindex>("ifindex", "", "tcmsg.tcm_ifindex", "Number of the interface")
          .column<&Qdisc::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
          .column<&Qdisc::kind>("kind", "", "TCA_KIND", "fq_codel, mq, htb, ingress, ...")
          .computed<handle_cell>("handle", Type::text, "", "tcmsg.tcm_handle", "Handle as tc(8) writes it, \"8001:\"")
          .as_key()
          .computed<parent_cell>("parent", Type::text, "", "tcmsg.tcm_parent",
                                 "Class it hangs on, \"1:10\"; NULL for a root")
          .as_key()
          .computed<root_cell>("root", Type::boolean, "", "tcmsg.tcm_parent TC_H_ROOT",
                               "Whether it is the interface's root")
          .column<&Qdisc::backlog_bytes>("backlog_bytes", "bytes", "TCA_STATS_QUEUE backlog", "Bytes waiting now")
          .column<&Qdisc::qlen>("qlen", "packets", "TCA_STATS_QUEUE qlen", "Packets waiting now")
          .counter<&Qdisc::bytes>("bytes", "bytes", "TCA_STATS_BASIC bytes", "Bytes sent")
          .counter<&Qdisc::packets>("packets", "packets", "TCA_STATS_PKT64, TCA_STATS_BASIC packets", "Packets sent")
          .counter<&Qdisc::drops>("drops", "packets", "TCA_STATS_QUEUE drops", "Packets dropped")
          .counter<&Qdisc::overlimits>("overlimits", "", "TCA_STATS_QUEUE overlimits",
                                       "Times that a limit of rate or size held a packet back")
          .counter<&Qdisc::requeues>("requeues", "packets", "TCA_STATS_QUEUE requeues",
                                     "Packets put back because the driver could not take them")
          .build();
  return info;
}

}  // namespace hostcheck::facts
