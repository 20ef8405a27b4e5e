// A rule: one TOML file with query, page and tests (CONTRACT: "A rule").
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/checks/finding.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/sql/database.h"

namespace hostcheck::checks {

enum class Claim : std::uint8_t {
  state,   // the row itself proves it: confirmed
  live,    // the query asks for a counter that moved or an event: confirmed
  likely,  // a probe has to decide: suspected until then
};

// A threshold that can be set from outside.
struct Parameter {
  std::string name;
  facts::Value value;  // default, or what was set
  std::string unit;
  std::string why;  // reason for the default
};

// How one piece of evidence is made from the query's row.
struct EvidenceTemplate {
  std::string what;
  std::string column;  // column of the query's answer
  std::string unit;    // "" takes the table column's
  std::string source;  // "" takes the table column's
};

struct Rule {
  std::string file;  // where it was read from, for errors
  std::string id;
  std::string title;
  Severity severity = Severity::warning;
  Claim claim = Claim::state;
  std::string query;
  std::vector<std::string> subject;
  std::string summary;  // with {column} placeholders
  std::vector<Parameter> params;
  std::vector<EvidenceTemplate> evidence;
  std::vector<std::string> rivals;    // checks that are ruled out by name when this one fires and they are clear
  std::vector<std::string> explains;  // checks whose findings in the same namespace are effects of this one's
  std::string clear_query;            // [clear]: one row of numbers that show that all is well ...
  std::string clear_because;          // ... and the words around them, used where this rule is another's rival
  std::string why;
  std::vector<Fix> fix;  // with placeholders
  std::string false_alarms;
  std::vector<std::string> references;
};

// Reads one rule. with_tests: false stops before the first [[test]], which a run does not need.
[[nodiscard]] Result<Rule> load_rule(const std::string& path);

// Every *.toml below the folder, sorted by id. One bad file does not hide the others.
struct RuleSet {
  std::vector<Rule> rules;
  std::vector<Error> errors;
};
[[nodiscard]] RuleSet load_rules(const std::vector<std::string>& folders);

// Tables, columns and filters that the rule's queries read. Error names the rule's file.
[[nodiscard]] Result<facts::Request> plan(const Rule& rule);

// Judges the facts. observed: whether a second sample was taken (--observe over 0).
[[nodiscard]] CheckResult run_rule(const Rule& rule, const facts::Facts& facts, sql::Database& database);

// What the rule's tests in its file say. Failures are texts with a diff of expected and got.
struct TestReport {
  std::string file;
  std::string id;
  std::size_t passed = 0;
  std::size_t fired = 0;  // tests in which it made a finding
  std::vector<std::string> failures;
};
[[nodiscard]] TestReport test_rule_file(const std::string& path);

}  // namespace hostcheck::checks
