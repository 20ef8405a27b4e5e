#include "core/cli/plan.h"

#include <algorithm>
#include <utility>

#include "core/facts/probe.h"
#include "core/plugin/judge.h"

namespace hostcheck::cli {

using checks::CheckResult;
using checks::Outcome;
using checks::Rule;

void merge(const facts::Request& from, facts::Request& into) {
  for (const auto& [name, table] : from) {
    if (!facts::is_asked_table(name)) into[name].merge(table);
  }
}

namespace {

void refuse_plugin(const Error& error, Plan& plan) {
  plan.plugin_failures.push_back(plugin::refusal_of(error));
  CheckResult result;
  result.id = "hostcheck.plugin_refused";
  result.outcome = Outcome::error;
  result.reason = error.message();
  plan.failed.push_back(std::move(result));
}

// A rule whose query cannot be compiled. It may read a table of a plugin that was refused, and cannot be judged then.
CheckResult unplanned(const Rule& rule, const Error& error, const std::vector<Error>& refused) {
  CheckResult result;
  result.id = rule.id;
  result.outcome = Outcome::error;
  result.reason = error.message();
  if (refused.empty() || error.detail.find("no such table") == std::string::npos) return result;
  result.outcome = Outcome::unknown;
  result.reason += ", and a plugin that may bring it is not used: " + refused.front().message();
  if (refused.size() > 1) result.reason += "; " + std::to_string(refused.size() - 1) + " more";
  return result;
}

// Plugins are started for their checks, and for their tables where a rule or a snapshot has a use for them.
void plan_plugin(plugin::Plugin& each, sql::Database& database, bool observed, bool all_tables,
                 const facts::Request& brought, Plan& plan) {
  const bool wanted =
      std::any_of(each.checks.begin(), each.checks.end(), [](const plugin::Check& check) { return check.wanted; });
  const bool read = all_tables ? !each.tables.empty() : plugin::brings_any_of(each, brought);
  if (!wanted && !read) return;
  const auto leave_out = [&](ErrorCode code, const std::string& why) {
    for (const plugin::Table& table : each.tables) {
      plan.not_brought.push_back({table.info.name, "", "", "", code, "plugin " + each.name + " is " + why, ""});
    }
  };
  if (!wanted && each.skipped) return leave_out(ErrorCode::unsupported, "left out by --skip");
  if (auto request = plugin::plan(each, database, observed)) {
    merge(*request, plan.request);
    plan.plugins.push_back(std::move(each));
  } else {
    leave_out(ErrorCode::failed, "not used: " + request.error().message());
    refuse_plugin(request.error(), plan);
  }
}

}  // namespace

Plan plan_checks(Catalogue& catalogue, sql::Database& database, bool observed, bool all_tables) {
  Plan plan;
  plan.request["host"].add_reader({"name", "kernel", "boot_id", "machine_id"}, {});
  for (const Error& error : catalogue.errors) {
    CheckResult result;
    result.id = "hostcheck.rule_refused";
    result.outcome = Outcome::error;
    result.reason = error.message();
    plan.failed.push_back(std::move(result));
  }
  for (const Error& error : catalogue.refused) refuse_plugin(error, plan);
  facts::Request brought;  // tables of plugins that the rules read
  plan.rules.reserve(catalogue.rules.size());
  for (Rule& rule : catalogue.rules) {
    if (auto request = checks::plan(rule, database, observed)) {
      merge(*request, plan.request);
      if (checks::reads_brought(*request)) {
        plan.after_plugins.insert(rule.id);
        for (const auto& [name, table] : *request) brought[name].merge(table);
      }
      plan.rules.push_back(std::move(rule));
    } else {
      plan.failed.push_back(unplanned(rule, request.error(), catalogue.refused));
    }
  }
  for (plugin::Plugin& each : catalogue.plugins) plan_plugin(each, database, observed, all_tables, brought, plan);
  return plan;
}

}  // namespace hostcheck::cli
