// RTM_GETNEIGH and RTM_GETNEIGHTBL: neighbours and the tables that hold them.
#pragma once

#include <unordered_map>

#include "core/facts/neighbour.h"
#include "core/kernel/rtnl.h"

namespace hostcheck::kernel {

// Which tables of facts one dump of neighbours is to fill.
struct NeighbourTables {
  bool neighbours = false;
  bool summary = false;
};

// What every row has to have; see RouteFilter.
struct NeighbourFilter {
  std::optional<std::vector<Family>> families;
  std::optional<std::vector<std::uint32_t>> ifindexes;
  bool proxies = true;  // whether proxy entries, a dump of their own, are wanted
  // On rows that were made; of table neighbours only.
  facts::RowFilter* rows = nullptr;
};

// Reads neighbours message by message.
class NeighbourCollector {
 public:
  NeighbourCollector(RtnlReader& reader, NeighbourTables fill, const NeighbourFilter& filter);

  // Begins a dump, of proxy entries or of neighbours.
  void begin(bool proxies);
  [[nodiscard]] Result<void> add(const nlmsghdr& message);
  // Forgets what came since begin().
  void restart();
  // Keeps what came since begin().
  void finish();

 private:
  RtnlReader& reader_;
  NeighbourTables fill_;
  const NeighbourFilter& filter_;
  bool proxies_ = false;
  std::vector<facts::Neighbour> unasked_rows_;
  std::vector<facts::Neighbour>& rows_;
  std::size_t before_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> counts_;  // by interface, family and state
  std::uint32_t last_ifindex_ = 0;
  Symbol last_ifname_;
};

[[nodiscard]] Parsed parse_neighbour(const nlmsghdr& message, facts::Neighbour& row);

[[nodiscard]] Result<void> read_neighbours(RtnlReader& reader, NeighbourTables fill, const NeighbourFilter& filter,
                                           bool strict);

// The tables themselves; the settings of single interfaces, which the same dump tells, are passed over.
[[nodiscard]] Result<void> read_neighbour_tables(NetlinkSocket& socket, facts::Facts& out);
[[nodiscard]] Parsed parse_neighbour_table(const nlmsghdr& message, facts::Facts& texts, facts::NeighbourTable& row);

}  // namespace hostcheck::kernel
