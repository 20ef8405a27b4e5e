#include "core/conclude/filter_walk.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/conclude/cells.h"

namespace hostcheck::conclude {
namespace {

enum class Match : std::uint8_t { no, maybe, yes };
constexpr int kDeepest = 16;  // jumps in jumps; nftables allows 16 (NFT_JUMP_STACK_SIZE)

// One item of a comma-separated list at a time.
template <typename Test>
bool any_item(std::string_view list, Test test) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (test(trim(list.substr(0, comma)))) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

bool port_in(std::string_view item, std::uint16_t port) {
  const std::size_t dash = item.find('-');
  const auto first = parse_number<std::uint16_t>(item.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number<std::uint16_t>(item.substr(dash + 1));
  return first && last && *first <= port && port <= *last;
}

// nullopt: the item is written in a way that is not understood.
std::optional<bool> address_in(std::string_view item, const IpAddress& address) {
  if (const std::size_t slash = item.find('/'); slash != std::string_view::npos) {
    const auto prefix = IpAddress::parse(item.substr(0, slash));
    const auto length = parse_number<unsigned>(item.substr(slash + 1));
    if (!prefix || !length) return std::nullopt;
    return prefix->family() == address.family() && address.in_prefix(*prefix, *length);
  }
  if (const std::size_t dash = item.find('-'); dash != std::string_view::npos) {
    const auto first = IpAddress::parse(item.substr(0, dash));
    const auto last = IpAddress::parse(item.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    return first->family() == address.family() && *first <= address && address <= *last;
  }
  const auto one = IpAddress::parse(item);
  if (!one) return std::nullopt;
  return *one == address;
}

Match address_match(std::string_view list, const IpAddress& address) {
  if (list.empty()) return Match::yes;
  if (address.empty()) return Match::maybe;
  bool unclear = false;
  const bool found = any_item(list, [&](std::string_view item) {
    const auto in = address_in(item, address);
    unclear = unclear || !in;
    return in.value_or(false);
  });
  return found ? Match::yes : unclear ? Match::maybe : Match::no;
}

Match interface_match(std::string_view list, std::string_view name) {
  if (list.empty()) return Match::yes;
  return any_item(list, [&](std::string_view item) { return glob_match(item, name); }) ? Match::yes : Match::no;
}

Match port_match(std::string_view list, std::uint16_t port) {
  if (list.empty()) return Match::yes;
  if (port == 0) return Match::maybe;
  return any_item(list, [&](std::string_view item) { return port_in(item, port); }) ? Match::yes : Match::no;
}

Match state_match(std::string_view list) {
  if (list.empty()) return Match::yes;
  if (any_item(list, [](std::string_view item) { return item == "new"; })) return Match::yes;
  return any_item(list, [](std::string_view item) { return item == "untracked"; }) ? Match::maybe : Match::no;
}

struct Chain {
  std::string backend, family, table, name;
  auto operator<=>(const Chain&) const = default;
};

// The rules of one namespace by their chain, in order.
class RuleIndex {
 public:
  RuleIndex(const facts::TableData& rules, std::string_view netns) : rules_(rules) {
    for (std::size_t row = 0; row < rules.size(); ++row) {
      if (text_at(rules, row, "netns") != netns) continue;
      by_chain_[{text_at(rules, row, "backend"), text_at(rules, row, "family"), text_at(rules, row, "table"),
                 text_at(rules, row, "chain")}]
          .push_back(row);
    }
  }
  [[nodiscard]] const std::vector<std::size_t>& of(const Chain& chain) const {
    static const std::vector<std::size_t> none;
    const auto found = by_chain_.find(chain);
    return found == by_chain_.end() ? none : found->second;
  }
  [[nodiscard]] const facts::TableData& rules() const { return rules_; }

 private:
  const facts::TableData& rules_;
  std::map<Chain, std::vector<std::size_t>> by_chain_;
};

class Walk {
 public:
  Walk(const RuleIndex& index, const FilterPacket& packet, FilterVerdict& verdict)
      : index_(index), rules_(index.rules()), packet_(packet), verdict_(verdict) {}

  // What a chain says. decided: the packet needs no further rule of this base chain.
  struct Said {
    bool decided = false;
    Passage passage = Passage::passes;
  };

  Said chain(const Chain& where, int depth) {
    if (depth > kDeepest) return doubt("jumps too deep", where, 0);
    for (const std::size_t row : index_.of(where)) {
      const Match match = match_of(row);
      if (match == Match::no) continue;
      if (const auto said = apply(row, match, where, depth)) return *said;
      if (returned_) {
        returned_ = false;
        break;
      }
    }
    return {};
  }
  // Some rule before might have accepted (or dropped) the packet.
  [[nodiscard]] bool may_accept() const { return may_accept_; }
  [[nodiscard]] bool may_stop() const { return may_stop_; }

 private:
  [[nodiscard]] std::string text(std::size_t row, std::string_view column) const {
    return text_at(rules_, row, column);
  }
  [[nodiscard]] Match match_of(std::size_t row) const {
    const std::string protocol = text(row, "protocol");
    const bool its_protocol = protocol.empty() || any_item(protocol, [&](std::string_view item) {
                                return item == packet_.protocol || item == "all";
                              });
    Match worst = its_protocol ? Match::yes : Match::no;
    const auto also = [&](Match match) { worst = std::min(worst, match); };
    also(port_match(text(row, "dport"), packet_.dport));
    also(text(row, "sport").empty() ? Match::yes : Match::maybe);  // the kernel chooses it later
    also(address_match(text(row, "src"), packet_.src));
    also(address_match(text(row, "dst"), packet_.dst));
    also(interface_match(text(row, "iif"), packet_.iif));
    also(interface_match(text(row, "oif"), packet_.oif));
    also(state_match(text(row, "ct_state")));
    if (integer_at(rules_, row, "plain") == 0) also(Match::maybe);
    return worst;
  }
  void point_at(std::size_t row, const Chain& where) {
    verdict_.where = fmt::format("{} {} {} {}", where.backend, where.family, where.table, where.name);
    verdict_.rule = text(row, "text");
    const std::int64_t handle = integer_at(rules_, row, "handle", -1);
    verdict_.source = fmt::format("rule {}{}", integer_at(rules_, row, "position"),
                                  handle < 0 ? std::string{} : fmt::format(", handle {}", handle));
  }
  Said doubt(std::string_view why, const Chain& where, std::size_t row) {
    point_at(row, where);
    if (!why.empty()) verdict_.rule = why;
    return {true, Passage::unknown};
  }
  void remember(std::size_t row, const Chain& where, bool& which) {
    if (!may_accept_ && !may_stop_) point_at(row, where);
    which = true;
  }

  // nullopt: the next rule.
  std::optional<Said> apply(std::size_t row, Match match, const Chain& where, int depth) {
    const std::string verdict = text(row, "verdict");
    const bool sure = match == Match::yes;
    if (verdict == "drop" || verdict == "reject") {
      if (!sure) {
        remember(row, where, may_stop_);
        return std::nullopt;
      }
      if (may_accept_) return Said{true, Passage::unknown};
      point_at(row, where);
      return Said{true, verdict == "drop" ? Passage::drops : Passage::rejects};
    }
    const bool translates = verdict == "snat" || verdict == "dnat" || verdict == "masquerade" || verdict == "redirect";
    if (translates && verdict_.rewrite.empty()) {
      verdict_.rewrite = text(row, "text") + (sure ? "" : " (perhaps)");
    }
    if (verdict == "accept" || translates) {
      if (!sure) {
        remember(row, where, may_accept_);
        return std::nullopt;
      }
      return Said{true, may_stop_ ? Passage::unknown : Passage::passes};
    }
    if (verdict == "jump" || verdict == "goto") {
      const Said said = inner(row, sure, where, depth);
      if (said.decided) return said;
      if (verdict == "goto" && sure) returned_ = true;
      return std::nullopt;
    }
    if (verdict == "return") {
      if (sure) returned_ = true;
      if (!sure) remember(row, where, may_accept_);
      return std::nullopt;
    }
    const bool harmless = verdict.empty() || verdict == "continue" || verdict == "log" || verdict == "counter" ||
                          verdict == "mark" || verdict == "notrack" || verdict == "ct";
    if (harmless) return std::nullopt;
    // queue, vmap, synproxy and the like: it may end either way.
    if (!sure) {
      remember(row, where, may_stop_);
      may_accept_ = true;
      return std::nullopt;
    }
    return doubt({}, where, row);
  }

  // A jump that is not sure makes nothing of what follows sure.
  Said inner(std::size_t row, bool sure, const Chain& where, int depth) {
    const Chain to{where.backend, where.family, where.table, text(row, "target")};
    const Said said = chain(to, depth + 1);
    if (sure || !said.decided) return said;
    if (said.passage == Passage::passes) {
      remember(row, where, may_accept_);
    } else {
      remember(row, where, may_stop_);
    }
    return {};
  }

  const RuleIndex& index_;
  const facts::TableData& rules_;
  const FilterPacket& packet_;
  FilterVerdict& verdict_;
  bool may_accept_ = false;
  bool may_stop_ = false;
  bool returned_ = false;
};

struct Base {
  Chain chain;
  std::int64_t priority = 0;
  std::string policy;
};

std::vector<Base> base_chains(const facts::TableData& chains, std::string_view netns, std::string_view hook,
                              Family family) {
  std::vector<Base> out;
  const std::string_view own = family == Family::ipv6 ? "ip6" : "ip";
  for (std::size_t row = 0; row < chains.size(); ++row) {
    const std::string of = text_at(chains, row, "family");
    if (text_at(chains, row, "hook") != hook || (of != own && of != "inet")) continue;
    if (text_at(chains, row, "netns") != netns) continue;
    out.push_back({{text_at(chains, row, "backend"), of, text_at(chains, row, "table"), text_at(chains, row, "chain")},
                   integer_at(chains, row, "priority"),
                   text_at(chains, row, "policy")});
  }
  std::stable_sort(out.begin(), out.end(), [](const Base& a, const Base& b) { return a.priority < b.priority; });
  return out;
}

}  // namespace

std::string_view name_of(Passage passage) {
  switch (passage) {
    case Passage::passes:
      return "passes";
    case Passage::drops:
      return "drops";
    case Passage::rejects:
      return "rejects";
    case Passage::unknown:
      return "unknown";
  }
  return "unknown";
}

FilterVerdict walk_filter(const facts::Facts& facts, std::string_view netns, std::string_view hook,
                          const FilterPacket& packet) {
  FilterVerdict verdict;
  const facts::TableData* chains = facts.find("netfilter_chains");
  const facts::TableData* rules = facts.find("netfilter_rules");
  const auto absent = std::find_if(facts.absences().begin(), facts.absences().end(), [&](const facts::Absence& each) {
    return (each.table == "netfilter_chains" || each.table == "netfilter_rules") && each.column.empty() &&
           (each.netns.empty() || each.netns == netns);
  });
  if (absent != facts.absences().end() || chains == nullptr || rules == nullptr) {
    verdict.passage = Passage::unknown;
    verdict.rule =
        "the rules could not be read" + (absent == facts.absences().end() ? std::string{} : ": " + absent->reason);
    return verdict;
  }
  const RuleIndex index(*rules, netns);
  bool unsure = false;
  for (const Base& base : base_chains(*chains, netns, hook, packet.dst.family())) {
    ++verdict.chains;
    FilterVerdict here;
    Walk walk(index, packet, here);
    Walk::Said said = walk.chain(base.chain, 0);
    if (!said.decided) {
      const bool drops = base.policy == "drop";
      said.passage = drops ? Passage::drops : Passage::passes;
      if (drops ? walk.may_accept() : walk.may_stop()) said.passage = Passage::unknown;
      if (said.passage == Passage::drops) {
        here.where =
            fmt::format("{} {} {} {}", base.chain.backend, base.chain.family, base.chain.table, base.chain.name);
        here.rule = "policy drop";
        here.source = "NFTA_CHAIN_POLICY";
      }
    }
    if (verdict.rewrite.empty()) verdict.rewrite = here.rewrite;
    if (said.passage == Passage::passes) continue;
    // What may have been dropped before is unknown; what surely is dropped here is dropped all the same.
    const bool first = !unsure;
    unsure = true;
    if (first || said.passage != Passage::unknown) {
      verdict.passage = said.passage;
      verdict.where = here.where;
      verdict.rule = here.rule;
      verdict.source = here.source;
    }
    if (said.passage != Passage::unknown) break;
  }
  return verdict;
}

}  // namespace hostcheck::conclude
