#include "core/checks/witness.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/checks/gaps.h"

namespace hostcheck::checks {
namespace {

// The row's columns, and the rule's parameters where no column has the name.
sql::Parameters bound(const Rule& rule, const sql::Answer& answer, const Row& row) {
  sql::Parameters parameters;
  for (std::size_t at = 0; at < row.size(); ++at) parameters.emplace(answer.columns[at].name, row[at]);
  parameters.merge(parameters_of(rule));
  return parameters;
}

}  // namespace

Result<void> hear_witnesses(const Rule& rule, const sql::Answer& answer, const Row& row, const facts::Facts& facts,
                            sql::Database& database, Finding& finding) {
  for (const WitnessTemplate& each : rule.witnesses) {
    const auto reads = database.plan(each.query);
    if (!reads) return unexpected(reads.error());
    if (facts.observed.count() == 0 && reads_observation(*reads)) continue;
    const auto told = database.run(each.query, bound(rule, answer, row));
    if (!told) return unexpected(told.error());
    const Row* first = told->rows.empty() ? nullptr : &told->rows.front();
    const auto at = place_of(*told, each.column);
    // An aggregate over nothing is one row of NULLs.
    const bool speaks = first != nullptr && (at ? !std::holds_alternative<std::monostate>((*first)[*at])
                                                : !std::holds_alternative<std::monostate>(first->front()));
    if (speaks && at) {
      finding.evidence.push_back(evidence_of({each.what, each.column, each.unit, each.source}, told->columns[*at],
                                             (*first)[*at], facts.observed));
    } else if (speaks) {
      finding.evidence.push_back(
          {each.what, fill(each.text, lookup_in(rule, *told, *first)), each.unit, each.source,
           fmt::format("delta over {:.1f} s", static_cast<double>(facts.observed.count()) / 1000)});
    } else if (const auto gaps = find_gaps(*reads, facts)) {
      const std::string note = fmt::format("{}: not seen, {}", each.what, gaps->reason);
      if (std::find(finding.not_excluded.begin(), finding.not_excluded.end(), note) == finding.not_excluded.end()) {
        finding.not_excluded.push_back(note);
      }
    }
  }
  return {};
}

}  // namespace hostcheck::checks
