#include "core/conclude/journey_facts.h"

#include <fmt/format.h>

#include "core/conclude/journey.h"
#include "core/facts/rtnl_names.h"

namespace hostcheck::conclude {

std::optional<std::size_t> JourneyFacts::find_link(std::string_view column, const facts::Value& value) const {
  const facts::TableData* links = facts_.find("links");
  for (std::size_t row = 0; links != nullptr && row < links->size(); ++row) {
    if (value_at(*links, row, column) == value && here(*links, row)) return row;
  }
  return std::nullopt;
}

std::optional<std::size_t> JourneyFacts::link(std::string_view ifname) const {
  return find_link("ifname", std::string(ifname));
}

std::string JourneyFacts::link_text(std::size_t row, std::string_view column) const {
  return text_at(*facts_.find("links"), row, column);
}

std::int64_t JourneyFacts::link_number(std::size_t row, std::string_view column, std::int64_t fallback) const {
  return integer_at(*facts_.find("links"), row, column, fallback);
}

std::string JourneyFacts::ifname_of(std::uint32_t ifindex) const {
  const auto row = find_link("ifindex", static_cast<std::int64_t>(ifindex));
  return row ? link_text(*row, "ifname") : std::string{};
}

std::uint32_t JourneyFacts::ifindex_of(const std::string& ifname) const {
  if (ifname.empty()) return 0;
  const auto row = link(ifname);
  return row ? static_cast<std::uint32_t>(link_number(*row, "ifindex")) : 0;
}

std::string JourneyFacts::table_name(std::uint32_t table) const {
  if (const auto known = facts::route_table_name(table); !known.empty()) return std::string(known);
  const facts::TableData* rules = facts_.find("policy_rules");
  for (std::size_t row = 0; rules != nullptr && row < rules->size(); ++row) {
    if (integer_at(*rules, row, "table", -1) == static_cast<std::int64_t>(table)) {
      return text_at(*rules, row, "table_name");
    }
  }
  return {};
}

std::string JourneyFacts::owner_of(const IpAddress& address) const {
  const facts::TableData* addresses = facts_.find("addresses");
  const std::string text = address.to_string();
  for (std::size_t row = 0; addresses != nullptr && row < addresses->size(); ++row) {
    if (text_at(*addresses, row, "address") == text && here(*addresses, row)) {
      return text_at(*addresses, row, "ifname");
    }
  }
  return {};
}

bool JourneyFacts::has_address(const IpAddress& address) const {
  return address.is_loopback() || !owner_of(address).empty();
}

JourneyFacts::Connected JourneyFacts::connected(const IpAddress& target) const {
  Connected found;
  const facts::TableData* addresses = facts_.find("addresses");
  std::int64_t longest = -1;
  for (std::size_t row = 0; addresses != nullptr && row < addresses->size(); ++row) {
    const auto own = IpAddress::parse(text_at(*addresses, row, "address"));
    const std::int64_t length = integer_at(*addresses, row, "prefix_length");
    if (!own || own->family() != target.family() || own->is_link_local()) continue;
    const auto whole = static_cast<std::int64_t>(own->size() * 8);
    if (length >= whole || length <= longest || !here(*addresses, row)) continue;
    if (!target.in_prefix(*own, static_cast<unsigned>(length))) continue;
    longest = length;
    found = {text_at(*addresses, row, "ifname"), fmt::format("{}/{}", own->to_string(), length)};
  }
  return found;
}

std::optional<JourneyFacts::Neighbour> JourneyFacts::neighbour(const IpAddress& next_hop,
                                                               std::string_view ifname) const {
  const std::string who = next_hop.to_string();
  const facts::TableData* neighbours = facts_.find("neighbours");
  for (std::size_t row = 0; neighbours != nullptr && row < neighbours->size(); ++row) {
    if (text_at(*neighbours, row, "address") != who || text_at(*neighbours, row, "ifname") != ifname) continue;
    if (integer_at(*neighbours, row, "proxy") != 0 || !here(*neighbours, row)) continue;
    return Neighbour{text_at(*neighbours, row, "state"), text_at(*neighbours, row, "lladdr")};
  }
  return std::nullopt;
}

std::optional<JourneyFacts::RootQdisc> JourneyFacts::root_qdisc(std::string_view ifname) const {
  const facts::TableData* qdiscs = facts_.find("qdiscs");
  for (std::size_t row = 0; qdiscs != nullptr && row < qdiscs->size(); ++row) {
    if (text_at(*qdiscs, row, "ifname") != ifname || !here(*qdiscs, row)) continue;
    if (integer_at(*qdiscs, row, "root") == 0) continue;
    return RootQdisc{text_at(*qdiscs, row, "kind"), integer_at(*qdiscs, row, "qlen"),
                     integer_at(*qdiscs, row, "drops")};
  }
  return std::nullopt;
}

facts::Request journey_reads() {
  facts::Request out;
  out["policy_rules"].add_reader({"netns",
                                  "family",
                                  "priority",
                                  "src",
                                  "dst",
                                  "iif",
                                  "oif",
                                  "fwmark",
                                  "fwmask",
                                  "tos",
                                  "ip_proto",
                                  "sport",
                                  "dport",
                                  "uid_range",
                                  "action",
                                  "table",
                                  "table_name",
                                  "goto_priority",
                                  "suppress_prefixlength",
                                  "l3mdev",
                                  "invert",
                                  "detached"},
                                 {});
  out["links"].add_reader({"netns", "ifindex", "ifname", "kind", "admin_up", "carrier", "mtu", "master", "flags"}, {});
  out["addresses"].add_reader({"netns", "ifname", "address", "prefix_length"}, {});
  out["neighbours"].add_reader({"netns", "ifname", "address", "lladdr", "state", "proxy"}, {});
  out["netfilter_chains"].add_reader({"netns", "backend", "family", "table", "chain", "hook", "priority", "policy"},
                                     {});
  out["netfilter_rules"].add_reader(
      {"netns", "backend", "family", "table", "chain", "position", "handle", "text", "verdict", "target", "protocol",
       "sport", "dport", "src", "dst", "iif", "oif", "ct_state", "plain"},
      {});
  out["qdiscs"].add_reader({"netns", "ifname", "kind", "root", "qlen", "drops"}, {});
  return out;
}

facts::Request refusal_reads() {
  facts::Request out;
  out["policy_rules"] = journey_reads()["policy_rules"];
  out["routes"].add_reader(
      {"netns", "family", "table", "dst", "dst_length", "prefix", "type", "priority", "dead", "tos"}, {});
  return out;
}

}  // namespace hostcheck::conclude
