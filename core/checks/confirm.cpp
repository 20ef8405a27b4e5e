#include "core/checks/confirm.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/checks/text_template.h"
#include "core/facts/probe.h"

namespace hostcheck::checks {
namespace {

// One row of probe_results.
struct Answered {
  std::int64_t probe = 0;
  std::int64_t packets = 0;
  bool complete = true;
  std::string words;
  std::string error;
};

class Results {
 public:
  explicit Results(const facts::TableData& table) : table_(table) {}
  [[nodiscard]] facts::Value at(std::size_t row, std::string_view column) const {
    const auto index = table_.info().column(column);
    std::string scratch;
    return index ? facts::to_value(table_.cell(row, *index, scratch)) : facts::Value{};
  }
  [[nodiscard]] std::string text(std::size_t row, std::string_view column) const {
    const facts::Value value = at(row, column);
    const auto* found = std::get_if<std::string>(&value);
    return found == nullptr ? std::string{} : *found;
  }
  [[nodiscard]] std::int64_t number(std::size_t row, std::string_view column, std::int64_t fallback) const {
    const facts::Value value = at(row, column);
    const auto* found = std::get_if<std::int64_t>(&value);
    return found == nullptr ? fallback : *found;
  }
  // A test's row need not name the arguments.
  [[nodiscard]] bool answers(std::size_t row, const Doubt& doubt) const {
    return text(row, "kind") == doubt.probe && text(row, "target") == doubt.target &&
           text(row, "netns") == doubt.netns &&
           (std::holds_alternative<std::monostate>(at(row, "args")) ||
            text(row, "args") == facts::probe_arguments(doubt.args));
  }

 private:
  const facts::TableData& table_;
};

std::optional<Answered> answer_to(const Doubt& doubt, const facts::Facts& facts) {
  const facts::TableData* table = facts.find(facts::ProbeResult::table().name);
  if (table == nullptr) return std::nullopt;
  const Results results(*table);
  for (std::size_t row = 0; row < table->size(); ++row) {
    if (!results.answers(row, doubt)) continue;
    return Answered{results.number(row, "probe", 0), results.number(row, "packets", 0),
                    results.number(row, "complete", 1) != 0, results.text(row, "words"), results.text(row, "error")};
  }
  return std::nullopt;
}

sql::Parameters parameters_for(const Rule& rule, const Doubt& doubt, std::int64_t probe) {
  sql::Parameters all = doubt.row;
  all.merge(parameters_of(rule));
  all.insert_or_assign("probe", probe);
  return all;
}

// Columns of the answer's row first, then the finding's, then the rule's parameters.
Lookup lookup_of(const Lookup& in_answer, const Doubt& doubt) {
  return [&in_answer, &doubt](std::string_view name) -> const facts::Value* {
    if (const facts::Value* value = in_answer(name)) return value;
    const auto found = doubt.row.find(name);
    return found == doubt.row.end() ? nullptr : &found->second;
  };
}

std::string how_asked(const Doubt& doubt, std::string_view packets) {
  const std::string args = facts::probe_arguments(doubt.args);
  return fmt::format("hostcheck probe {} {}{}{}{}", doubt.probe, doubt.target, args.empty() ? "" : " ", args, packets);
}

void confirm(const Rule& rule, const Answered& answered, const sql::Answer& answer, std::chrono::milliseconds observed,
             Finding& finding) {
  finding.status = Status::confirmed;
  finding.because.clear();
  if (rule.confirm->severity) finding.severity = *rule.confirm->severity;
  const Row& row = answer.rows.front();
  for (const EvidenceTemplate& each : rule.confirm->evidence) {
    const auto at = place_of(answer, each.column);
    if (at && !std::holds_alternative<std::monostate>(row[*at])) {
      finding.evidence.push_back(evidence_of(each, answer.columns[*at], row[*at], observed));
    }
  }
  const std::string packets = fmt::format(", {} packet{}", answered.packets, answered.packets == 1 ? "" : "s");
  finding.evidence.push_back(
      {finding.doubt->probe + " probe", answered.words, {}, how_asked(*finding.doubt, packets), "now"});
  // What was seen stands before the thresholds that it was judged by.
  std::stable_partition(finding.evidence.begin(), finding.evidence.end(),
                        [](const Evidence& each) { return !each.parameter; });
}

}  // namespace

Result<facts::Request> plan_confirm(const Confirm& confirm, sql::Database& database) {
  facts::Request all;
  for (const std::string& query : {confirm.confirms, confirm.refutes}) {
    if (query.empty()) continue;
    const auto reads = database.plan(query);
    if (!reads) return unexpected(reads.error());
    for (const auto& [table, request] : *reads) all[table].merge(request);
  }
  return all;
}

std::optional<Doubt> doubt_of(const Rule& rule, const sql::Answer& answer, const Row& row) {
  if (!rule.confirm) return std::nullopt;
  bool complete = true;
  const Lookup in_row = lookup_in(rule, answer, row);
  const Lookup lookup = [&](std::string_view name) {
    const facts::Value* value = in_row(name);
    if (value == nullptr || to_text(*value).empty() || std::holds_alternative<std::monostate>(*value)) complete = false;
    return value;
  };
  Doubt doubt;
  doubt.probe = rule.confirm->probe;
  doubt.target = fill(rule.confirm->target, lookup);
  for (const auto& [name, value] : rule.confirm->args) doubt.args[name] = fill(value, lookup);
  if (!complete) return std::nullopt;
  for (std::size_t at = 0; at < row.size(); ++at) doubt.row.emplace(answer.columns[at].name, row[at]);
  if (const auto netns = doubt.row.find("netns"); netns != doubt.row.end()) doubt.netns = to_text(netns->second);
  return doubt;
}

Result<bool> decide(const Rule& rule, Finding& finding, const facts::Facts& facts, sql::Database& database) {
  if (!finding.doubt || !rule.confirm) return false;
  if (finding.status != Status::suspected) return true;
  const auto answered = answer_to(*finding.doubt, facts);
  if (!answered) return false;
  if (!answered->error.empty()) {
    finding.because = fmt::format("the {} probe could not be run: {}", finding.doubt->probe, answered->error);
    return true;
  }
  const sql::Parameters parameters = parameters_for(rule, *finding.doubt, answered->probe);
  const auto confirms = database.run(rule.confirm->confirms, parameters);
  if (!confirms) return unexpected(confirms.error());
  if (!confirms->rows.empty()) {
    confirm(rule, *answered, *confirms, facts.observed, finding);
    return true;
  }
  if (!rule.confirm->refutes.empty()) {
    const auto refutes = database.run(rule.confirm->refutes, parameters);
    if (!refutes) return unexpected(refutes.error());
    if (!refutes->rows.empty()) {
      finding.status = Status::refuted;
      const Lookup in_answer = lookup_in(rule, *refutes, refutes->rows.front());
      finding.because = rule.confirm->because.empty()
                            ? answered->words
                            : fill(rule.confirm->because, lookup_of(in_answer, *finding.doubt));
      return true;
    }
  }
  finding.status = Status::inconclusive;
  finding.because = fmt::format("{} probe: {}{}", finding.doubt->probe, answered->words,
                                answered->complete ? "" : "; the budget ended it");
  return true;
}

}  // namespace hostcheck::checks
