#include "core/plugin/judge.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/checks/gaps.h"
#include "core/checks/row.h"
#include "core/checks/text_template.h"
#include "core/facts/probe.h"

namespace hostcheck::plugin {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;

// What became of one input.
struct Read {
  InputAnswer answer;
  std::string remedy;
  bool skipped = false;  // needs a second sample
  std::string failed;
};

Read read_input(const Plugin& plugin, const Input& input, const facts::Facts& facts, sql::Database& database) {
  Read read;
  read.answer.name = input.name;
  const auto reads = database.plan(input.query);
  if (!reads) {
    read.failed = reads.error().message();
    return read;
  }
  const auto columns = database.columns(input.query);
  if (columns) read.answer.answer.columns = *columns;
  if (facts.observed.count() == 0 && checks::reads_observation(*reads)) {
    read.skipped = true;
    read.answer.absent = "needs an observation, --observe is 0";
    return read;
  }
  // What probes fill is there once they were sent: until then the input has no rows.
  const auto unasked = [&](const auto& each) { return facts::is_asked_table(each.first) && !facts.find(each.first); };
  if (std::any_of(reads->begin(), reads->end(), unasked)) return read;
  if (const auto table = checks::not_gathered(*reads, facts)) {
    read.failed = fmt::format("table {} was not gathered", *table);
    return read;
  }
  auto answer = database.run(input.query, parameters_of(plugin));
  if (!answer) {
    read.failed = answer.error().message();
    return read;
  }
  read.answer.answer = *std::move(answer);
  if (auto gaps = checks::find_gaps(*reads, facts)) {
    read.answer.absent = std::move(gaps->reason);
    read.remedy = std::move(gaps->remedy);
  }
  return read;
}

// The verdict of one check as far as its inputs decide it.
void decide(const Plugin& plugin, const Check& check, const std::vector<Read>& reads, CheckResult& verdict,
            std::string& gap) {
  verdict.id = check.rule.id;
  for (std::size_t at = 0; at < reads.size(); ++at) {
    const Input& input = plugin.inputs[at];
    if (std::find(check.inputs.begin(), check.inputs.end(), input.name) == check.inputs.end()) continue;
    if (!reads[at].failed.empty()) {
      verdict.outcome = Outcome::error;
      verdict.reason = fmt::format("{}:{}: input {}: {}", plugin.file, input.line, input.name, reads[at].failed);
      return;
    }
    if (input.optional) continue;
    if (reads[at].skipped) {
      verdict.outcome = Outcome::skipped;
      verdict.reason = reads[at].answer.absent;
      return;
    }
    if (gap.empty()) gap = reads[at].answer.absent;
    if (verdict.remedy.empty()) verdict.remedy = reads[at].remedy;
  }
}

// The table with what its inputs leave out.
Brought table_of(const Plugin& plugin, const Table& table, const std::vector<Read>& reads) {
  Brought made{&table, {}, {}};
  for (std::size_t at = 0; at < reads.size(); ++at) {
    const Input& input = plugin.inputs[at];
    if (std::find(table.inputs.begin(), table.inputs.end(), input.name) == table.inputs.end()) continue;
    if (!reads[at].failed.empty()) {
      made.gaps.push_back({fmt::format("input {} of plugin {}: {}", input.name, plugin.name, reads[at].failed), {}});
    } else if (!input.optional && !reads[at].answer.absent.empty()) {
      made.gaps.push_back({reads[at].answer.absent, reads[at].remedy});
    }
  }
  return made;
}

// Whether all that it is made of could be asked for, wholly or in part.
bool can_be_filled(const Plugin& plugin, const Table& table, const std::vector<Read>& reads) {
  for (std::size_t at = 0; at < reads.size(); ++at) {
    const Input& input = plugin.inputs[at];
    if (std::find(table.inputs.begin(), table.inputs.end(), input.name) == table.inputs.end()) continue;
    if (!reads[at].failed.empty() || (reads[at].skipped && !input.optional)) return false;
  }
  return true;
}

std::vector<checks::Evidence> evidence_of(const SaidFinding& said, std::chrono::milliseconds observed) {
  std::vector<checks::Evidence> all;
  for (const SaidEvidence& each : said.evidence) {
    all.push_back(
        {each.what, each.value, each.unit, each.source,
         each.over_window ? fmt::format("delta over {:.1f} s", static_cast<double>(observed.count()) / 1000) : "now"});
  }
  return all;
}

std::vector<checks::Fix> cures_of(const checks::Rule& rule, const SaidFinding& said) {
  std::vector<checks::Fix> all;
  for (const SaidFinding::Cure& each : said.fixes) all.push_back({each.text, each.command, each.persist, {}});
  if (!all.empty()) return all;
  const checks::Lookup lookup = [&](std::string_view name) -> const facts::Value* {
    for (const auto& [key, value] : said.subject) {
      if (key == name) return &value;
    }
    for (const checks::Parameter& each : rule.params) {
      if (each.name == name) return &each.value;
    }
    return nullptr;
  };
  for (const checks::Fix& each : rule.fix) {
    all.push_back({checks::fill(each.text, lookup), checks::fill(each.command, lookup),
                   checks::fill(each.persist, lookup), checks::fill(each.sysctl, lookup), each.roles});
  }
  return all;
}

// What is wrong with the finding; "" for nothing.
std::string objection(const checks::Rule& rule, const SaidFinding& said) {
  if (said.severity > HOSTCHECK_CRITICAL && said.severity != HOSTCHECK_DEFAULT) return "a severity that there is not";
  if (said.status > HOSTCHECK_REFUTED && said.status != HOSTCHECK_BY_CLAIM) return "a status that there is not";
  if (said.severity == HOSTCHECK_CRITICAL && rule.claim != checks::Claim::live) {
    return "severity critical, which needs claim = \"live\"";
  }
  if (said.summary.empty() || said.summary.find('\n') != std::string::npos) return "a summary that is not one line";
  for (const auto& [name, value] : said.subject) {
    if (std::find(rule.subject.begin(), rule.subject.end(), name) == rule.subject.end()) {
      return fmt::format("a subject '{}' that plugin.toml does not name", name);
    }
  }
  for (const auto& [id, because] : said.excluded) {
    if (!checks::check_id(id)) return fmt::format("the exclusion of '{}', which is no id", id);
  }
  return {};
}

Finding finding_of(const checks::Rule& rule, const SaidFinding& said, std::chrono::milliseconds observed) {
  Finding finding;
  finding.id = rule.id;
  finding.title = rule.title;
  finding.severity = said.severity == HOSTCHECK_DEFAULT ? rule.severity : static_cast<checks::Severity>(said.severity);
  finding.status = said.status != HOSTCHECK_BY_CLAIM     ? static_cast<checks::Status>(said.status)
                   : rule.claim == checks::Claim::likely ? checks::Status::suspected
                                                         : checks::Status::confirmed;
  for (const std::string& name : rule.subject) {  // in the order of plugin.toml
    for (const auto& [key, value] : said.subject) {
      if (key == name && !std::holds_alternative<std::monostate>(value)) finding.subject.emplace_back(key, value);
    }
  }
  finding.summary = said.summary;
  finding.why = rule.why;
  finding.evidence = evidence_of(said, observed);
  checks::add_parameters(rule, finding.evidence);
  for (const auto& [id, because] : said.excluded) finding.excluded.push_back({id, because});
  finding.fix = cures_of(rule, said);
  finding.references = rule.references;
  return finding;
}

// Puts what the plugin said into the verdicts. Error detail: it said what it may not.
Result<void> apply(Prepared& prepared, const Said& said) {
  const auto refuse = [](std::string why) {
    return unexpected(make_error(ErrorCode::invalid, "", "", fmt::format("wrote rubbish: {}", why)));
  };
  // The verdict of each of its checks; kNotAsked where the run does not want it.
  constexpr std::size_t kNotAsked = static_cast<std::size_t>(-1);
  std::map<std::string_view, std::pair<const checks::Rule*, std::size_t>> place;
  for (const Check& each : prepared.plugin->checks) place.emplace(each.rule.id, std::pair(&each.rule, kNotAsked));
  for (std::size_t at = 0; at < prepared.verdicts.size(); ++at) {
    if (prepared.verdicts[at].outcome == Outcome::clear) place[prepared.verdicts[at].id].second = at;
  }
  for (const SaidFinding& each : said.findings) {
    const auto found = place.find(each.id);
    if (found == place.end()) return refuse(fmt::format("a finding of '{}', which is none of its checks", each.id));
    const auto& [rule, at] = found->second;
    if (const std::string wrong = objection(*rule, each); !wrong.empty()) return refuse(wrong);
    if (at == kNotAsked) continue;
    prepared.verdicts[at].findings.push_back(finding_of(*rule, each, prepared.observed));
    prepared.verdicts[at].outcome = Outcome::finding;
  }
  for (const auto& [id, reason] : said.unknown) {
    const auto found = place.find(id);
    if (found == place.end()) return refuse(fmt::format("that '{}' is unknown, which is none of its checks", id));
    const std::size_t at = found->second.second;
    if (at != kNotAsked && prepared.gaps[at].empty()) prepared.gaps[at] = reason;
  }
  for (const SaidProbe& each : said.probes) {
    const auto found = place.find(each.id);
    if (found == place.end()) return refuse(fmt::format("a probe for '{}', which is none of its checks", each.id));
    const std::size_t at = found->second.second;
    if (at != kNotAsked) prepared.verdicts[at].probes.push_back({each.kind, each.target, each.netns, each.args});
  }
  return {};
}

void close_verdicts(Prepared& prepared) {
  for (std::size_t at = 0; at < prepared.verdicts.size(); ++at) {
    CheckResult& verdict = prepared.verdicts[at];
    const std::string& gap = prepared.gaps[at];
    if (verdict.outcome == Outcome::finding && !gap.empty()) verdict.reason = "not judged: " + gap;
    if (verdict.outcome == Outcome::clear && !gap.empty()) {
      verdict.outcome = Outcome::unknown;
      verdict.reason = gap;
    }
  }
}

void fail_verdicts(Prepared& prepared, const std::string& why) {
  for (CheckResult& verdict : prepared.verdicts) {
    if (verdict.outcome == Outcome::skipped) continue;
    verdict.findings.clear();
    verdict.probes.clear();
    verdict.outcome = Outcome::error;
    verdict.reason = fmt::format("plugin {} failed: {}", prepared.plugin->name, why);
  }
}

}  // namespace

