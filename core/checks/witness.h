// [[witness]]: what else was seen of one finding.
#pragma once

#include "core/checks/finding.h"
#include "core/checks/row.h"

namespace hostcheck::checks {

// Adds the witnesses' evidence to the finding that was made from the row. A witness that could not be read is told in
// not_excluded; one that has nothing to say adds nothing. Error: a query that fails.
[[nodiscard]] Result<void> hear_witnesses(const Rule& rule, const sql::Answer& answer, const Row& row,
                                          const facts::Facts& facts, sql::Database& database, Finding& finding);

}  // namespace hostcheck::checks
