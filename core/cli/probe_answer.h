// The answer of one probe as text and JSON.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/facts/facts.h"
#include "core/facts/probe.h"
#include "core/sql/database.h"

namespace hostcheck::cli {

struct ProbeAnswer {
  facts::ProbeResult result;
  std::vector<std::pair<std::string, sql::Answer>> tables;  // the kind's own, by name
};
// Everything that the probe of this number left in facts. tables: the names of its kind's. Error: a table cannot be
// read.
[[nodiscard]] Result<ProbeAnswer> answer_of(const facts::ProbeResult& result, std::vector<std::string> tables,
                                            sql::Database& database);

// The outcome in words, how it was found, then the rows, aligned.
[[nodiscard]] std::string answer_as_text(const ProbeAnswer& answer);
// One object: the columns of probe_results, and "tables" with the rows of each.
[[nodiscard]] std::string answer_as_json(const ProbeAnswer& answer);

}  // namespace hostcheck::cli