Prepared prepare(const Plugin& plugin, const facts::Facts& facts, sql::Database& database) {
  Prepared prepared;
  prepared.plugin = &plugin;
  prepared.observed = facts.observed;
  std::vector<Read> reads;
  bool idle = false;
  for (const Input& each : plugin.inputs) {
    // What has nothing to do needs no other input.
    reads.push_back(idle ? Read{} : read_input(plugin, each, facts, database));
    if (idle || !each.needed) continue;
    idle = reads.back().failed.empty() && reads.back().answer.answer.rows.empty();
  }
  for (std::size_t at = 0; at < plugin.checks.size(); ++at) {
    const Check& check = plugin.checks[at];
    if (!check.wanted) continue;
    CheckResult& verdict = prepared.verdicts.emplace_back();
    decide(plugin, check, reads, verdict, prepared.gaps.emplace_back());
    if (verdict.outcome == Outcome::clear) prepared.job.wanted.push_back(check.rule.id);
  }
  for (const Table& each : plugin.tables) prepared.tables.push_back(table_of(plugin, each, reads));
  const bool fills = std::any_of(plugin.tables.begin(), plugin.tables.end(),
                                 [&](const Table& each) { return can_be_filled(plugin, each, reads); });
  prepared.start = !idle && (fills || !prepared.job.wanted.empty());
  if (!prepared.start) {
    close_verdicts(prepared);
    return prepared;
  }
  prepared.job.plugin = &plugin;
  prepared.job.observed = facts.observed;
  for (Read& each : reads) prepared.job.inputs.push_back(std::move(each.answer));
  return prepared;
}

std::vector<CheckResult> judge(Prepared& prepared, JobResult& result) {
  if (result.failed.empty()) {
    if (auto applied = apply(prepared, result.said); !applied) result.failed = applied.error().detail;
  }
  if (result.failed.empty()) {
    auto taken = take_rows(*prepared.plugin, result.said, prepared.tables);
    if (!taken) result.failed = "wrote rubbish: " + taken.error().detail;
  }
  if (result.failed.empty()) {
    close_verdicts(prepared);
  } else {
    fail_verdicts(prepared, result.failed);
  }
  for (CheckResult& each : prepared.verdicts) each.duration = result.duration;
  return std::move(prepared.verdicts);
}

}  // namespace hostcheck::plugin
