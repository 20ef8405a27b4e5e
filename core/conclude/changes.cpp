#include "core/conclude/changes.h"

#include <algorithm>
#include <utility>

#include "core/checks/text_template.h"

namespace hostcheck::conclude {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Status;
using State = Change::State;

std::string key_of(const Finding& finding) {
  std::string key = finding.id;
  for (const auto& [name, value] : finding.subject) key += '\0' + name + '=' + checks::to_text(value);
  return key;
}

// How bad it is told to be: by severity, then by how sure it is.
std::pair<int, int> weight_of(const Finding& finding) {
  const int sure = finding.status == Status::confirmed ? 2 : finding.status == Status::suspected ? 1 : 0;
  return {static_cast<int>(finding.severity), sure};
}

const CheckResult* check_of(const Report& report, std::string_view id) {
  const auto found =
      std::lower_bound(report.checks.begin(), report.checks.end(), id,
                       [](const CheckResult& each, std::string_view wanted) { return each.id < wanted; });
  return found == report.checks.end() || found->id != id ? nullptr : &*found;
}

// What of the check's subject could not be judged; "" where all could, or where it has no part in this round.
std::string gap_of(const CheckResult* check) {
  if (check == nullptr || check->outcome == Outcome::clear || check->outcome == Outcome::skipped) return {};
  return check->reason;
}

bool is_unjudged(const CheckResult& check) {
  return check.outcome == Outcome::unknown || check.outcome == Outcome::error;
}

// One change for all checks that share state, reason and remedy.
Change& entry_for(State state, const CheckResult* check, std::vector<Change>& out, std::size_t first) {
  for (std::size_t i = first; i < out.size(); ++i) {
    const bool same = out[i].state == state &&
                      (check == nullptr || (out[i].reason == check->reason && out[i].remedy == check->remedy));
    if (same) return out[i];
  }
  Change& made = out.emplace_back();
  made.state = state;
  if (check != nullptr) {
    made.reason = check->reason;
    made.remedy = check->remedy;
  }
  return made;
}

}  // namespace

std::string_view name_of(Change::State state) {
  switch (state) {
    case State::found:
      return "new";
    case State::changed:
      return "changed";
    case State::cleared:
      return "cleared";
    case State::unjudged:
      return "unjudged";
    case State::judged:
      return "judged";
  }
  return "";
}

void Changes::look_at_findings(const Report& report, std::vector<Change>& out) {
  // Of several with one key the first in reading order stands for all.
  std::map<std::string, const Finding*> present;
  std::vector<std::pair<std::string, const Finding*>> in_order;
  const bool probed = !report.probes.empty();
  if (probed) refuted_.clear();
  for (const Finding& finding : report.findings) {
    std::string key = key_of(finding);
    if (finding.status == Status::refuted) refuted_.insert(key);
    if (refuted_.contains(key)) continue;
    if (present.emplace(key, &finding).second) in_order.emplace_back(std::move(key), &finding);
  }
  for (auto& [key, known] : known_) {
    if (!present.contains(key)) ++known.missing;
  }
  for (const auto& [key, finding] : in_order) {
    auto [place, added] = known_.try_emplace(key);
    Known& known = place->second;
    known.gap = gap_of(check_of(report, finding->id));
    known.missing = 0;
    if (added) {
      known.finding = *finding;
      known.since = report.started;
      known.probed = probed;
      out.push_back({State::found, *finding, known.since, {}, {}, {}});
      continue;
    }
    // A probe's answer holds until one is sent again.
    const bool answered = known.probed && !probed && finding->status == Status::suspected;
    if (answered) continue;
    known.probed = probed;
    const bool milder = weight_of(*finding) < weight_of(known.finding);
    known.milder = milder ? known.milder + 1 : 0;
    const bool same = weight_of(*finding) == weight_of(known.finding);
    if (milder && known.milder < kRoundsToClear) continue;
    known.finding = *finding;
    known.milder = 0;
    if (!same) out.push_back({State::changed, *finding, known.since, {}, {}, {}});
  }
}

void Changes::look_for_cleared(const Report& report, std::vector<Change>& out) {
  for (auto place = known_.begin(); place != known_.end();) {
    Known& known = place->second;
    const CheckResult* check = check_of(report, known.finding.id);
    const std::string gap = gap_of(check);
    const bool waits_for_probe =
        known.probed && report.probes.empty() && check != nullptr && check->outcome == Outcome::skipped;
    // Not to be seen is not to be gone.
    if ((!gap.empty() && gap != known.gap) || waits_for_probe) known.missing = 0;
    if (known.missing < kRoundsToClear) {
      ++place;
      continue;
    }
    out.push_back({State::cleared, std::move(known.finding), known.since, {}, {}, {}});
    place = known_.erase(place);
  }
}

void Changes::look_at_checks(const Report& report, std::vector<Change>& out) {
  const std::size_t first = out.size();
  for (const CheckResult& check : report.checks) {
    const auto known = gaps_.find(check.id);
    if (is_unjudged(check)) {
      if (known != gaps_.end()) {
        known->second.judged = 0;
        continue;
      }
      gaps_[check.id].since = report.started;
      Change& change = entry_for(State::unjudged, &check, out, first);
      change.since = report.started;
      change.checks.push_back(check.id);
    } else if (known != gaps_.end() && ++known->second.judged >= kRoundsToClear) {
      Change& change = entry_for(State::judged, nullptr, out, first);
      change.since = known->second.since;
      change.checks.push_back(check.id);
      gaps_.erase(known);
    }
  }
  // Checks that are no longer there.
  std::erase_if(gaps_, [&](const auto& each) { return check_of(report, each.first) == nullptr; });
}

std::vector<Change> Changes::next(const Report& report) {
  std::vector<Change> out;
  look_at_findings(report, out);
  look_for_cleared(report, out);
  look_at_checks(report, out);
  return out;
}

}  // namespace hostcheck::conclude
