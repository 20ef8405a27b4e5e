#include "core/conclude/roles.h"

#include <set>

#include "core/facts/role.h"
#include "core/sql/database.h"

namespace hostcheck::conclude {
namespace {

struct Sign {
  std::string_view role;
  std::string_view query;  // netns, because: a row for each namespace that has the role
};

constexpr Sign kSigns[] = {
    {"container_host",
     "SELECT netns, count(*) || ' interfaces lead into other namespaces, the first is ' || min(ifname) AS because"
     "  FROM links WHERE kind IN ('veth', 'macvlan', 'ipvlan') AND link_netnsid IS NOT NULL AND master IS NOT NULL"
     " GROUP BY netns"},
    {"load_balancer",
     "SELECT netns, group_concat(DISTINCT process) || ' listens' AS because FROM listeners"
     " WHERE process IN ('haproxy', 'envoy', 'traefik', 'pound', 'relayd', 'varnishd') GROUP BY netns"},
    {"router",
     "SELECT l.netns, 'forwarding is on, ' || count(*) || ' interfaces of its own are up' AS because FROM links l"
     " WHERE l.admin_up AND l.type <> 'loopback' AND l.master IS NULL"
     "   AND (l.kind IS NULL OR l.kind NOT IN ('bridge', 'dummy', 'ifb', 'tun', 'macvlan', 'ipvlan'))"
     "   AND EXISTS (SELECT 1 FROM sysctls s WHERE s.netns = l.netns AND s.value = 1"
     "               AND s.name IN ('net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'))"
     " GROUP BY l.netns HAVING count(*) >= 2"},
    {"server",
     "SELECT netns, count(DISTINCT port) || ' ports listen on addresses that others reach' AS because FROM listeners"
     " WHERE address NOT GLOB '127.*' AND address <> '::1' GROUP BY netns"},
};
// The sysctls again, as literals, so that no others are read.
constexpr std::string_view kForwarding[] = {
    "SELECT netns, value FROM sysctls WHERE name = 'net.ipv4.ip_forward'",
    "SELECT netns, value FROM sysctls WHERE name = 'net.ipv6.conf.all.forwarding'"};

facts::Request make_request() {
  facts::Request all;
  auto database = sql::Database::open();
  if (!database) return all;
  const auto merge = [&](std::string_view query, bool sysctls) {
    const auto request = database->plan(query);
    if (!request) return;  // a query of this file: its test tells
    for (const auto& [table, each] : *request) {
      if (sysctls == (table == "sysctls")) all[table].merge(each);
    }
  };
  for (const Sign& sign : kSigns) merge(sign.query, false);
  for (const std::string_view query : kForwarding) merge(query, true);
  return all;
}

void add(facts::Facts& facts, std::string_view netns, std::string_view role, std::string because, bool set) {
  facts::HostRole row;
  row.netns = facts.intern(netns);
  row.role = facts.intern(role);
  row.because = std::move(because);
  row.set = set;
  facts.rows<facts::HostRole>().push_back(std::move(row));
}

void add_found(facts::Facts& facts) {
  struct Found {
    std::string netns, role, because;
  };
  std::vector<Found> all;
  {
    auto database = sql::Database::open(facts);
    if (!database) return facts.add_absence("roles", "", database.error());
    for (const Sign& sign : kSigns) {
      const auto answer = database->run(sign.query, {});
      if (!answer) return facts.add_absence("roles", "", answer.error());
      for (const auto& row : answer->rows) {
        all.push_back({std::get<std::string>(row[0]), std::string(sign.role), std::get<std::string>(row[1])});
      }
    }
  }
  for (Found& each : all) add(facts, each.netns, each.role, std::move(each.because), false);
}

// What is absent of that which tells the roles.
void add_absences(facts::Facts& facts) {
  std::vector<facts::Absence> missing;
  for (const facts::Absence& each : facts.absences()) {
    const auto table = roles_request().find(each.table);
    if (table == roles_request().end() || !each.subject.empty()) continue;
    // Who owns a listener decides nothing but the load balancer.
    if (each.table == "listeners" && !each.column.empty()) continue;
    if (!each.column.empty() && !table->second.wants(each.column)) continue;
    missing.push_back({"roles", "", each.netns, "", each.code, each.table + ": " + each.reason, each.remedy});
  }
  for (facts::Absence& each : missing) facts.add_absence(std::move(each));
}

}  // namespace

const facts::Request& roles_request() {
  static const facts::Request request = make_request();
  return request;
}

void fill_roles(facts::Facts& facts, std::span<const std::string> given) {
  (void)facts.rows<facts::HostRole>();
  if (given.empty()) {
    add_found(facts);
    add_absences(facts);
    return;
  }
  const facts::TableData* links = facts.find("links");
  const auto netns = links == nullptr ? std::nullopt : links->info().column("netns");
  if (!netns) return;
  std::set<std::string, std::less<>> names;
  std::string scratch;
  for (std::size_t row = 0; row < links->size(); ++row) names.emplace(links->cell(row, *netns, scratch).text);
  for (const std::string& name : names) {
    for (const std::string& role : given) add(facts, name, role, "set", true);
  }
}

}  // namespace hostcheck::conclude
