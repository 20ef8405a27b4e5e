#include "core/kernel/rtnl_neighbours.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kNeighbourDump = "RTM_GETNEIGH dump";

// Ages come in clock ticks of user space.
std::uint64_t milliseconds(std::uint32_t ticks) {
  static const auto ms_per_tick = static_cast<std::uint64_t>(1000 / sysconf(_SC_CLK_TCK));
  return ticks * ms_per_tick;
}

bool allows(const std::optional<std::vector<Family>>& families, Family family) {
  return !families || std::find(families->begin(), families->end(), family) != families->end();
}

}  // namespace

Parsed parse_neighbour(const nlmsghdr& message, facts::Neighbour& row) {
  const auto* header = header_of<ndmsg>(message);
  std::array<Bytes, NDA_FLAGS_EXT + 1> at;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), at)) return Parsed::malformed;
  row.family = family_of(header->ndm_family);
  if (row.family == Family::none) return Parsed::passed;
  row.ifindex = static_cast<std::uint32_t>(header->ndm_ifindex);
  row.state = static_cast<facts::NeighbourState>(header->ndm_state);
  row.flags = header->ndm_flags | read_number<std::uint32_t>(at[NDA_FLAGS_EXT]) << 8;
  row.address = IpAddress::from_bytes(at[NDA_DST]);
  if (row.address.family() != row.family) return Parsed::malformed;
  row.lladdr = LinkAddress::from_bytes(at[NDA_LLADDR]);
  row.vlan = read_number<std::uint16_t>(at[NDA_VLAN]);
  row.probes = read_number<std::uint32_t>(at[NDA_PROBES]);
  if (at[NDA_CACHEINFO].size() >= sizeof(nda_cacheinfo)) {
    const auto info = read_number<nda_cacheinfo>(at[NDA_CACHEINFO]);
    row.has_cacheinfo = true;
    row.used_ms = milliseconds(info.ndm_used);
    row.confirmed_ms = milliseconds(info.ndm_confirmed);
    row.updated_ms = milliseconds(info.ndm_updated);
    row.refcount = info.ndm_refcnt;
  }
  return Parsed::row;
}

NeighbourCollector::NeighbourCollector(RtnlReader& reader, NeighbourTables fill, const NeighbourFilter& filter)
    : reader_(reader),
      fill_(fill),
      filter_(filter),
      rows_(fill.neighbours ? reader.out.rows<facts::Neighbour>() : unasked_rows_) {}

void NeighbourCollector::begin(bool proxies) {
  proxies_ = proxies;
  before_ = rows_.size();
}

void NeighbourCollector::restart() {
  rows_.resize(before_);
  counts_.clear();
}

void NeighbourCollector::finish() {
  for (const auto& [key, neighbours] : std::map(counts_.begin(), counts_.end())) {  // in an order that stays
    facts::NeighbourSummary row;
    row.netns = reader_.netns;
    row.ifindex = static_cast<std::uint32_t>(key >> 16);
    row.ifname = reader_.names.of(row.ifindex);
    row.family = static_cast<Family>(key >> 8 & 0xff);
    row.state = static_cast<facts::NeighbourState>(key & 0xff);
    row.neighbours = neighbours;
    reader_.out.rows<facts::NeighbourSummary>().push_back(row);
  }
  counts_.clear();
}

Result<void> NeighbourCollector::add(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWNEIGH) return {};
  make_room(rows_);
  facts::Neighbour& row = rows_.emplace_back();
  const Parsed parsed = parse_neighbour(message, row);
  if (parsed == Parsed::malformed) return unexpected(malformed(kNeighbourDump));
  if (parsed == Parsed::passed || !allows(filter_.families, row.family)) {
    rows_.pop_back();
    return {};
  }
  if (fill_.summary && !proxies_) {
    ++counts_[std::uint64_t{row.ifindex} << 16 | static_cast<std::uint64_t>(row.family) << 8 |
              static_cast<std::uint64_t>(row.state)];
  }
  if (row.ifindex != last_ifindex_) {
    last_ifindex_ = row.ifindex;
    last_ifname_ = reader_.names.of(row.ifindex);
  }
  row.netns = reader_.netns;
  row.ifname = last_ifname_;
  if (!fill_.neighbours || (filter_.rows != nullptr && !filter_.rows->wants(&row))) rows_.pop_back();
  return {};
}

