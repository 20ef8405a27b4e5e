#include "core/facts/neighbour.h"

#include <linux/neighbour.h>

#include "core/facts/rtnl_names.h"

namespace hostcheck::facts {
namespace {

// Extended flags (NDA_FLAGS_EXT, Linux 5.16) are kept above the eight of ndmsg.
constexpr std::uint32_t kManaged = 1U << 8;
constexpr std::uint32_t kLocked = 1U << 9;

Cell neighbour_flags_cell(const Neighbour& row, std::string& scratch) {
  static constexpr FlagName kNames[] = {{NTF_USE, "use"},
                                        {NTF_SELF, "self"},
                                        {NTF_MASTER, "master"},
                                        {NTF_PROXY, "proxy"},
                                        {NTF_EXT_LEARNED, "extern_learn"},
                                        {NTF_OFFLOADED, "offload"},
                                        {NTF_STICKY, "sticky"},
                                        {NTF_ROUTER, "router"},
                                        {kManaged, "managed"},
                                        {kLocked, "locked"}};
  return flags_cell(row.flags, kNames, scratch);
}

template <std::uint32_t kFlag>
Cell flag_cell(const Neighbour& row, std::string&) {
  return integer_cell((row.flags & kFlag) != 0 ? 1 : 0);
}

Cell permanent_cell(const Neighbour& row, std::string&) {
  return integer_cell(row.state == NeighbourState::permanent ? 1 : 0);
}

template <auto Member>
Cell cacheinfo_cell(const Neighbour& row, std::string&) {
  if (!row.has_cacheinfo) return {};
  return integer_cell(static_cast<std::int64_t>(row.*Member));
}

}  // namespace

std::string_view name_of(NeighbourState state) {
  switch (state) {
    case NeighbourState::none:
      return "none";
    case NeighbourState::incomplete:
      return "incomplete";
    case NeighbourState::reachable:
      return "reachable";
    case NeighbourState::stale:
      return "stale";
    case NeighbourState::delay:
      return "delay";
    case NeighbourState::probe:
      return "probe";
    case NeighbourState::failed:
      return "failed";
    case NeighbourState::noarp:
      return "noarp";
    case NeighbourState::permanent:
      return "permanent";
  }
  return "";
}

const TableInfo& Neighbour::table() {
  using Row = Neighbour;
  static const TableInfo info =
      TableBuilder<Row>("neighbours", "Neighbours that ARP or NDP know, or that somebody entered")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::family>("family", "", "ndmsg.ndm_family", "inet or inet6")
          .key<&Row::ifindex>("ifindex", "", "ndmsg.ndm_ifindex", "Number of the interface; 0 for a proxy entry of all")
          .column<&Row::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
          .key<&Row::address>("address", "", "NDA_DST", "The neighbour's address")
          .column<&Row::lladdr>("lladdr", "", "NDA_LLADDR", "Its link-layer address, as far as known")
          .column<&Row::state>("state", "", "ndmsg.ndm_state",
                               "incomplete, reachable, stale, delay, probe, failed, noarp, permanent or none")
          .computed<flag_cell<NTF_ROUTER>>("router", Type::boolean, "", "NTF_ROUTER",
                                           "IPv6: it says that it is a router")
          .computed<flag_cell<NTF_PROXY>>("proxy", Type::boolean, "", "NTF_PROXY",
                                          "This host answers for it (proxy entry, no neighbour)")
          .as_key()
          .computed<flag_cell<NTF_EXT_LEARNED>>("extern_learn", Type::boolean, "", "NTF_EXT_LEARNED",
                                                "A control program entered it")
          .computed<permanent_cell>("permanent", Type::boolean, "", "NUD_PERMANENT",
                                    "Entered by hand, never asked again")
          .computed<neighbour_flags_cell>("flags", Type::text, "", "ndmsg.ndm_flags, NDA_FLAGS_EXT",
                                          "Flags, separated by commas")
          .computed<cacheinfo_cell<&Row::used_ms>>("used_ms", Type::integer, "ms", "NDA_CACHEINFO ndm_used",
                                                   "Time since it was last used")
          .computed<cacheinfo_cell<&Row::confirmed_ms>>("confirmed_ms", Type::integer, "ms",
                                                        "NDA_CACHEINFO ndm_confirmed",
                                                        "Time since it was last known to be reachable")
          .computed<cacheinfo_cell<&Row::updated_ms>>("updated_ms", Type::integer, "ms", "NDA_CACHEINFO ndm_updated",
                                                      "Time since its state or address last changed")
          .computed<cacheinfo_cell<&Row::refcount>>("refcount", Type::integer, "", "NDA_CACHEINFO ndm_refcnt",
                                                    "How many hold it")
          .computed<cacheinfo_cell<&Row::probes>>("probes", Type::integer, "", "NDA_PROBES",
                                                  "Questions asked without an answer so far")
          .column<&Row::vlan>("vlan", "", "NDA_VLAN", "VLAN number, where the entry has one")
          .build();
  return info;
}

const TableInfo& NeighbourSummary::table() {
  using Row = NeighbourSummary;
  static const TableInfo info =
      TableBuilder<Row>("neighbour_summary",
                        "How many neighbours each interface has in each state, proxy entries left out")
          .key<&Row::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Row::family>("family", "", "ndmsg.ndm_family", "inet or inet6")
          .key<&Row::ifindex>("ifindex", "", "ndmsg.ndm_ifindex", "Number of the interface")
          .column<&Row::ifname>("ifname", "", "IFLA_IFNAME", "Name of the interface")
          .key<&Row::state>("state", "", "ndmsg.ndm_state", "As in table neighbours")
          .column<&Row::neighbours>("neighbours", "", "RTM_GETNEIGH, counted", "Number of neighbours")
          .build();
  return info;
}

const TableInfo& NeighbourTable::table() {
  using Row = NeighbourTable;
  static const TableInfo info =
      TableBuilder<Row>("neighbour_tables",
                        "The kernel's neighbour tables; their limits hold for all namespaces together")
          .key<&Row::name>("name", "", "NDTA_NAME", "arp_cache (IPv4) or ndisc_cache (IPv6)")
          .column<&Row::family>("family", "", "ndtmsg.ndtm_family", "inet or inet6")
          .column<&Row::entries>("entries", "", "NDTA_CONFIG ndtc_entries", "Entries of all namespaces together")
          .column<&Row::gc_thresh1>("gc_thresh1", "", "NDTA_THRESH1", "Below this nothing is collected")
          .column<&Row::gc_thresh2>("gc_thresh2", "", "NDTA_THRESH2",
                                    "Above this entries older than 5 s are collected at once")
          .column<&Row::gc_thresh3>("gc_thresh3", "", "NDTA_THRESH3",
                                    "No new entry above this: neighbour table overflow")
          .column<&Row::gc_interval_ms>("gc_interval_ms", "ms", "NDTA_GC_INTERVAL", "Time between collections")
          .column<&Row::hash_buckets>("hash_buckets", "", "NDTA_CONFIG ndtc_hash_mask", "Buckets of its hash")
          .counter<&Row::allocs>("allocs", "", "NDTA_STATS ndts_allocs", "Entries made")
          .counter<&Row::destroys>("destroys", "", "NDTA_STATS ndts_destroys", "Entries freed")
          .counter<&Row::hash_grows>("hash_grows", "", "NDTA_STATS ndts_hash_grows", "Times that the hash grew")
          .counter<&Row::lookups>("lookups", "", "NDTA_STATS ndts_lookups", "Look-ups")
          .counter<&Row::hits>("hits", "", "NDTA_STATS ndts_hits", "Look-ups that found an entry")
          .counter<&Row::res_failed>("res_failed", "", "NDTA_STATS ndts_res_failed", "Neighbours that did not answer")
          .counter<&Row::rcv_probes_mcast>("rcv_probes_mcast", "packets", "NDTA_STATS ndts_rcv_probes_mcast",
                                           "Multicast solicitations received")
          .counter<&Row::rcv_probes_ucast>("rcv_probes_ucast", "packets", "NDTA_STATS ndts_rcv_probes_ucast",
                                           "Unicast solicitations received")
          .counter<&Row::periodic_gc_runs>("periodic_gc_runs", "", "NDTA_STATS ndts_periodic_gc_runs",
                                           "Collections by the clock")
          .counter<&Row::forced_gc_runs>("forced_gc_runs", "", "NDTA_STATS ndts_forced_gc_runs",
                                         "Collections because the table was above gc_thresh2 or gc_thresh3")
          .counter<&Row::table_fulls>("table_fulls", "", "NDTA_STATS ndts_table_fulls",
                                      "Entries that could not be made because the table was full; Linux 4.18")
          .build();
  return info;
}

}  // namespace hostcheck::facts
