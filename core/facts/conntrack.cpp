#include "core/facts/conntrack.h"

namespace hostcheck::facts {

const TableInfo& Conntrack::table() {
  static const TableInfo info =
      TableBuilder<Conntrack>("conntrack",
                              "Connection tracking: entries against the limit, one row a namespace; 0 entries and no "
                              "max where the kernel does not track connections")
          .key<&Conntrack::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .column<&Conntrack::entries>("entries", "entries", "net.netfilter.nf_conntrack_count",
                                       "Connections that are tracked in this namespace")
          .column<&Conntrack::max>("max", "entries", "net.netfilter.nf_conntrack_max",
                                   "Entries that each namespace may have; one number for the whole machine")
          .column<&Conntrack::buckets>("buckets", "", "net.netfilter.nf_conntrack_buckets",
                                       "Size of the hash table that all namespaces share")
          .column<&Conntrack::expect_max>("expect_max", "entries", "net.netfilter.nf_conntrack_expect_max",
                                          "Expected connections (of helpers such as FTP's) that there may be")
          .build();
  return info;
}

const TableInfo& ConntrackCpu::table() {
  using Row = ConntrackCpu;
  static const TableInfo info =
      TableBuilder<Row>("conntrack_cpu", "What connection tracking counted, one row a processor")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::cpu>("cpu", "", "nfgenmsg.res_id", "Number of the processor")
          .counter<&Row::found>("found", "", "CTA_STATS_FOUND", "Look-ups that found an entry while a tuple was chosen")
          .counter<&Row::invalid>("invalid", "packets", "CTA_STATS_INVALID", "Packets that could not be tracked")
          .counter<&Row::insert>("insert", "entries", "CTA_STATS_INSERT",
                                 "Entries put into the table (not counted by "
                                 "every kernel)")
          .counter<&Row::insert_failed>("insert_failed", "packets", "CTA_STATS_INSERT_FAILED",
                                        "Packets dropped because their entry clashed with one that was there")
          .counter<&Row::drop>("drop", "packets", "CTA_STATS_DROP",
                               "Packets dropped because the table was full or no memory was left")
          .counter<&Row::early_drop>("early_drop", "entries", "CTA_STATS_EARLY_DROP",
                                     "Entries thrown out to make room for new ones")
          .counter<&Row::error>("error", "packets", "CTA_STATS_ERROR", "Packets that are errors, such as bad ICMP")
          .counter<&Row::search_restart>("search_restart", "", "CTA_STATS_SEARCH_RESTART",
                                         "Look-ups begun again because the table was resized or entries moved")
          .counter<&Row::clash_resolve>("clash_resolve", "packets", "CTA_STATS_CLASH_RESOLVE",
                                        "Clashes of two entries that could be resolved without a drop")
          .counter<&Row::chaintoolong>("chaintoolong", "packets", "CTA_STATS_CHAIN_TOOLONG",
                                       "Packets dropped because their hash bucket was too long")
          .build();
  return info;
}

const TableInfo& ConntrackEntries::table() {
  using Row = ConntrackEntries;
  static const TableInfo info =
      TableBuilder<Row>("conntrack_entries",
                        "Tracked connections counted by protocol and state. Costs one dump of the table")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::family>("family", "", "nfgenmsg.nfgen_family", "inet or inet6")
          .key<&Row::protocol>("protocol", "", "CTA_PROTO_NUM", "tcp, udp, icmp, ... or the protocol's number")
          .key<&Row::state>("state", "", "CTA_PROTOINFO_TCP_STATE (or of SCTP, DCCP)",
                            "State as conntrack(8) writes it; NULL for protocols without states")
          .key<&Row::assured>("assured", "", "CTA_STATUS IPS_ASSURED", "Not thrown out early when the table is full")
          .key<&Row::unreplied>("unreplied", "", "CTA_STATUS IPS_SEEN_REPLY", "No packet came back yet")
          .column<&Row::entries>("entries", "entries", "counted", "How many there are")
          .build();
  return info;
}

const TableInfo& ConntrackTimeout::table() {
  using Row = ConntrackTimeout;
  static const TableInfo info =
      TableBuilder<Row>("conntrack_timeouts", "How long connection tracking keeps an entry that sees no packet")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::protocol>("protocol", "", "net.netfilter.nf_conntrack_*_timeout*", "tcp, udp, icmp, generic, ...")
          .key<&Row::state>("state", "", "net.netfilter.nf_conntrack_*_timeout*",
                            "established, time_wait, stream, ...; NULL for the protocol's only or general timeout")
          .column<&Row::timeout_s>("timeout_s", "s", "net.netfilter.nf_conntrack_*_timeout*",
                                   "Time until it is dropped")
          .build();
  return info;
}

}  // namespace hostcheck::facts
