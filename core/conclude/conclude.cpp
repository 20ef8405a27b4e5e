#include "core/conclude/conclude.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/base/text.h"

namespace hostcheck::conclude {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Rule;
using checks::Status;

const facts::Value* subject_of(const Finding& finding, std::string_view name) {
  for (const auto& [key, value] : finding.subject) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool same_place(const Finding& a, const Finding& b) {
  const std::string_view netns_a = netns_of(a);
  const std::string_view netns_b = netns_of(b);
  if (!netns_a.empty() && !netns_b.empty() && netns_a != netns_b) return false;
  const std::int64_t port_a = port_of(a);
  const std::int64_t port_b = port_of(b);
  return port_a < 0 || port_b < 0 || port_a == port_b;
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// One entry for each kind of finding that a rule might explain, so that two rules of thousands of rows each stay cheap.
struct Place {
  std::string_view netns;
  std::int64_t port = -1;
  auto operator<=>(const Place&) const = default;
};

class Results {
 public:
  explicit Results(std::vector<CheckResult>& results) {
    for (CheckResult& result : results) by_id_.emplace(result.id, &result);
  }
  [[nodiscard]] CheckResult* find(std::string_view id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }

 private:
  std::map<std::string_view, CheckResult*> by_id_;
};

void link_pair(CheckResult& cause, CheckResult& effect) {
  // By place and not by pair: thousands of rows have few places.
  std::map<Place, std::vector<Finding*>> places;
  for (Finding& each : effect.findings) {
    if (each.status != Status::refuted) places[{netns_of(each), port_of(each)}].push_back(&each);
  }
  std::map<Place, std::vector<Finding*>> cause_places;
  for (Finding& each : cause.findings) {
    if (each.status != Status::refuted) cause_places[{netns_of(each), port_of(each)}].push_back(&each);
  }
  for (auto& [cause_place, causes] : cause_places) {
    for (auto& [place, effects] : places) {
      if (!same_place(*causes.front(), *effects.front())) continue;
      for (Finding* each : causes) add_once(each->effects, effect.id);
      for (Finding* each : effects) add_once(each->causes, cause.id);
    }
  }
}

// The ports on which the rival was found in the finding's namespace: "port 9000". Empty where it was found in others
// only.
std::string ports_elsewhere(const CheckResult& rival, std::string_view netns) {
  std::set<std::int64_t> ports;
  for (const Finding& each : rival.findings) {
    if (each.status != Status::refuted && netns_of(each) == netns && port_of(each) >= 0) ports.insert(port_of(each));
  }
  std::string text;
  for (const std::int64_t port : ports) text += (text.empty() ? "port " : ", ") + std::to_string(port);
  return text;
}

void exclude_rivals(const Rule& rule, Finding& finding, const Results& results,
                    const std::map<std::string_view, const Rule*>& rules, const Witnesses& witnesses,
                    std::map<std::pair<std::string, std::string>, std::string>& words_of) {
  const std::string netns(netns_of(finding));
  for (const std::string& rival : rule.rivals) {
    if (rival == rule.id) continue;
    const CheckResult* result = results.find(rival);
    if (result == nullptr) continue;
    if (result->outcome == Outcome::finding) {
      const bool here = std::any_of(result->findings.begin(), result->findings.end(), [&](const Finding& each) {
        return each.status != Status::refuted && same_place(finding, each);
      });
      if (here) continue;  // a finding of its own, beside this one
    }
    // The rival's own words are of the whole namespace: beside a finding on another port they would exclude nothing.
    if (const std::string ports = ports_elsewhere(*result, netns); !ports.empty() && result->reason.empty()) {
      finding.excluded.push_back({rival, "found on " + ports + ", not here"});
      continue;
    }
    if (result->outcome == Outcome::clear || (result->outcome == Outcome::finding && result->reason.empty())) {
      const auto [found, added] = words_of.try_emplace({rival, netns});
      const auto rival_rule = rules.find(rival);
      if (added && witnesses.clear_words && rival_rule != rules.end()) {
        found->second = witnesses.clear_words(*rival_rule->second, netns);
      }
      finding.excluded.push_back({rival, found->second.empty() ? "clear" : found->second});
    } else {
      const std::string why = result->reason.empty() ? std::string(checks::name_of(result->outcome)) : result->reason;
      finding.not_excluded.push_back(rival + ": " + why);
    }
  }
}

// The NAME of a command `sysctl -w NAME=VALUE`.
std::optional<std::string_view> sysctl_of(std::string_view command) {
  constexpr std::string_view kPrefix = "sysctl -w ";
  const auto at = command.find(kPrefix);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = trim(command.substr(at + kPrefix.size()));
  return trim(rest.substr(0, rest.find('=')));
}

void drop_foreign_cures(Finding& finding, const Witnesses& witnesses) {
  if (!witnesses.has_sysctl) return;
  std::erase_if(finding.fix, [&](const checks::Fix& fix) {
    if (!fix.sysctl.empty() && !witnesses.has_sysctl(fix.sysctl, netns_of(finding))) return true;
    const auto name = sysctl_of(fix.command);
    return name && !witnesses.has_sysctl(*name, netns_of(finding));
  });
}

std::string unreadable_core_table(const facts::Facts& facts, const facts::Request& request) {
  for (const facts::Absence& absence : facts.absences()) {
    const bool core = std::find(std::begin(kCoreTables), std::end(kCoreTables), absence.table) != std::end(kCoreTables);
    if (!core || !absence.column.empty() || !absence.subject.empty() || !request.contains(absence.table)) continue;
    return "the table " + absence.table + " could not be read" +
           (absence.netns.empty() ? std::string{} : " in namespace " + absence.netns) + ": " + absence.reason;
  }
  return {};
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warning:
      return "warning";
    case Verdict::critical:
      return "critical";
    case Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view netns_of(const Finding& finding) {
  const facts::Value* value = subject_of(finding, "netns");
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? std::string_view{} : std::string_view(*text);
}

std::int64_t port_of(const Finding& finding) {
  for (const std::string_view name : {"port", "local_port"}) {
    const facts::Value* value = subject_of(finding, name);
    if (value == nullptr) continue;
    if (const auto* number = std::get_if<std::int64_t>(value)) return *number;
  }
  const facts::Value* local = subject_of(finding, "local");
  const auto* text = local == nullptr ? nullptr : std::get_if<std::string>(local);
  if (text == nullptr) return -1;
  const auto colon = text->rfind(':');
  if (colon == std::string::npos) return -1;
  // "fe80::1" alone ends in a colon and a number too; an address with a port has it in brackets.
  if (text->find(':') != colon && (colon == 0 || (*text)[colon - 1] != ']')) return -1;
  return parse_number<std::int64_t>(std::string_view(*text).substr(colon + 1)).value_or(-1);
}

std::vector<Finding> draw_findings(std::span<const Rule* const> rules, std::vector<CheckResult>& results,
                                   const Witnesses& witnesses) {
  const Results by_id(results);
  std::map<std::string_view, const Rule*> rule_of;
  for (const Rule* rule : rules) rule_of.emplace(rule->id, rule);
  std::map<std::pair<std::string, std::string>, std::string> words_of;
  for (const Rule* rule : rules) {
    CheckResult* result = by_id.find(rule->id);
    if (result == nullptr || result->findings.empty()) continue;
    for (const std::string& explained : rule->explains) {
      CheckResult* effect = by_id.find(explained);
      if (effect != nullptr && effect != result) link_pair(*result, *effect);
    }
    for (Finding& finding : result->findings) {
      exclude_rivals(*rule, finding, by_id, rule_of, witnesses, words_of);
      drop_foreign_cures(finding, witnesses);
    }
  }
  std::vector<Finding> findings;
  for (CheckResult& result : results) {
    std::move(result.findings.begin(), result.findings.end(), std::back_inserter(findings));
    result.findings.clear();
  }
  order_findings(findings);
  return findings;
}

void judge(Report& report, const facts::Facts& facts, const facts::Request& request) {
  report.unjudged.clear();
  report.verdict = Verdict::ok;
  for (const Finding& finding : report.findings) {
    if (finding.status == Status::refuted) continue;
    if (finding.severity == checks::Severity::critical) report.verdict = Verdict::critical;
    if (finding.severity == checks::Severity::warning && report.verdict == Verdict::ok)
      report.verdict = Verdict::warning;
  }
  if (report.verdict != Verdict::ok) return;
  std::size_t run = 0;
  std::size_t blind = 0;
  std::string failed;
  for (const CheckResult& check : report.checks) {
    if (check.outcome == Outcome::skipped) continue;
    ++run;
    if (check.outcome == Outcome::unknown || check.outcome == Outcome::error) ++blind;
    if (check.outcome == Outcome::error && failed.empty()) failed = check.id + " failed: " + check.reason;
  }
  const std::string not_judged = "this host could not be judged: ";
  if (run == 0) {
    report.unjudged = not_judged + "no check was run";
  } else if (blind * 2 > run) {
    report.unjudged =
        not_judged + std::to_string(blind) + " of " + std::to_string(run) + " checks could not see what they judge by";
  } else if (const std::string table = unreadable_core_table(facts, request); !table.empty()) {
    report.unjudged = not_judged + table;
  } else if (!failed.empty()) {
    report.unjudged = "no fault was found, but not by all that was asked for: " + failed;
  }
  if (!report.unjudged.empty()) report.verdict = Verdict::unknown;
}

}  // namespace hostcheck::conclude
