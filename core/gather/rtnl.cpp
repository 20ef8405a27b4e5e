#include "core/gather/rtnl.h"

#include <algorithm>
#include <array>

#include "core/facts/rtnl_names.h"
#include "core/kernel/rtnl_links.h"
#include "core/kernel/rtnl_neighbours.h"
#include "core/kernel/rtnl_routes.h"

namespace hostcheck::gather {
namespace {

constexpr std::array<std::string_view, 10> kTables = {
    "links",         "addresses",    "routes",     "route_nexthops",    "nexthops",
    "route_summary", "policy_rules", "neighbours", "neighbour_summary", "qdiscs"};

using facts::TableRequest;

template <typename Value>
using Choice = std::optional<std::vector<Value>>;

// The values that one of several tables' readers want, when each of those that are asked for is bound to some.
template <typename Value, typename Only>
Choice<Value> only_in_all(std::initializer_list<const TableRequest*> requests, Only only) {
  std::vector<Value> values;
  for (const TableRequest* request : requests) {
    if (request == nullptr) continue;
    const Choice<Value> some = only(*request);
    if (!some) return std::nullopt;
    for (const Value& value : *some) {
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
  }
  return values;
}

// The values of a text column as something else; texts that name nothing are left out: no row can have them.
template <typename Value, typename Convert>
Choice<Value> only_converted(const TableRequest& request, std::string_view column, Convert convert) {
  const auto texts = request.only_text(column);
  if (!texts) return std::nullopt;
  std::vector<Value> values;
  for (const std::string& text : *texts) {
    if (const auto value = convert(text)) values.push_back(*value);
  }
  return values;
}

Choice<std::uint32_t> only_numbers(const TableRequest& request, std::string_view column) {
  const auto numbers = request.only_integers(column);
  if (!numbers) return std::nullopt;
  std::vector<std::uint32_t> values;
  for (const std::int64_t number : *numbers) {
    if (number >= 0 && number <= std::int64_t{UINT32_MAX}) values.push_back(static_cast<std::uint32_t>(number));
  }
  return values;
}

Choice<Family> only_families(const TableRequest& request) {
  return only_converted<Family>(request, "family", [](std::string_view text) -> std::optional<Family> {
    if (text == name_of(Family::ipv4)) return Family::ipv4;
    if (text == name_of(Family::ipv6)) return Family::ipv6;
    return std::nullopt;
  });
}

Choice<std::uint32_t> only_interfaces(const TableRequest& request, const kernel::InterfaceNames& names) {
  if (auto numbers = only_numbers(request, "ifindex")) return numbers;
  return only_converted<std::uint32_t>(request, "ifname", [&](std::string_view name) { return names.index_of(name); });
}

void mark_absent(const Task& task, std::initializer_list<std::string_view> tables, const Error& error,
                 std::string_view column = {}, std::string_view subject = {}) {
  for (const std::string_view table : tables) {
    if (task.asked(table) == nullptr) continue;
    if (column.empty() && subject.empty()) {
      task.out.add_absence(table, task.netns.name, error);
    } else {
      task.out.add_absence(facts::Absence{std::string(table),
                                          std::string(column),
                                          task.netns.name,
                                          std::string(subject),
                                          error.code,
                                          error.message(),
                                          {}});
    }
  }
}

// Whether any of the columns that IFLA_STATS64 fills is read.
bool wants_link_counters(const TableRequest& request) {
  const facts::TableInfo& info = facts::Link::table();
  return std::any_of(info.columns.begin(), info.columns.end(), [&](const facts::Column& column) {
    return column.source.starts_with("IFLA_STATS64") && request.wants(column.name);
  });
}

void gather_routes(const Task& task, kernel::RtnlReader& reader, const kernel::TableNames& tables, bool strict) {
  const TableRequest* routes = task.asked("routes");
  const TableRequest* nexthops = task.asked("route_nexthops");
  const TableRequest* summary = task.asked("route_summary");
  if (routes == nullptr && nexthops == nullptr && summary == nullptr) return;

  facts::RowFilter rows(facts::Route::table(), routes);
  kernel::RouteFilter filter;
  const auto asked = {routes, nexthops, summary};
  filter.families = only_in_all<Family>(asked, only_families);
  filter.tables = only_in_all<std::uint32_t>(asked, [&](const TableRequest& request) -> Choice<std::uint32_t> {
    if (auto numbers = only_numbers(request, "table")) return numbers;
    return only_converted<std::uint32_t>(request, "table_name",
                                         [&](std::string_view name) { return tables.number_of(name); });
  });
  if (nexthops == nullptr) {  // whose rows tell neither
    filter.types = only_in_all<std::uint8_t>(asked, [](const TableRequest& request) {
      return only_converted<std::uint8_t>(request, "type", facts::route_type_number);
    });
    filter.protocols = only_in_all<std::uint8_t>(asked, [](const TableRequest& request) {
      return only_converted<std::uint8_t>(request, "protocol", facts::route_protocol_number);
    });
    if (summary == nullptr) filter.ifindexes = only_interfaces(*routes, reader.names);
  }
  if (!rows.wants_all()) filter.rows = &rows;
  const auto done =
      kernel::read_routes(reader, tables, {routes != nullptr, nexthops != nullptr, summary != nullptr}, filter, strict);
  if (!done) mark_absent(task, {"routes", "route_nexthops", "route_summary"}, done.error());
}

void gather_neighbours(const Task& task, kernel::RtnlReader& reader, bool strict) {
  const TableRequest* neighbours = task.asked("neighbours");
  const TableRequest* summary = task.asked("neighbour_summary");
  if (neighbours == nullptr && summary == nullptr) return;

  facts::RowFilter rows(facts::Neighbour::table(), neighbours);
  kernel::NeighbourFilter filter;
  filter.families = only_in_all<Family>({neighbours, summary}, only_families);
  filter.ifindexes = only_in_all<std::uint32_t>(
      {neighbours, summary}, [&](const TableRequest& request) { return only_interfaces(request, reader.names); });
  filter.proxies = neighbours != nullptr && neighbours->may_want("proxy", std::int64_t{1});
  if (!rows.wants_all()) filter.rows = &rows;
  const auto done = kernel::read_neighbours(reader, {neighbours != nullptr, summary != nullptr}, filter, strict);
  if (!done) mark_absent(task, {"neighbours", "neighbour_summary"}, done.error());
}

void gather_policy_rules(const Task& task, kernel::RtnlReader& reader, const kernel::TableNames& tables) {
  const TableRequest* request = task.asked("policy_rules");
  if (request == nullptr) return;
  const auto families = only_families(*request);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (families && std::find(families->begin(), families->end(), family) == families->end()) continue;
    const auto done = kernel::read_policy_rules(reader, tables, family);
    if (done) continue;
    // A kernel may lack policy routing for one family only; the other's rules are told all the same.
    mark_absent(task, {"policy_rules"}, done.error(), {}, name_of(family));
  }
}

void gather_addresses(const Task& task, kernel::RtnlReader& reader) {
  const TableRequest* request = task.asked("addresses");
  if (request == nullptr) return;
  facts::RowFilter filter(facts::InterfaceAddress::table(), request);
  const auto families = only_families(*request);
  const Family family = families && families->size() == 1 ? families->front() : Family::none;
  if (const auto done = kernel::read_addresses(reader, family, filter); !done) {
    mark_absent(task, {"addresses"}, done.error());
  }
}

// A table that was asked for exists even when it has no rows.
template <typename... Rows>
void make_tables(const Task& task) {
  const auto make = [&]<typename Row>() {
    if (task.asked(Row::table().name) != nullptr) (void)task.out.rows<Row>();
  };
  (make.template operator()<Rows>(), ...);
}

void gather_rtnl(const Task& task) {
  make_tables<facts::Link, facts::InterfaceAddress, facts::Route, facts::RouteNexthop, facts::Nexthop,
              facts::RouteSummary, facts::PolicyRule, facts::Neighbour, facts::NeighbourSummary, facts::Qdisc>(task);
  auto socket = kernel::NetlinkSocket::open(kernel::kNetlinkRoute);
  const auto mark_all = [&](const Error& error) {
    for (const std::string_view table : kTables) mark_absent(task, {table}, error);
  };
  if (!socket) return mark_all(socket.error());
  const bool strict = socket->set_strict_checking();
  kernel::RtnlReader reader{*socket, task.out, task.out.intern(task.netns.name), {}};

  const TableRequest* links = task.asked("links");
  if (const auto done = kernel::read_links(reader, links != nullptr, links != nullptr && wants_link_counters(*links));
      !done) {
    return mark_all(done.error());  // without the interfaces' names the rest tells little
  }
  gather_addresses(task, reader);
  const kernel::TableNames tables(task.files, task.out);
  gather_routes(task, reader, tables, strict);
  gather_policy_rules(task, reader, tables);
  if (task.asked("nexthops") != nullptr) {
    if (const auto done = kernel::read_nexthops(reader); !done) mark_absent(task, {"nexthops"}, done.error());
  }
  gather_neighbours(task, reader, strict);
  if (task.asked("qdiscs") != nullptr) {
    if (const auto done = kernel::read_qdiscs(reader); !done) mark_absent(task, {"qdiscs"}, done.error());
  }
}

void gather_neighbour_tables(const Task& task) {
  make_tables<facts::NeighbourTable>(task);
  auto socket = kernel::NetlinkSocket::open(kernel::kNetlinkRoute);
  if (!socket) return task.out.add_absence("neighbour_tables", {}, socket.error());
  if (const auto done = kernel::read_neighbour_tables(*socket, task.out); !done) {
    task.out.add_absence("neighbour_tables", {}, done.error());
  }
}

}  // namespace

const Source& rtnl_source() {
  static const Source source{"rtnetlink", Where::each_namespace, kTables, gather_rtnl};
  return source;
}

const Source& neighbour_table_source() {
  static constexpr std::array<std::string_view, 1> kNeighbourTables = {"neighbour_tables"};
  static const Source source{"neighbour tables", Where::first_namespace, kNeighbourTables, gather_neighbour_tables};
  return source;
}

}  // namespace hostcheck::gather
