#include "core/conclude/policy_walk.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/conclude/cells.h"

namespace hostcheck::conclude {
namespace {

bool is_null(const facts::Value& value) {
  return std::holds_alternative<std::monostate>(value);
}

// "10.0.0.0/8" or "10.0.0.1"
bool in_prefix(const std::string& prefix, const IpAddress& address) {
  const std::size_t slash = prefix.find('/');
  const auto network = IpAddress::parse(prefix.substr(0, slash));
  if (!network || network->family() != address.family()) return false;
  const auto length = slash == std::string::npos ? network->size() * 8
                                                 : parse_number<std::size_t>(prefix.substr(slash + 1)).value_or(999);
  return length <= network->size() * 8 && address.in_prefix(*network, static_cast<unsigned>(length));
}

// "1000-2000" or "443"
bool in_range(std::string_view range, std::uint32_t number) {
  const std::size_t dash = range.find('-');
  const auto first = parse_number<std::uint32_t>(range.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number<std::uint32_t>(range.substr(dash + 1));
  return first && last && *first <= number && number <= *last;
}

class Rules {
 public:
  Rules(const facts::TableData& table, std::string_view netns, Family family) : table_(table) {
    for (std::size_t row = 0; row < table.size(); ++row) {
      if (text(row, "netns") == netns && text(row, "family") == name_of(family)) rows_.push_back(row);
    }
    std::stable_sort(rows_.begin(), rows_.end(),
                     [&](std::size_t a, std::size_t b) { return number(a, "priority") < number(b, "priority"); });
  }

  // Calls visit(row) for each rule that the packet comes to and that matches, until it gives false.
  template <typename Visit>
  void walk(const RoutedPacket& packet, Visit visit) const {
    for (std::size_t at = 0; at < rows_.size(); ++at) {
      const std::size_t row = rows_[at];
      if (!matches(row, packet)) continue;
      const std::string action = text(row, "action");
      if (action == "nop") continue;
      if (action != "goto") {
        if (!visit(row)) return;
        continue;
      }
      const std::int64_t to = number(row, "goto_priority");
      // The kernel only lets a rule go forward.
      while (at + 1 < rows_.size() && number(rows_[at + 1], "priority") < to) ++at;
    }
  }

  [[nodiscard]] std::string text(std::size_t row, std::string_view column) const {
    return text_at(table_, row, column);
  }
  [[nodiscard]] std::int64_t number(std::size_t row, std::string_view column, std::int64_t fallback = 0) const {
    return integer_at(table_, row, column, fallback);
  }
  [[nodiscard]] bool has(std::size_t row, std::string_view column) const {
    return !is_null(value_at(table_, row, column));
  }

  [[nodiscard]] std::string words(std::size_t row) const {
    std::string out = fmt::format("{}:", number(row, "priority"));
    if (number(row, "invert") != 0) out += " not";
    const std::string src = text(row, "src");
    out += " from " + (src.empty() ? "all" : src);
    const auto add = [&](std::string_view word, std::string_view column) {
      if (const std::string value = text(row, column); !value.empty()) out += fmt::format(" {} {}", word, value);
    };
    add("to", "dst");
    if (has(row, "fwmark")) {
      out += fmt::format(" fwmark 0x{:x}", number(row, "fwmark"));
      const std::int64_t mask = number(row, "fwmask", 0xffffffff);
      if (mask != 0xffffffff) out += fmt::format("/0x{:x}", mask);
    }
    add("iif", "iif");
    add("oif", "oif");
    add("uidrange", "uid_range");
    add("ipproto", "ip_proto");
    add("sport", "sport");
    add("dport", "dport");
    if (number(row, "l3mdev") != 0) return out + " lookup [l3mdev-table]";
    const std::string action = text(row, "action");
    return out + " " + action + (action == "lookup" ? " " + table_words(row) : std::string{});
  }

 private:
  [[nodiscard]] std::string table_words(std::size_t row) const {
    const std::string name = text(row, "table_name");
    return name.empty() ? std::to_string(number(row, "table")) : name;
  }
  [[nodiscard]] bool matches(std::size_t row, const RoutedPacket& packet) const {
    if (number(row, "detached") != 0) return false;
    return selects(row, packet) != (number(row, "invert") != 0);
  }
  // fib_rule_match and fib4_rule_match / fib6_rule_match.
  [[nodiscard]] bool selects(std::size_t row, const RoutedPacket& packet) const {
    const std::string iif = text(row, "iif");
    if (!iif.empty() && iif != "lo") return false;  // packets of this host have the loopback interface as theirs
    if (const std::string oif = text(row, "oif"); !oif.empty() && oif != packet.oif) return false;
    if (has(row, "fwmark")) {
      const auto mask = static_cast<std::uint32_t>(number(row, "fwmask", 0xffffffff));
      if ((packet.mark & mask) != (static_cast<std::uint32_t>(number(row, "fwmark")) & mask)) return false;
    }
    if (const std::string uids = text(row, "uid_range"); !uids.empty() && !in_range(uids, packet.uid)) return false;
    if (const std::string src = text(row, "src"); !src.empty()) {
      const IpAddress from = packet.src.empty() ? IpAddress::any(packet.dst.family()) : packet.src;
      if (!in_prefix(src, from)) return false;
    }
    if (const std::string dst = text(row, "dst"); !dst.empty() && !in_prefix(dst, packet.dst)) return false;
    if (number(row, "tos") != 0) return false;
    if (const std::string proto = text(row, "ip_proto"); !proto.empty() && proto != packet.protocol) return false;
    if (has(row, "sport")) return false;  // the port is chosen after the route
    if (const std::string ports = text(row, "dport"); !ports.empty() && !in_range(ports, packet.dport)) return false;
    return true;
  }

  const facts::TableData& table_;
  std::vector<std::size_t> rows_;
};

const facts::TableData* policy_rules(const facts::Facts& facts) {
  return facts.find("policy_rules");
}

// The route of a table that the packet would take: longest prefix, then lowest metric, of those that are not dead.
std::optional<std::size_t> best_route(const facts::TableData& routes, std::string_view netns, std::uint32_t table,
                                      const IpAddress& dst) {
  std::optional<std::size_t> best;
  const auto rank = [&](std::size_t row) {
    return std::pair(-integer_at(routes, row, "dst_length"), integer_at(routes, row, "priority"));
  };
  for (std::size_t row = 0; row < routes.size(); ++row) {
    if (integer_at(routes, row, "table") != table || text_at(routes, row, "netns") != netns) continue;
    const auto network = IpAddress::parse(text_at(routes, row, "dst"));
    if (!network || network->family() != dst.family()) continue;
    if (!dst.in_prefix(*network, static_cast<unsigned>(integer_at(routes, row, "dst_length")))) continue;
    if (integer_at(routes, row, "dead") != 0 || integer_at(routes, row, "tos") != 0) continue;
    if (!best || rank(row) < rank(*best)) best = row;
  }
  return best;
}

}  // namespace

PolicyChoice rule_to_table(const facts::Facts& facts, std::string_view netns, const RoutedPacket& packet,
                           std::uint32_t table, unsigned prefix_length) {
  PolicyChoice out;
  const facts::TableData* data = policy_rules(facts);
  if (data == nullptr) return out;
  const Rules rules(*data, netns, packet.dst.family());
  rules.walk(packet, [&](std::size_t row) {
    if (rules.text(row, "action") != "lookup") return true;
    if (rules.number(row, "l3mdev") == 0 && rules.number(row, "table", -1) != table) return true;
    // A VRF's table is named by no rule; the rule for all of them comes first.
    if (rules.number(row, "l3mdev") != 0 && (table == 254 || table == 255 || table == 253)) return true;
    const std::int64_t suppressed = rules.number(row, "suppress_prefixlength", -1);
    if (suppressed >= static_cast<std::int64_t>(prefix_length)) return true;
    out.priority = static_cast<std::uint32_t>(rules.number(row, "priority"));
    out.rule = rules.words(row);
    out.table = table;
    return false;
  });
  return out;
}

PolicyChoice refusing_rule(const facts::Facts& facts, std::string_view netns, const RoutedPacket& packet) {
  PolicyChoice out;
  const facts::TableData* data = policy_rules(facts);
  const facts::TableData* routes = facts.find("routes");
  if (data == nullptr || routes == nullptr) return out;
  const Rules rules(*data, netns, packet.dst.family());
  rules.walk(packet, [&](std::size_t row) {
    const auto chosen = [&](std::string refusal) {
      out.priority = static_cast<std::uint32_t>(rules.number(row, "priority"));
      out.rule = rules.words(row);
      out.refusal = std::move(refusal);
      return false;
    };
    const std::string action = rules.text(row, "action");
    if (action != "lookup") return chosen(action);
    const auto table = static_cast<std::uint32_t>(rules.number(row, "table"));
    const auto found = best_route(*routes, netns, table, packet.dst);
    if (!found) return true;
    const std::string type = text_at(*routes, *found, "type");
    if (type != "blackhole" && type != "unreachable" && type != "prohibit") return true;
    out.table = table;
    out.route = fmt::format("{} {}", type, text_at(*routes, *found, "prefix"));
    return chosen(type);
  });
  return out;
}

}  // namespace hostcheck::conclude
