// The stage between the checks and the conclusions: findings that are only likely, and targets, ask for probes; equal
// asks are merged and sent together; the answers decide.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/checks/rule.h"
#include "core/conclude/journey.h"
#include "core/conclude/permission.h"
#include "core/conclude/report.h"
#include "core/conclude/target_plan.h"
#include "core/facts/facts.h"
#include "core/gather/gather.h"
#include "core/probe/engine.h"
#include "core/sql/database.h"

namespace hostcheck::conclude {

struct ProbeOptions {
  ProbeMode mode = ProbeMode::automatic;
  std::vector<NamedTarget> targets;
  Traveller traveller;  // what else is known of the packets to targets; target, address and port are filled in
  std::chrono::steady_clock::time_point deadline;  // no probe lasts longer
  probe::Onlooker onlooker;                        // of what is sent
  std::function<bool()> stop;                      // asked before each round; may be empty
  std::string off_because = "--probe off";         // why none is sent, with ProbeMode::off
  // Called after each round with what was sent; may be empty. Results of checks that asked for it (CheckResult::probes)
  // may be replaced by what these say now; the facts have the answers.
  std::function<void(std::span<const probe::Ask> answered, std::vector<checks::CheckResult>& results)> answered;
};

// Sends asks and puts what they found into facts.
using Send = std::function<void(std::span<const probe::Ask> asks, facts::Facts& facts)>;

// One run's probes.
class Probing {
 public:
  static constexpr int kRounds = 3;
  static constexpr std::size_t kMostAsks = 256;  // of checks in one run; ProbeMode::full has no such bound

  // facts are the database's and grow by what probes find. send: an Engine's run, or a test's.
  Probing(ProbeOptions options, std::span<const checks::Rule> rules, const gather::Options& namespaces,
          facts::Facts& facts, sql::Database& database, Send send = {});

  // Tells the journeys to the targets' addresses (tables journeys and path_steps) as soon as these are known. Judges
  // the rules that read what probes fill (checks::reads_probes), sends in at most kRounds rounds what findings, plugins
  // (CheckResult::probes) and targets ask for, and decides the findings. results: one for each other check; those of
  // the rules judged here are appended.
  void run(std::vector<checks::CheckResult>& results);

 private:
  [[nodiscard]] std::vector<probe::Ask> collect(std::vector<checks::CheckResult>& results);
  void tell_journeys();
  void send(std::span<const probe::Ask> asks);
  void note_failures(std::size_t first_row);
  void judge_late(std::vector<checks::CheckResult>& results, std::size_t first_late);
  void decide(std::vector<checks::CheckResult>& results);
  [[nodiscard]] std::optional<std::string> refusal(const probe::Ask& ask);
  void note_unasked(std::vector<checks::CheckResult>& results, const std::string& why);
  void note_unasked_requests(checks::CheckResult& result, const std::string& why) const;
  [[nodiscard]] probe::Ask ask_of(const checks::ProbeRequest& request, const std::string& id) const;
  [[nodiscard]] const checks::Rule* rule_of(const std::string& id) const;

  ProbeOptions options_;
  std::span<const checks::Rule> rules_;
  const gather::Options& namespaces_;
  facts::Facts& facts_;
  sql::Database& database_;
  Send send_;
  TargetPlan plan_;
  Permission permission_;
  std::vector<const checks::Rule*> late_;
  std::vector<probe::Ask> sent_;
  std::size_t asked_by_checks_ = 0;
  std::map<std::string, std::string> refused_;  // requests of plugins that are not sent: by check, why
  std::optional<facts::Facts> around_;          // what journeys are told from
  std::set<std::pair<std::string, IpAddress>> told_;
};

// The probes of these facts, for a report.
[[nodiscard]] std::vector<ProbeRecord> probe_records(const facts::Facts& facts);

}  // namespace hostcheck::conclude