Result<void> read_neighbours(RtnlReader& reader, NeighbourTables fill, const NeighbourFilter& filter, bool strict) {
  NeighbourCollector collector(reader, fill, filter);
  if ((filter.ifindexes && filter.ifindexes->empty()) || (filter.families && filter.families->empty())) return {};
  for (const bool proxies : {false, true}) {
    if (proxies && !(fill.neighbours && filter.proxies)) continue;
    NetlinkRequest request(RTM_GETNEIGH, 0);
    auto& header = request.header<ndmsg>();
    if (filter.families && filter.families->size() == 1)
      header.ndm_family = address_family_of(filter.families->front());
    if (proxies) header.ndm_flags = NTF_PROXY;
    if (strict && filter.ifindexes && filter.ifindexes->size() == 1) {
      request.add_u32(NDA_IFINDEX, filter.ifindexes->front());
    }
    collector.begin(proxies);
    auto done = reader.socket.dump(
        request, kNeighbourDump, [&](const nlmsghdr& message) { return collector.add(message); },
        [&] { collector.restart(); });
    if (!done) {
      collector.restart();
      return done;
    }
    collector.finish();
  }
  return {};
}

Parsed parse_neighbour_table(const nlmsghdr& message, facts::Facts& texts, facts::NeighbourTable& row) {
  const auto* header = header_of<ndtmsg>(message);
  std::array<Bytes, NDTA_GC_INTERVAL + 1> at;
  if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), at)) return Parsed::malformed;
  row.family = family_of(header->ndtm_family);
  // Only the table's own message has its configuration; the others are about single interfaces.
  if (row.family == Family::none || at[NDTA_CONFIG].data() == nullptr) return Parsed::passed;
  if (at[NDTA_CONFIG].size() < sizeof(ndt_config)) return Parsed::malformed;
  const auto config = read_number<ndt_config>(at[NDTA_CONFIG]);
  row.name = texts.intern(read_text(at[NDTA_NAME]));
  row.entries = config.ndtc_entries;
  row.hash_buckets = std::uint64_t{config.ndtc_hash_mask} + 1;
  row.gc_thresh1 = read_number<std::uint32_t>(at[NDTA_THRESH1]);
  row.gc_thresh2 = read_number<std::uint32_t>(at[NDTA_THRESH2]);
  row.gc_thresh3 = read_number<std::uint32_t>(at[NDTA_THRESH3]);
  row.gc_interval_ms = read_number<std::uint64_t>(at[NDTA_GC_INTERVAL]);
  ndt_stats stats{};
  if (!at[NDTA_STATS].empty()) {
    std::memcpy(&stats, at[NDTA_STATS].data(), std::min(at[NDTA_STATS].size(), sizeof stats));
  }
  row.allocs = stats.ndts_allocs;
  row.destroys = stats.ndts_destroys;
  row.hash_grows = stats.ndts_hash_grows;
  row.res_failed = stats.ndts_res_failed;
  row.lookups = stats.ndts_lookups;
  row.hits = stats.ndts_hits;
  row.rcv_probes_mcast = stats.ndts_rcv_probes_mcast;
  row.rcv_probes_ucast = stats.ndts_rcv_probes_ucast;
  row.periodic_gc_runs = stats.ndts_periodic_gc_runs;
  row.forced_gc_runs = stats.ndts_forced_gc_runs;
  if (at[NDTA_STATS].size() >= sizeof stats) row.table_fulls = facts::Counter(stats.ndts_table_fulls);
  return Parsed::row;
}

Result<void> read_neighbour_tables(NetlinkSocket& socket, facts::Facts& out) {
  constexpr std::string_view kTableDump = "RTM_GETNEIGHTBL dump";
  NetlinkRequest request(RTM_GETNEIGHTBL, 0);
  (void)request.header<ndtmsg>();
  std::vector<facts::NeighbourTable> rows;
  auto done = socket.dump(
      request, kTableDump,
      [&](const nlmsghdr& message) -> Result<void> {
        if (message.nlmsg_type != RTM_NEWNEIGHTBL) return {};
        facts::NeighbourTable row;
        const Parsed parsed = parse_neighbour_table(message, out, row);
        if (parsed == Parsed::malformed) return unexpected(malformed(kTableDump));
        if (parsed == Parsed::row) rows.push_back(row);
        return {};
      },
      [&] { rows.clear(); });
  if (!done) return done;
  auto& all = out.rows<facts::NeighbourTable>();
  all.insert(all.end(), rows.begin(), rows.end());
  return {};
}

}  // namespace hostcheck::kernel
