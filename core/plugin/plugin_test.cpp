#include "core/plugin/plugin_test.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/checks/rule_file.h"
#include "core/checks/rule_test.h"
#include "core/checks/text_template.h"
#include "core/plugin/session.h"

namespace hostcheck::plugin {
namespace {

using checks::CheckResult;
using checks::Complaints;
using checks::Outcome;
using checks::Rule;
using checks::RuleTest;
using checks::TestReport;
using checks::TomlReader;

// What the tests together have to show of each check.
struct Shown {
  std::size_t fired = 0;
  std::size_t clear = 0;
  std::size_t unknown = 0;
};

Plugin with_params(const Plugin& plugin, const std::vector<checks::Parameter>& params) {
  Plugin set = plugin;
  for (Check& check : set.checks) {
    for (checks::Parameter& each : check.rule.params) {
      for (const checks::Parameter& given : params) {
        if (given.name == each.name) each.value = given.value;
      }
    }
  }
  return set;
}

std::string where(const RuleTest& test) {
  return fmt::format("'{}'", test.name.empty() ? "test without name" : test.name);
}

// The outcome of each check, and then the findings of all.
std::optional<std::string> compare(const RuleTest& test, const std::vector<CheckResult>& results) {
  std::vector<checks::Finding> got;
  for (const CheckResult& each : results) {
    std::copy(each.findings.begin(), each.findings.end(), std::back_inserter(got));
    const bool expected = std::any_of(test.expect.begin(), test.expect.end(),
                                      [&](const auto& wanted) { return results.size() == 1 || wanted.id == each.id; });
    const auto own = test.outcomes.find(each.id);
    const Outcome rest = own != test.outcomes.end()         ? own->second
                         : test.outcome == Outcome::finding ? Outcome::clear
                                                            : test.outcome;
    const Outcome outcome = expected ? Outcome::finding : rest;
    if (each.outcome != outcome) {
      const auto findings = checks::compare(test.expect, got);
      return fmt::format("expected outcome {} of {}, got {}{}{}{}", name_of(outcome), each.id, name_of(each.outcome),
                         each.reason.empty() ? "" : ": ", each.reason, findings ? "\n    " + *findings : "");
    }
    if (test.reason && outcome == rest && !glob_match(*test.reason, each.reason)) {
      return fmt::format("expected the reason '{}' of {}, got '{}'", *test.reason, each.id, each.reason);
    }
  }
  return checks::compare(test.expect, got);
}

std::string words_of(const checks::ProbeRequest& request) {
  std::string words = request.kind + " " + request.target;
  for (const auto& [name, value] : request.args) words += fmt::format(" {}={}", name, checks::to_text(value));
  return words;
}

// That each probe that the checks ask for is expected, and each that is expected is asked for.
std::optional<std::string> compare_asks(const RuleTest& test, const std::vector<CheckResult>& results) {
  if (!test.asks) return std::nullopt;
  std::vector<std::string> got;
  for (const CheckResult& each : results) {
    for (const checks::ProbeRequest& request : each.probes) got.push_back(words_of(request));
  }
  const auto fits = [](const std::string& wanted, const std::string& words) {
    return glob_match(wanted, words) || words.starts_with(wanted + " ");
  };
  const bool all_asked = std::all_of(test.asks->begin(), test.asks->end(), [&](const std::string& wanted) {
    return std::any_of(got.begin(), got.end(), [&](const std::string& words) { return fits(wanted, words); });
  });
  const bool all_wanted = std::all_of(got.begin(), got.end(), [&](const std::string& words) {
    return std::any_of(test.asks->begin(), test.asks->end(),
                       [&](const std::string& wanted) { return fits(wanted, words); });
  });
  if (all_asked && all_wanted) return std::nullopt;
  return fmt::format("expected it to ask for [{}], got [{}]", fmt::join(*test.asks, "; "), fmt::join(got, "; "));
}

std::vector<std::string> lines_of(const facts::TableData& data) {
  std::vector<std::string> lines;
  std::string scratch;
  for (std::size_t row = 0; row < data.size(); ++row) {
    std::string line;
    for (std::size_t at = 0; at < data.info().columns.size(); ++at) {
      const facts::Value value = facts::to_value(data.cell(row, at, scratch));
      if (std::holds_alternative<std::monostate>(value)) continue;
      line += fmt::format("{}{} = {}", line.empty() ? "" : ", ", data.info().columns[at].name, checks::to_text(value));
    }
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// That the tables which the test tells of have exactly its rows, in any order.
std::optional<std::string> compare_brought(const RuleTest& test, const Plugin& plugin, const facts::Facts& brought) {
  for (const Table& each : plugin.tables) {
    const facts::TableData* wanted = test.brings.find(each.info.name);
    if (wanted == nullptr) continue;
    const facts::TableData* got = brought.find(each.info.name);
    const auto expected = lines_of(*wanted);
    const auto lines = got == nullptr ? std::vector<std::string>{"nothing: it is absent"} : lines_of(*got);
    if (expected == lines) continue;
    return fmt::format("expected these rows of {}\n      {}\n    got\n      {}", each.info.name,
                       fmt::join(expected, "\n      "), fmt::join(lines, "\n      "));
  }
  return std::nullopt;
}

class Tester {
 public:
  Tester(const Plugin& plugin, sql::Database& database, facts::Request reads, TestReport& report)
      : plugin_(plugin), database_(database), rule_(joined(plugin)), reads_(std::move(reads)), report_(report) {}

  void run(const toml::table& table) {
    ++tests_;
    Complaints complaints(file());
    const RuleTest test = checks::read_rule_test(table, rule_, reads_, complaints);
    if (plugin_.checks.size() > 1) {
      for (const checks::ExpectedFinding& each : test.expect) require_id(each, table, complaints);
    }
    if (complaints.first()) {
      report_.failures.push_back(fmt::format("{}: {}", where(test), complaints.first()->message()));
      return;
    }
    const std::vector<Plugin> plugins = {with_params(plugin_, test.params)};
    database_.use(test.facts);
    Session session(plugins, test.facts, database_, Clock::now() + 2 * kLargestTime);
    facts::Facts brought;
    const SessionResult said = session.finish(brought);
    for (const CheckResult& each : said.results) {
      shown_[each.id].fired += each.outcome == Outcome::finding ? 1 : 0;
      shown_[each.id].clear += each.outcome == Outcome::clear ? 1 : 0;
      shown_[each.id].unknown += each.outcome == Outcome::unknown ? 1 : 0;
      report_.fired += each.outcome == Outcome::finding ? 1 : 0;
    }
    auto difference = compare(test, said.results);
    if (!difference) difference = compare_asks(test, said.results);
    if (!difference) difference = compare_brought(test, plugin_, brought);
    for (const Table& each : plugin_.tables) {
      const facts::TableData* data = test.brings.find(each.info.name);
      if (data != nullptr && data->size() > 0) shown_tables_.insert(each.info.name);
    }
    if (difference) {
      report_.failures.push_back(
          fmt::format("{} ({}:{}): {}", where(test), file(), Complaints::line_of(table), *difference));
    } else {
      ++report_.passed;
    }
  }

  void check_coverage() {
    if (tests_ < 4) {
      report_.failures.emplace_back(
          "fewer than four tests: one that fires, one at the boundary, one clear, one unreadable");
    }
    for (const Check& each : plugin_.checks) {
      const Shown& shown = shown_[each.rule.id];
      const auto miss = [&](std::string_view what) {
        report_.failures.push_back(each.rule.id + ": " + std::string(what));
      };
      if (shown.fired == 0) miss("no test makes it fire");
      if (shown.clear == 0) miss("no test is clear");
      if (shown.unknown == 0) miss("no test is unknown: what if its facts cannot be read?");
    }
  }

  // That some test tells what its tables have in them.
  void check_tables() {
    for (const Table& each : plugin_.tables) {
      if (shown_tables_.contains(each.info.name)) continue;
      report_.failures.push_back(
          fmt::format("table {}: no test expects a row of it, brings.{} = [...]", each.info.name, each.info.name));
    }
  }

  [[nodiscard]] std::string file() const { return plugin_.file.substr(0, plugin_.file.rfind('/')) + "/tests.toml"; }

 private:
  void require_id(const checks::ExpectedFinding& expected, const toml::table& table, Complaints& complaints) {
    std::vector<std::string> ids;
    for (const Check& each : plugin_.checks) ids.push_back(each.rule.id);
    if (std::find(ids.begin(), ids.end(), expected.id) != ids.end()) return;
    complaints.add(table, expected.id.empty() ? "the plugin has several checks: each entry of expect has an id"
                                              : fmt::format("the plugin has no check '{}'{}", expected.id,
                                                            did_you_mean(expected.id, ids)));
  }

  const Plugin& plugin_;
  sql::Database& database_;
  Rule rule_;
  facts::Request reads_;
  TestReport& report_;
  std::size_t tests_ = 0;
  std::map<std::string, Shown> shown_;
  std::set<std::string> shown_tables_;
};

void check_pages(const Plugin& plugin, TestReport& report) {
  for (const Check& each : plugin.checks) {
    std::vector<std::string> missing;
    checks::check_page(each.rule, missing);
    for (const checks::Parameter& param : each.rule.params) {
      if (param.why.empty())
        missing.push_back(fmt::format("params.{}.why is missing: every threshold has a reason", param.name));
    }
    std::vector<std::string> known = each.rule.subject;
    for (const checks::Parameter& param : each.rule.params) known.push_back(param.name);
    checks::check_cures(each.rule, known, missing);
    for (const std::string& text : missing) report.failures.push_back(each.rule.id + ": " + text);
  }
}

Result<void> run_tests(const Plugin& plugin, TestReport& report) {
  auto database = sql::Database::open();
  if (!database) return unexpected(database.error());
  auto reads = plan(plugin, *database);
  if (!reads) return unexpected(reads.error());
  if (plugin.entry == nullptr && ::access(plugin.library.c_str(), R_OK) != 0) {
    return unexpected(errno_error(errno, "load the plugin's code (is it built?)", plugin.library));
  }
  Tester tester(plugin, *database, *std::move(reads), report);
  const auto text = checks::read_rule_text(tester.file());
  if (!text) return unexpected(text.error());
  const auto root = checks::parse_toml(*text, tester.file());
  if (!root) return unexpected(root.error());
  Complaints complaints(tester.file());
  TomlReader top(*root, "", complaints);
  constexpr std::array<std::string_view, 1> kKeys = {"test"};
  top.only(kKeys);
  for (const toml::table* each : top.tables("test")) tester.run(*each);
  if (complaints.first()) return unexpected(*complaints.first());
  tester.check_coverage();
  tester.check_tables();
  return {};
}

}  // namespace

Rule joined(const Plugin& plugin) {
  Rule all;
  all.file = plugin.file;
  for (const Check& each : plugin.checks) {
    all.params.insert(all.params.end(), each.rule.params.begin(), each.rule.params.end());
    all.subject.insert(all.subject.end(), each.rule.subject.begin(), each.rule.subject.end());
  }
  return all;
}

TestReport test_plugin(const std::string& folder) {
  TestReport report;
  report.file = folder;
  const auto plugin = load_plugin(folder);
  if (!plugin) {
    report.failures.push_back(plugin.error().message());
    return report;
  }
  report.id = plugin->name;
  if (auto announced = announce_tables(*plugin); !announced) report.failures.push_back(announced.error().message());
  check_pages(*plugin, report);
  if (auto tested = run_tests(*plugin, report); !tested) report.failures.push_back(tested.error().message());
  return report;
}

}  // namespace hostcheck::plugin
