#include "core/conclude/permission.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/conclude/cells.h"
#include "core/probe/target.h"

namespace hostcheck::conclude {
namespace {

struct Place {
  std::string_view table;
  std::string_view column;
};
constexpr std::array kPlaces = {Place{"routes", "gateway"}, Place{"route_nexthops", "gateway"},
                                Place{"nexthops", "gateway"}, Place{"addresses", "address"},
                                Place{"resolvers", "server"}};

// "fe80::1" of "fe80::1%eth0"
std::string without_scope(const std::string& host) {
  return host.substr(0, host.find('%'));
}

}  // namespace

void Permission::learn() {
  if (std::exchange(learned_, true)) return;
  facts::Request request;
  for (const Place& each : kPlaces) {
    const std::string column(each.column);
    // A host may have a million routes and ten next hops.
    request[std::string(each.table)].add_reader({"netns", column},
                                                {{column, facts::Constraint::Op::not_null, facts::Value{}}});
  }
  const facts::Facts facts = read_(request);
  for (const Place& each : kPlaces) {
    const facts::TableData* table = facts.find(each.table);
    for (std::size_t row = 0; table != nullptr && row < table->size(); ++row) {
      if (const auto address = IpAddress::parse(text_at(*table, row, each.column))) {
        of_host_.emplace(text_at(*table, row, "netns"), *address);
      }
    }
  }
}

bool Permission::may_reach(const std::string& netns, const std::string& host) {
  if (named_.contains(host)) return true;
  const auto address = IpAddress::parse(without_scope(host));
  if (!address) return false;
  if (address->is_multicast()) return false;
  if (address->is_loopback()) return true;
  learn();
  return of_host_.contains({netns, *address});
}

std::optional<std::string> Permission::refusal(const probe::Ask& ask) {
  const auto target = probe::parse_target(ask.target);
  if (!target) return target.error().message();
  const bool is_name = !IpAddress::parse(without_scope(target->host));
  const bool free = is_name && (ask.kind == "dns" || (ask.kind == "gateway" && target->host == "all"));
  const auto refused = [](const std::string& host, const std::string& named) {
    return host + " is no next hop, address or resolver of this host; `hostcheck run --target " + named + "` probes it";
  };
  const auto with_any_port = [](const std::string& host) {
    return host.find(':') == std::string::npos ? host + ":PORT" : "[" + host + "]:PORT";
  };
  if (!free && !may_reach(ask.netns, target->host)) {
    return refused(target->host, target->port ? ask.target : with_any_port(target->host));
  }
  if (ask.kind == "listener" && ask.args.contains("send")) return "data of an application is only sent by hand";
  for (const auto& [name, value] : ask.args) {
    if (ask.kind == "dns" && name == "address") continue;  // looked for in the answers
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t comma = std::min(value.find(',', at), value.size());
      const auto each = probe::parse_target(std::string_view(value).substr(at, comma - at));
      at = comma + 1;
      if (!each || !IpAddress::parse(without_scope(each->host))) continue;
      if (!may_reach(ask.netns, each->host)) return refused(each->host, with_any_port(each->host));
    }
  }
  return std::nullopt;
}

}  // namespace hostcheck::conclude
