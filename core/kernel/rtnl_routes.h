// RTM_GETROUTE, RTM_GETNEXTHOP and RTM_GETRULE: routing.
#pragma once

#include <map>
#include <string_view>
#include <unordered_map>

#include "core/facts/route.h"
#include "core/kernel/procfs.h"
#include "core/kernel/rtnl.h"

namespace hostcheck::kernel {

// Names of routing tables: the kernel's three and those of /etc/iproute2/rt_tables and rt_tables.d.
class TableNames {
 public:
  TableNames() = default;
  TableNames(const FileTree& files, facts::Facts& texts);
  // The empty Symbol where the table has only a number.
  [[nodiscard]] Symbol of(std::uint32_t table) const {
    const auto found = names_.find(table);
    return found == names_.end() ? Symbol{} : found->second;
  }
  // The table by its name, or by its number in decimal; nullopt where there is none.
  [[nodiscard]] std::optional<std::uint32_t> number_of(std::string_view name) const;

 private:
  void add_file(std::string_view text, facts::Facts& texts);
  std::unordered_map<std::uint32_t, Symbol> names_;
};

// Which tables of facts one dump of routes is to fill.
struct RouteTables {
  bool routes = false;
  bool nexthops = false;
  bool summary = false;
};

// What every row has to have; an empty list of values wants nothing, nullopt wants all. The kernel is asked for no more
// where a list has one value and the kernel filters dumps (Linux 4.20).
struct RouteFilter {
  std::optional<std::vector<Family>> families;
  std::optional<std::vector<std::uint32_t>> tables;
  std::optional<std::vector<std::uint8_t>> types, protocols;
  std::optional<std::vector<std::uint32_t>> ifindexes;
  // On rows that were made; of table routes only.
  facts::RowFilter* rows = nullptr;
};

// Reads routes message by message.
class RouteCollector {
 public:
  RouteCollector(RtnlReader& reader, const TableNames& tables, RouteTables fill, const RouteFilter& filter);

  // Begins the dump of a family; messages of another family are passed over.
  void begin(Family family);
  [[nodiscard]] Result<void> add(const nlmsghdr& message);
  // Forgets what came since begin().
  void restart();
  // Keeps what came since begin().
  void finish();

 private:
  [[nodiscard]] bool passes_header(const void* header) const;
  [[nodiscard]] Symbol table_name(std::uint32_t table);
  [[nodiscard]] Symbol interface_name(std::uint32_t ifindex);
  [[nodiscard]] bool fill_hops(std::span<const std::uint8_t> multipath, facts::Route& route);

  RtnlReader& reader_;
  const TableNames& tables_;
  RouteTables fill_;
  const RouteFilter& filter_;
  Family family_ = Family::none;
  std::vector<facts::Route> unasked_routes_;
  std::vector<facts::RouteNexthop> unasked_hops_;
  std::vector<facts::Route>& routes_;
  std::vector<facts::RouteNexthop>& hops_;
  std::size_t routes_before_ = 0;
  std::size_t hops_before_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> counts_;  // by table, type and protocol
  // Neighbouring routes share their table and, mostly, their interface.
  std::uint32_t last_table_ = 0;
  Symbol last_table_name_;
  std::uint32_t last_ifindex_ = 0;
  Symbol last_ifname_;
  std::uint64_t last_key_ = 0;
  std::uint64_t* last_count_ = nullptr;
};

// Routes of all tables, cached ones left out.
[[nodiscard]] Result<void> read_routes(RtnlReader& reader, const TableNames& tables, RouteTables fill,
                                       const RouteFilter& filter, bool strict);

[[nodiscard]] Result<void> read_nexthops(RtnlReader& reader);
[[nodiscard]] Parsed parse_nexthop(const nlmsghdr& message, RtnlReader& reader, facts::Nexthop& row);

// Policy rules of one family.
[[nodiscard]] Result<void> read_policy_rules(RtnlReader& reader, const TableNames& tables, Family family);
[[nodiscard]] Parsed parse_policy_rule(const nlmsghdr& message, RtnlReader& reader, const TableNames& tables,
                                       facts::PolicyRule& row);

}  // namespace hostcheck::kernel
