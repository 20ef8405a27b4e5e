// What [[test]] in a rule's file says, as values.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "core/checks/finding.h"
#include "core/checks/rule.h"
#include "core/checks/toml_reader.h"
#include "core/facts/facts.h"

namespace hostcheck::checks {

// A finding that a test expects; what is not given is not compared.
struct ExpectedFinding {
  std::string id;  // "" for any: of a plugin's several checks
  std::optional<Status> status;
  std::optional<Severity> severity;
  std::vector<std::pair<std::string, facts::Value>> subject;
  std::optional<std::string> summary;  // shell pattern
  std::optional<std::string> because;  // shell pattern
  std::vector<std::string> evidence;   // shell patterns of "what: value unit", each of some evidence
  std::vector<std::string> excluded;   // shell patterns of "id: because", each of some exclusion; plugins only
  std::optional<std::vector<std::string>>
      fix;  // shell patterns of the cures' texts, of all that are shown and in order
};

struct RuleTest {
  std::string name;
  facts::Facts facts;
  std::vector<Parameter> params;  // what the test sets
  std::vector<ExpectedFinding> expect;
  Outcome outcome = Outcome::clear;
  std::optional<std::string> reason;  // shell pattern
  // Plugins only: outcomes of single checks where they differ from `outcome`, and shell patterns of "kind target" and
  // of "kind target name=value ..." of the probes that are asked for (not compared where not given).
  std::map<std::string, Outcome, std::less<>> outcomes;
  std::optional<std::vector<std::string>> asks;
  facts::Facts brings;  // plugins only: rows of its own tables; a table that is not there is not compared
};

// Reads one [[test]]. reads: what the rule reads; its tables are gathered and empty where the test gives no rows.
[[nodiscard]] RuleTest read_rule_test(const toml::table& table, const Rule& rule, const facts::Request& reads,
                                      Complaints& complaints);

// Whether each expected finding has one of its own among the others, which are all expected; else what differs.
[[nodiscard]] std::optional<std::string> compare(const std::vector<ExpectedFinding>& expected,
                                                 const std::vector<Finding>& got);

// What is wrong with the cures: a placeholder that is none of the known names, a sysctl that no supported kernel has.
void check_cures(const Rule& rule, const std::vector<std::string>& known, std::vector<std::string>& failures);

// What of the page is missing.
void check_page(const Rule& rule, std::vector<std::string>& failures);

// What differs between expected and got; nullopt when nothing does.
[[nodiscard]] std::optional<std::string> compare(const RuleTest& test, const CheckResult& result);

}  // namespace hostcheck::checks
