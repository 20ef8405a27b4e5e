// A rule: one TOML file with query, page and tests. rules/README.md is the reference of the format.
#pragma once

#include <functional>
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
// "state", "live", "likely"
[[nodiscard]] std::string_view name_of(Claim claim);

// A threshold that can be set from outside.
struct Parameter {
  std::string name;
  facts::Value value;  // default, or what was set
  std::string unit;
  std::string why;          // reason for the default
  std::string origin = {};  // "--set" or "FILE:LINE" where it was set; "" for the default
};

// How one piece of evidence is made from the query's row.
struct EvidenceTemplate {
  std::string what;
  std::string column;  // column of the query's answer
  std::string unit;    // "" takes the table column's
  std::string source;  // "" takes the table column's
};

// [[witness]]: a question about one finding's row, whose answer is evidence beside the row's own. Nothing depends on
// it.
struct WitnessTemplate {
  std::string query;  // the row's columns are its :names, before the rule's parameters
  std::string what;
  std::string column;  // of the answer's first row; "" where text is given
  std::string text;    // with placeholders of that row; "" where column is given
  std::string unit;    // "" takes the table column's
  std::string source;  // "" takes the table column's
};

// [confirm]: the probe that decides a claim that is only likely. Its queries have the row's columns, the parameters and
// :probe, the number of the probe, as their :names.
struct Confirm {
  std::string probe;                                      // kind of probe, e.g. "gateway"
  std::string target;                                     // with placeholders
  std::vector<std::pair<std::string, std::string>> args;  // the probe's own, values with placeholders
  std::string confirms;                                   // a row of its answer confirms the finding
  std::string refutes;                                    // a row of its answer refutes it; may be ""
  std::string because;                     // of a refuted one, placeholders of that row and the finding's
  std::optional<Severity> severity;        // of a confirmed one, where it is another
  std::vector<EvidenceTemplate> evidence;  // columns of the row that confirms
};

struct Rule {
  std::string file;  // where it was read from, for errors
  std::string id;
  std::string title;
  Severity severity = Severity::warning;
  Claim claim = Claim::state;
  std::string query;
  std::size_t query_line = 0;  // of the key in the file
  std::vector<std::string> subject;
  std::string summary;  // with {column} placeholders, see text_template.h
  std::vector<Parameter> params;
  std::vector<EvidenceTemplate> evidence;
  std::vector<WitnessTemplate> witnesses;
  // table.column or table.*: what only names or describes a finding. The check judges without it.
  std::vector<std::string> descriptive;
  std::vector<std::string> rivals;    // checks that are ruled out by name when this one fires and they are clear
  std::vector<std::string> explains;  // checks whose findings in the same namespace are effects of this one's
  std::string clear_query;            // [clear]: one row of numbers that show that all is well ...
  std::string clear_because;          // ... and the words around them, used where this rule is another's rival
  std::vector<std::string> roles;     // the finding holds only in namespaces with one of them; empty: in all
  std::optional<Confirm> confirm;
  std::string why;
  std::vector<Fix> fix;  // with placeholders
  std::string false_alarms;
  std::vector<std::string> references;
};

// Areas of CONTRACT.md: the first parts of ids.
[[nodiscard]] const std::vector<std::string>& areas();
// Whether it is area.fault with a known area. The error names the nearest area.
[[nodiscard]] Result<void> check_id(std::string_view id);

// Reads one rule without its tests. Errors name file:line, and for unknown names the nearest known one.
[[nodiscard]] Result<Rule> load_rule(const std::string& path);

struct RuleSet {
  std::vector<Rule> rules;    // sorted by id
  std::vector<Error> errors;  // of files that are no rule, ids that are there twice, folders that cannot be read
};
// Every *.toml below the folders. One bad file does not hide the others. Folders and files that everybody may write to
// are refused. wanted is asked with the id that the path stands for, before the file is read; rules that are not wanted
// are left out.
[[nodiscard]] RuleSet load_rules(const std::vector<std::string>& folders,
                                 const std::function<bool(std::string_view id)>& wanted = {});

// Gives a parameter another value, of the same type as its default. The error names the nearest parameter.
[[nodiscard]] Result<void> set_parameter(Rule& rule, std::string_view name, std::string_view text);

// Tables, columns and filters that the rule's queries read ([clear] and [[witness]] too). Error names the rule's file
// and line. database may be without facts; it keeps the compiled queries for run_rule. observed: whether there will be
// a second sample; without one a rule that needs it reads nothing.
[[nodiscard]] Result<facts::Request> plan(const Rule& rule, sql::Database& database, bool observed = true);
// The same with a Database of its own.
[[nodiscard]] Result<facts::Request> plan(const Rule& rule);

// Whether the rule's query reads a table that probes or journeys fill: it is to be run after them, and what it reads of
// them is not to be gathered.
[[nodiscard]] bool reads_probes(const Rule& rule, sql::Database& database);
// Whether the request of plan() reads a table that plugins bring: the rule is to be run after them.
[[nodiscard]] bool reads_brought(const facts::Request& reads);

// Judges the facts; facts are those that the database uses. facts.observed zero means that there was no second sample.
//   error    the query fails, or a table was neither gathered nor absent
//   skipped  it reads a _delta or _per_second column and there was no second sample, or a table that only probes fill
//            and none was sent
//   unknown  it found nothing, and something of what it reads is absent that is not only descriptive
//   finding  one for each row of the answer; when something is absent, reason says what was not judged
//   clear    all that it reads was read, and it found nothing
[[nodiscard]] CheckResult run_rule(const Rule& rule, const facts::Facts& facts, sql::Database& database);

// Each rule's result, sorted by id.
[[nodiscard]] std::vector<CheckResult> run_rules(const std::vector<Rule>& rules, const facts::Facts& facts,
                                                 sql::Database& database);

// [clear] in words: the numbers by which this check is excluded when it is clear ("61 of 262144 entries"). nullopt
// where the rule has none, where its query answers with no row, or where it needs two samples and there is one. Where
// the answer has a column netns, the row of that namespace is taken; else the first.
[[nodiscard]] Result<std::optional<std::string>> clear_text(const Rule& rule, const facts::Facts& facts,
                                                            sql::Database& database, std::string_view netns = {});

// What the rule's tests in its file say.
struct TestReport {
  std::string file;
  std::string id;
  std::size_t passed = 0;
  std::size_t fired = 0;              // tests in which it made a finding
  std::vector<std::string> failures;  // each "name of the test: expected ..., got ..." or what the file lacks
};
// Runs the tests of one file. A file fails too when no test fires, is clear or is unknown, when a placeholder has no
// column, or when a part of the page is missing.
[[nodiscard]] TestReport test_rule_file(const std::string& path);

}  // namespace hostcheck::checks
