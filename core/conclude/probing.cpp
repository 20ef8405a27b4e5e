#include "core/conclude/probing.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include <fmt/format.h>

#include "core/checks/confirm.h"
#include "core/checks/text_template.h"
#include "core/conclude/cells.h"
#include "core/kernel/route_lookup.h"
#include "core/probe/hosts_file.h"

namespace hostcheck::conclude {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Rule;
using checks::Status;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLeast{300};    // less time than this is no use to a probe
constexpr milliseconds kMost{10'000};  // of all rounds together

bool same(const probe::Ask& a, const probe::Ask& b) {
  return std::tie(a.kind, a.target, a.netns, a.args) == std::tie(b.kind, b.target, b.netns, b.args);
}

// The namespace that targets are probed from: where hostcheck was started, else the first that was asked for.
std::string netns_for_targets(const gather::Options& namespaces) {
  for (const kernel::NetnsInfo& each : namespaces.asked) {
    if (each.here) return each.name;
  }
  return namespaces.asked.empty() ? std::string{} : namespaces.asked.front().name;
}

const kernel::NetnsInfo* namespace_named(const gather::Options& namespaces, std::string_view name) {
  for (const kernel::NetnsInfo& each : namespaces.asked) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

// By the journeys that have been told.
std::function<Way(const IpAddress&)> ways_in(const facts::Facts& facts) {
  return [&facts](const IpAddress& address) {
    const facts::TableData* journeys = facts.find("journeys");
    for (std::size_t row = 0; journeys != nullptr && row < journeys->size(); ++row) {
      if (text_at(*journeys, row, "address") != address.to_string()) continue;
      const std::string outcome = text_at(*journeys, row, "outcome");
      if (outcome == "local") return Way::local;
      return outcome == "onward" || outcome == "filtered" || outcome == "unknown" ? Way::onward : Way::none;
    }
    return Way::none;
  };
}

TargetPlan::HostsFile hosts_file_of(const kernel::NetnsInfo* netns) {
  if (netns == nullptr) return {};
  return [netns](const std::string& name) { return probe::addresses_in_hosts_file(*netns, name); };
}

std::shared_ptr<probe::Engine> engine_for(const ProbeOptions& options, const gather::Options& namespaces) {
  probe::Limits limits;
  limits.deadline = options.deadline;
  auto engine = std::make_shared<probe::Engine>(limits, namespaces.asked);
  engine->tell(options.onlooker);
  return engine;
}

probe::Ask ask_of(const Finding& finding) {
  const checks::Doubt& doubt = *finding.doubt;
  return {doubt.probe, doubt.target, doubt.netns, doubt.args, {finding.id}};
}

bool is_open(const Finding& finding) {
  return finding.status == Status::suspected && finding.doubt && finding.because.empty();
}

bool is_among(const probe::Ask& ask, std::span<const probe::Ask> asks) {
  return std::any_of(asks.begin(), asks.end(), [&](const probe::Ask& other) { return same(ask, other); });
}

}  // namespace

Probing::Probing(ProbeOptions options, std::span<const Rule> rules, const gather::Options& namespaces,
                 facts::Facts& facts, sql::Database& database, Send send)
    : options_(std::move(options)),
      rules_(rules),
      namespaces_(namespaces),
      facts_(facts),
      database_(database),
      send_(std::move(send)),
      plan_(options_.targets, options_.mode, netns_for_targets(namespaces), ways_in(facts),
            hosts_file_of(namespace_named(namespaces, netns_for_targets(namespaces)))),
      permission_([this](const facts::Request& request) { return gather::gather(request, namespaces_); }) {
  options_.deadline = std::min(options_.deadline, Clock::now() + kMost);
  for (const Rule& rule : rules_) {
    if (checks::reads_probes(rule, database_)) late_.push_back(&rule);
  }
  for (const NamedTarget& target : plan_.targets()) permission_.allow(target.parsed.host);
  if (!send_) {
    send_ = [engine = engine_for(options_, namespaces)](std::span<const probe::Ask> asks, facts::Facts& out) {
      engine->run(asks, out);
    };
  }
}

const Rule* Probing::rule_of(const std::string& id) const {
  const auto found = std::lower_bound(rules_.begin(), rules_.end(), id,
                                      [](const Rule& rule, const std::string& wanted) { return rule.id < wanted; });
  return found == rules_.end() || found->id != id ? nullptr : &*found;
}

void Probing::tell_journeys() {
  const std::string netns = netns_for_targets(namespaces_);
  const kernel::NetnsInfo* where = namespace_named(namespaces_, netns);
  if (plan_.targets().empty() || where == nullptr) return;
  gather::Options there = namespaces_;
  there.asked = {*where};
  Surroundings from;
  from.netns = netns;
  from.look_up = [where](const kernel::RouteQuery& query) { return kernel::look_up_route(*where, query); };
  from.refusals = [&there] { return gather::gather(refusal_reads(), there); };
  for (const NamedTarget& target : plan_.targets()) {
    for (const IpAddress& address : plan_.addresses_of(target, facts_)) {
      permission_.allow(address.to_string());
      if (!told_.emplace(target.text, address).second) continue;
      if (!around_) around_ = gather::gather(journey_reads(), there);
      from.facts = &*around_;
      Traveller traveller = options_.traveller;
      traveller.target = target.text;
      traveller.address = address;
      traveller.port = target.parsed.port.value_or(0);
      add_journey(traveller, from, facts_);
    }
  }
  database_.use(facts_);
}

probe::Ask Probing::ask_of(const checks::ProbeRequest& request, const std::string& id) const {
  probe::Ask ask{request.kind, request.target, request.netns, {}, {id}};
  if (ask.netns.empty()) ask.netns = netns_for_targets(namespaces_);
  for (const auto& [name, value] : request.args) ask.args.emplace(name, checks::to_text(value));
  return ask;
}

// Why a check's ask is not sent; nullopt: it is to be sent, and counted.
std::optional<std::string> Probing::refusal(const probe::Ask& ask) {
  if (const auto known = probe::check(ask); !known) return known.error().message();
  if (auto refused = permission_.refusal(ask)) return refused;
  if (asked_by_checks_ == kMostAsks && options_.mode != ProbeMode::full) {
    return fmt::format("checks asked for more than {}; --probe full sends them all", kMostAsks);
  }
  ++asked_by_checks_;
  return std::nullopt;
}

std::vector<probe::Ask> Probing::collect(std::vector<CheckResult>& results) {
  std::vector<probe::Ask> asks = plan_.next(facts_);
  const auto add = [&](probe::Ask ask) -> std::optional<std::string> {
    if (is_among(ask, sent_)) return std::nullopt;
    auto refused = is_among(ask, asks) ? std::nullopt : refusal(ask);
    if (!refused) asks.push_back(std::move(ask));
    return refused;
  };
  for (CheckResult& result : results) {
    for (Finding& finding : result.findings) {
      if (!is_open(finding)) continue;
      if (const auto refused = add(conclude::ask_of(finding))) finding.because = "no probe was sent: " + *refused;
    }
    for (const checks::ProbeRequest& request : result.probes) {
      if (auto refused = add(ask_of(request, result.id))) refused_.emplace(result.id, *std::move(refused));
    }
  }
  return asks;
}

void Probing::note_failures(std::size_t first_row) {
  const facts::TableData* results = facts_.find("probe_results");
  if (results == nullptr) return;
  const auto kinds = probe::kinds();
  for (std::size_t row = first_row; row < results->size(); ++row) {
    const std::string error = text_at(*results, row, "error");
    const bool complete = integer_at(*results, row, "complete", 1) != 0;
    if (error.empty() && complete) continue;
    const std::string kind = text_at(*results, row, "kind");
    const bool denied = error.find("not permitted") != std::string::npos;
    const std::string why = fmt::format("{} probe of {}: {}", kind, text_at(*results, row, "target"),
                                        error.empty() ? "ended before it was done" : error);
    for (const probe::KindInfo& each : kinds) {
      if (each.name != kind) continue;
      for (const std::string_view table : each.tables) {
        facts_.add_absence({std::string(table),
                            {},
                            text_at(*results, row, "netns"),
                            {},
                            denied          ? ErrorCode::denied
                            : error.empty() ? ErrorCode::limit
                                            : ErrorCode::failed,
                            why,
                            denied          ? "run as root"
                            : error.empty() ? "a larger --budget"
                                            : ""});
      }
    }
  }
}

void Probing::send(std::span<const probe::Ask> asks) {
  const facts::TableData* results = facts_.find("probe_results");
  const std::size_t before = results == nullptr ? 0 : results->size();
  sent_.insert(sent_.end(), asks.begin(), asks.end());
  send_(asks, facts_);
  note_failures(before);
  database_.use(facts_);
  tell_journeys();
}

void Probing::judge_late(std::vector<CheckResult>& results, std::size_t first_late) {
  results.resize(first_late);
  for (const Rule* rule : late_) {
    CheckResult result = checks::run_rule(*rule, facts_, database_);
    if (result.outcome == Outcome::skipped && options_.mode == ProbeMode::off) result.reason = options_.off_because;
    results.push_back(std::move(result));
  }
}

void Probing::decide(std::vector<CheckResult>& results) {
  for (CheckResult& result : results) {
    const Rule* rule = result.findings.empty() ? nullptr : rule_of(result.id);
    if (rule == nullptr || !rule->confirm) continue;
    for (Finding& finding : result.findings) {
      if (!is_open(finding)) continue;
      if (const auto decided = checks::decide(*rule, finding, facts_, database_); !decided) {
        result.outcome = Outcome::error;
        result.reason = fmt::format("{}: [confirm]: {}", rule->file, decided.error().message());
        result.findings.clear();
        break;
      }
    }
  }
}

void Probing::note_unasked_requests(CheckResult& result, const std::string& why) const {
  const auto unasked = [&](const checks::ProbeRequest& each) { return !is_among(ask_of(each, result.id), sent_); };
  if (std::none_of(result.probes.begin(), result.probes.end(), unasked)) return;
  const auto refused = refused_.find(result.id);
  const std::string words = "no probe was sent: " + (refused == refused_.end() ? why : refused->second);
  for (Finding& finding : result.findings) {
    if (finding.status == Status::suspected && finding.because.empty()) finding.because = words;
  }
  if (result.outcome == Outcome::unknown) result.reason += "; " + words;
}

void Probing::note_unasked(std::vector<CheckResult>& results, const std::string& why) {
  for (CheckResult& result : results) {
    note_unasked_requests(result, why);
    for (Finding& finding : result.findings) {
      if (is_open(finding)) finding.because = "no probe was sent: " + why;
    }
  }
}

namespace {

std::vector<ProbeRecord::Row> rows_of(const facts::TableData& table, std::int64_t probe) {
  std::vector<ProbeRecord::Row> out;
  for (std::size_t row = 0; row < table.size(); ++row) {
    if (integer_at(table, row, "probe", -1) != probe) continue;
    ProbeRecord::Row& made = out.emplace_back();
    for (const facts::Column& column : table.info().columns) {
      if (column.name == "probe" || column.name == "netns") continue;
      made.emplace_back(column.name, value_at(table, row, column.name));
    }
  }
  return out;
}

}  // namespace

std::vector<ProbeRecord> probe_records(const facts::Facts& facts) {
  std::vector<ProbeRecord> out;
  const facts::TableData* results = facts.find("probe_results");
  const auto kinds = probe::kinds();
  for (std::size_t row = 0; results != nullptr && row < results->size(); ++row) {
    const auto text = [&](std::string_view column) { return text_at(*results, row, column); };
    ProbeRecord& record = out.emplace_back();
    record.kind = text("kind");
    record.target = text("target");
    record.netns = text("netns");
    record.args = text("args");
    record.asked_by = text("asked_by");
    record.outcome = text("outcome");
    record.words = text("words");
    record.method = text("method");
    record.fallback = text("fallback");
    record.error = text("error");
    record.complete = integer_at(*results, row, "complete", 1) != 0;
    record.packets = static_cast<std::uint32_t>(integer_at(*results, row, "packets"));
    record.duration = milliseconds(integer_at(*results, row, "duration_ms"));
    for (const probe::KindInfo& kind : kinds) {
      if (kind.name != record.kind) continue;
      for (const std::string_view name : kind.tables) {
        const facts::TableData* table = facts.find(name);
        if (table != nullptr) record.rows.emplace_back(name, rows_of(*table, integer_at(*results, row, "probe", -1)));
      }
    }
  }
  return out;
}

void Probing::run(std::vector<CheckResult>& results) {
  const std::size_t first_late = results.size();
  std::string why = options_.off_because;
  tell_journeys();
  judge_late(results, first_late);
  if (facts_.find("probe_results") != nullptr) decide(results);  // recorded facts have their answers already
  for (int round = 0; options_.mode != ProbeMode::off && round < kRounds; ++round) {
    why = fmt::format("the answers of {} rounds asked for it", kRounds);
    const std::vector<probe::Ask> asks = collect(results);
    if (asks.empty()) break;
    const bool stopped = options_.stop && options_.stop();
    if (stopped || Clock::now() + kLeast > options_.deadline) {
      why = stopped ? "the run was interrupted" : "--budget was used up";
      break;
    }
    send(asks);
    if (options_.answered) options_.answered(asks, results);
    judge_late(results, first_late);
    decide(results);
  }
  note_unasked(results, why);
}

}  // namespace hostcheck::conclude
