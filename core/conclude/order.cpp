#include <algorithm>
#include <map>
#include <tuple>

#include "core/conclude/conclude.h"

namespace hostcheck::conclude {
namespace {

using checks::Finding;

// Smaller is read earlier.
struct Rank {
  int status = 0;
  int severity = 0;
  std::string id;
  auto operator<=>(const Rank&) const = default;
};

Rank rank_of(const Finding& finding) {
  return {static_cast<int>(finding.status), -static_cast<int>(finding.severity), finding.id};
}

// Findings of one check, namespace and status, which are never cause and effect of each other: ordered as one.
struct Group {
  Rank rank;
  std::vector<std::size_t> members;
  std::vector<std::size_t> effects;  // indices of groups
  std::size_t open_causes = 0;
  bool settled = false;
};

// The best rank of a group and of all that it explains.
const Rank& settle(std::vector<Group>& groups, std::size_t at) {
  Group& group = groups[at];
  if (group.settled) return group.rank;
  group.settled = true;  // before the descent: rules that explain each other in a circle end it here
  for (const std::size_t effect : group.effects) {
    const Rank best = settle(groups, effect);
    // A cause is read before an effect of equal rank because its id does not matter then.
    if (std::tie(best.status, best.severity) < std::tie(groups[at].rank.status, groups[at].rank.severity)) {
      groups[at].rank.status = best.status;
      groups[at].rank.severity = best.severity;
    }
  }
  return groups[at].rank;
}

std::vector<Group> group_findings(const std::vector<Finding>& findings) {
  using Key = std::tuple<std::string, std::string, int, int, std::vector<std::string>>;
  std::map<Key, std::size_t> by_key;
  std::vector<Group> groups;
  std::multimap<std::pair<std::string, std::string>, std::size_t> by_name;
  for (std::size_t at = 0; at < findings.size(); ++at) {
    const Finding& finding = findings[at];
    const std::string netns(netns_of(finding));
    const auto [found, added] = by_key.try_emplace(
        Key{finding.id, netns, static_cast<int>(finding.status), static_cast<int>(finding.severity), finding.effects},
        groups.size());
    if (added) {
      groups.push_back({rank_of(finding), {}, {}, 0, false});
      by_name.emplace(std::pair(finding.id, netns), found->second);
    }
    groups[found->second].members.push_back(at);
  }
  for (std::size_t at = 0; at < groups.size(); ++at) {
    const Finding& cause = findings[groups[at].members.front()];
    for (const std::string& effect : cause.effects) {
      const auto add = [&](auto first, auto last) {
        for (auto each = first; each != last; ++each) {
          if (each->second == at) continue;
          groups[at].effects.push_back(each->second);
          ++groups[each->second].open_causes;
        }
      };
      const std::string netns(netns_of(cause));
      if (netns.empty()) {  // of the whole machine: it acts in every namespace
        auto last = by_name.lower_bound({effect, ""});
        const auto first = last;
        while (last != by_name.end() && last->first.first == effect) ++last;
        add(first, last);
        continue;
      }
      for (const std::string& place : {netns, std::string()}) {
        const auto [first, last] = by_name.equal_range({effect, place});
        add(first, last);
      }
    }
  }
  return groups;
}

bool earlier(const Group& a, const Group& b) {
  if ((a.open_causes != 0) != (b.open_causes != 0)) return a.open_causes == 0;
  return a.rank < b.rank;
}

}  // namespace

void order_findings(std::vector<Finding>& findings) {
  std::vector<Group> groups = group_findings(findings);
  for (std::size_t at = 0; at < groups.size(); ++at) settle(groups, at);
  std::vector<Finding> ordered;
  ordered.reserve(findings.size());
  std::vector<bool> placed(groups.size());
  for (std::size_t round = 0; round < groups.size(); ++round) {
    // The earliest group whose causes are all placed; in a circle of causes, the earliest of all.
    std::size_t best = groups.size();
    for (std::size_t at = 0; at < groups.size(); ++at) {
      if (placed[at]) continue;
      if (best == groups.size() || earlier(groups[at], groups[best])) best = at;
    }
    placed[best] = true;
    for (const std::size_t effect : groups[best].effects) {
      if (groups[effect].open_causes != 0) --groups[effect].open_causes;
    }
    for (const std::size_t member : groups[best].members) ordered.push_back(std::move(findings[member]));
  }
  findings = std::move(ordered);
}

}  // namespace hostcheck::conclude
