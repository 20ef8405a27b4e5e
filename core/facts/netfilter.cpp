#include "core/facts/netfilter.h"

namespace hostcheck::facts {

const TableInfo& NetfilterBackend::table() {
  using Row = NetfilterBackend;
  static const TableInfo info =
      TableBuilder<Row>("netfilter_backends",
                        "Where packet filter rules are kept, and which of these places are in use")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::backend>("backend", "", "", "nft, iptables-legacy or ip6tables-legacy")
          .column<&Row::tables>("tables", "", "NFT_MSG_GETTABLE; /proc/net/ip_tables_names", "Tables that exist")
          .column<&Row::chains>("chains", "", "NFT_MSG_GETCHAIN; IPT_SO_GET_ENTRIES", "Chains in them")
          .column<&Row::rules>("rules", "", "NFT_MSG_GETRULE; IPT_SO_GET_ENTRIES", "Rules in them")
          .column<&Row::in_use>("in_use", "", "", "A rule is there, or a base chain whose policy is not accept")
          .column<&Row::iptables_nft>("iptables_nft", "",
                                      "nft tables with the names and chains of iptables, or xt expressions",
                                      "iptables-nft or ip6tables-nft keeps its rules here")
          .build();
  return info;
}

const TableInfo& NetfilterChain::table() {
  using Row = NetfilterChain;
  static const TableInfo info =
      TableBuilder<Row>("netfilter_chains", "Chains of the packet filter, of nftables and of legacy iptables")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::backend>("backend", "", "", "nft or legacy")
          .key<&Row::family>("family", "", "nfgenmsg.nfgen_family", "ip, ip6, inet, arp, bridge or netdev")
          .key<&Row::table_name>("table", "", "NFTA_CHAIN_TABLE", "Table that it is in")
          .key<&Row::chain>("chain", "", "NFTA_CHAIN_NAME", "Name of the chain")
          .column<&Row::type>("type", "", "NFTA_CHAIN_TYPE",
                              "filter, nat or route; for legacy the table's name; NULL without "
                              "a hook")
          .column<&Row::hook>(
              "hook", "", "NFTA_HOOK_HOOKNUM",
              "prerouting, input, forward, output, postrouting, ingress or egress; NULL when it is reached by "
              "jumps only")
          .column<&Row::priority>("priority", "", "NFTA_HOOK_PRIORITY",
                                  "Order among the chains of a hook, lowest first")
          .column<&Row::policy>("policy", "", "NFTA_CHAIN_POLICY", "What becomes of a packet that no rule decides on")
          .counter<&Row::packets>("packets", "packets", "NFTA_CHAIN_COUNTERS",
                                  "Packets that the policy decided on (legacy); "
                                  "NULL where it is not counted")
          .counter<&Row::bytes>("bytes", "bytes", "NFTA_CHAIN_COUNTERS", "Bytes of them")
          .column<&Row::device>("device", "", "NFTA_HOOK_DEV",
                                "Interface of an ingress or egress chain; several with commas")
          .column<&Row::base>("base", "", "NFTA_CHAIN_HOOK", "Packets come to it from a hook, not by a jump")
          .column<&Row::rules>("rules", "", "counted", "Rules in it")
          .column<&Row::handle>("handle", "", "NFTA_CHAIN_HANDLE", "nft's number of the chain; NULL for legacy")
          .build();
  return info;
}

const TableInfo& NetfilterRule::table() {
  using Row = NetfilterRule;
  static const TableInfo info =
      TableBuilder<Row>("netfilter_rules",
                        "Rules of the packet filter in the order they are tried, of nftables and of legacy "
                        "iptables")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::backend>("backend", "", "", "nft or legacy")
          .key<&Row::family>("family", "", "nfgenmsg.nfgen_family", "ip, ip6, inet, arp, bridge or netdev")
          .key<&Row::table_name>("table", "", "NFTA_RULE_TABLE", "Table that it is in")
          .key<&Row::chain>("chain", "", "NFTA_RULE_CHAIN", "Chain that it is in")
          .column<&Row::hook>("hook", "", "NFTA_HOOK_HOOKNUM",
                              "Hook of that chain; NULL when it is reached by jumps only")
          .column<&Row::priority>("priority", "", "NFTA_HOOK_PRIORITY", "Priority of that chain")
          .key<&Row::position>("position", "", "order of the dump", "1 for the first rule of its chain")
          .key<&Row::handle>("handle", "", "NFTA_RULE_HANDLE", "nft's number of the rule; NULL for legacy")
          .column<&Row::text>("text", "", "NFTA_RULE_EXPRESSIONS; struct ipt_entry",
                              "What it matches and does, near to what nft list ruleset or iptables-save print")
          .column<&Row::verdict>(
              "verdict", "", "the last statement",
              "accept, drop, reject, return, jump, goto, continue, queue, masquerade, snat, dnat, redirect, "
              "log, ...; NULL where it only counts or sets something")
          .column<&Row::target>("target", "", "NFTA_VERDICT_CHAIN", "Chain that it jumps or goes to")
          .column<&Row::protocol>("protocol", "", "meta l4proto, ip protocol",
                                  "tcp, udp, icmp, ...; several with commas")
          .column<&Row::sport>("sport", "", "transport header",
                               "Source ports: 53, 1024-65535 or 22,80-90; NULL when it does not "
                               "ask for them plainly")
          .column<&Row::dport>("dport", "", "transport header", "Destination ports, written like sport")
          .column<&Row::src>("src", "", "network header", "Source: address, prefix, range or several with commas")
          .column<&Row::dst>("dst", "", "network header", "Destination, written like src")
          .column<&Row::iif>("iif", "", "meta iifname",
                             "Interface that it came in by; name* is every one that begins so")
          .column<&Row::oif>("oif", "", "meta oifname", "Interface that it leaves by, written like iif")
          .column<&Row::ct_state>("ct_state", "", "ct state",
                                  "Connection tracking states with commas: established,related")
          .column<&Row::plain>("plain", "", "",
                               "All that the rule asks of a packet is in the columns protocol to ct_state; NULL "
                               "there then means any")
          .column<&Row::comment>("comment", "", "NFTA_RULE_USERDATA; xt comment", "Comment of who wrote the rule")
          .counter<&Row::packets>("packets", "packets", "counter expression; ipt_entry.counters",
                                  "Packets that matched; NULL when the rule has no counter")
          .counter<&Row::bytes>("bytes", "bytes", "counter expression; ipt_entry.counters", "Bytes of them")
          .build();
  return info;
}

}  // namespace hostcheck::facts
