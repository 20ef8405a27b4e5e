#include "core/plugin/session.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "core/checks/role_filter.h"
#include "core/facts/plugin_fact.h"
#include "core/facts/probe.h"

namespace hostcheck::plugin {

Session::Session(const std::vector<Plugin>& plugins, const facts::Facts& facts, sql::Database& database,
                 Clock::time_point deadline)
    : facts_(facts), runner_(deadline) {
  for (const Plugin& each : plugins) {
    Prepared& made = prepared_.emplace_back(prepare(each, facts, database));
    if (made.start) runner_.add(std::move(made.job));
  }
}

namespace {

// Only what holds for the roles of each namespace.
void keep_to_roles(const Plugin& plugin, const facts::Facts& facts, std::vector<checks::CheckResult>& results) {
  for (const Check& check : plugin.checks) {
    for (checks::CheckResult& each : results) {
      if (each.id == check.rule.id) checks::keep_to_roles(check.rule, facts, each);
    }
  }
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {  // clean text: of the control characters only these two are in it
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? std::string("\\n") : c == '\t' ? std::string("\\t") : std::string(1, c);
  }
  return out + '"';
}

std::string json_of(const Fields& cells) {
  std::string out = "{";
  for (const auto& [name, value] : cells) {
    if (out.size() > 1) out += ", ";
    out += json_text(name) + ": ";
    const facts::Cell cell = facts::to_cell(value);
    switch (cell.kind) {
      case facts::Cell::Kind::null:
        out += "null";
        break;
      case facts::Cell::Kind::integer:
        out += std::to_string(cell.integer);
        break;
      case facts::Cell::Kind::real:
        out += std::isfinite(cell.real) ? fmt::format("{}", cell.real) : "null";
        break;
      case facts::Cell::Kind::text:
        out += json_text(cell.text);
        break;
    }
  }
  return out + "}";
}

void bring(const std::string& plugin, const std::vector<SaidRow>& rows, facts::Facts& brought) {
  std::uint32_t number = 0;
  for (const SaidRow& each : rows) {
    facts::PluginFact& row = brought.rows<facts::PluginFact>().emplace_back();
    row.plugin = brought.intern(plugin);
    row.table_name = brought.intern(each.table);
    row.row = ++number;
    row.data = json_of(each.cells);
  }
}

}  // namespace

SessionResult Session::finish(facts::Facts& brought) {
  SessionResult all;
  static_cast<void>(brought.rows<facts::PluginFact>());  // there, and empty where no plugin brings any
  std::vector<JobResult> answers = runner_.finish();
  auto answer = answers.begin();
  for (Prepared& each : prepared_) {
    if (!each.start) {
      std::move(each.verdicts.begin(), each.verdicts.end(), std::back_inserter(all.results));
      continue;
    }
    const Plugin& plugin = *each.plugin;
    std::vector<checks::CheckResult> verdicts = judge(std::move(each), *answer);
    keep_to_roles(plugin, facts_, verdicts);
    std::move(verdicts.begin(), verdicts.end(), std::back_inserter(all.results));
    if (!answer->failed.empty()) {
      all.failures.push_back(failure_of(plugin, *answer));
      brought.add_absence({"plugin_facts", "", "", plugin.name, ErrorCode::failed, answer->failed, ""});
    } else {
      bring(plugin.name, answer->said.rows, brought);
    }
    ++answer;
  }
  return all;
}

namespace {

bool reads_answers(const Plugin& plugin, sql::Database& database) {
  return std::any_of(plugin.inputs.begin(), plugin.inputs.end(), [&](const Input& input) {
    const auto reads = database.plan(input.query);
    return reads && std::any_of(reads->begin(), reads->end(),
                                [](const auto& each) { return facts::is_asked_table(each.first); });
  });
}

// Too late to hear what the plugins make of the answers: what they said before stands.
constexpr std::chrono::milliseconds kLeastToAnswer{50};
void leave_open(const std::vector<Plugin>& plugins, std::vector<checks::CheckResult>& results) {
  for (checks::CheckResult& result : results) {
    const bool is_of_them = std::any_of(plugins.begin(), plugins.end(), [&](const Plugin& plugin) {
      return std::any_of(plugin.checks.begin(), plugin.checks.end(),
                         [&](const Check& each) { return each.rule.id == result.id; });
    });
    for (checks::Finding& finding : result.findings) {
      if (!is_of_them || finding.status != checks::Status::suspected || !finding.because.empty()) continue;
      finding.because = "--budget was used up before the answer to its probe could be judged";
    }
  }
}

}  // namespace

std::vector<checks::Finding> ask_again(const std::vector<Plugin>& plugins, const std::set<std::string>& asked_by,
                                       const facts::Facts& facts, sql::Database& database, Clock::time_point deadline,
                                       std::vector<checks::CheckResult>& results) {
  std::vector<Plugin> again;
  std::copy_if(plugins.begin(), plugins.end(), std::back_inserter(again), [&](const Plugin& plugin) {
    return std::any_of(plugin.checks.begin(), plugin.checks.end(),
                       [&](const Check& each) { return asked_by.contains(each.rule.id); }) &&
           reads_answers(plugin, database);
  });
  if (again.empty()) return {};
  if (Clock::now() + kLeastToAnswer >= deadline) {
    leave_open(again, results);
    return {};
  }
  Session session(again, facts, database, deadline);
  facts::Facts brought;
  SessionResult said = session.finish(brought);
  for (checks::CheckResult& each : said.results) {
    const auto place =
        std::find_if(results.begin(), results.end(), [&](const auto& former) { return former.id == each.id; });
    if (place == results.end()) continue;
    each.duration += place->duration;
    *place = std::move(each);
  }
  return std::move(said.failures);
}

}  // namespace hostcheck::plugin
