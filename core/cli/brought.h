// Plugins' own tables where no run fills them: for queries, records and comparisons.
#pragma once

#include "core/base/result.h"
#include "core/cli/catalogue.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/sql/database.h"

namespace hostcheck::cli {

// What has to be gathered so that the tables among reads which plugins bring can be filled. observed: whether there
// will be two samples.
[[nodiscard]] facts::Request request_for_brought(const Bringers& bringers, const facts::Request& reads,
                                                 sql::Database& database, bool observed);

// Starts the plugins that bring a table among reads, and puts what they bring into the facts; tables that the facts
// have already stay as they are. A table that cannot be had is absent with the reason. The database uses the facts from
// then on.
void bring_tables(const Bringers& bringers, const facts::Request& reads, facts::Facts& facts, sql::Database& database);

}  // namespace hostcheck::cli
