// [confirm]: what a probe is asked about a finding that is only likely, and what its answer makes of it.
#pragma once

#include <optional>

#include "core/checks/row.h"
#include "core/checks/rule.h"

namespace hostcheck::checks {

// What the queries of a [confirm] read. Error: one does not compile.
[[nodiscard]] Result<facts::Request> plan_confirm(const Confirm& confirm, sql::Database& database);

// What to ask for one row of the rule's answer; nullopt without a [confirm], or where a placeholder of its target or
// arguments is NULL or empty in this row.
[[nodiscard]] std::optional<Doubt> doubt_of(const Rule& rule, const sql::Answer& answer, const Row& row);

// Sets status, severity, evidence and because of a finding with a doubt by the row of probe_results that answers it:
//   a row from confirms   confirmed, with that row's evidence and the probe's words
//   a row from refutes    refuted
//   neither               inconclusive, with the probe's words
//   not run (error)       stays suspected, with the error
// False: no such probe is in the facts, the finding is as before. Error: a query fails.
[[nodiscard]] Result<bool> decide(const Rule& rule, Finding& finding, const facts::Facts& facts,
                                  sql::Database& database);

}  // namespace hostcheck::checks
