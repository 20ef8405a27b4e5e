// One row of a rule's answer, by names.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/checks/rule.h"
#include "core/checks/text_template.h"
#include "core/sql/database.h"

namespace hostcheck::checks {

using Row = std::vector<facts::Value>;

[[nodiscard]] std::optional<std::size_t> place_of(const sql::Answer& answer, std::string_view column);

// The rule's parameters as the queries' :names.
[[nodiscard]] sql::Parameters parameters_of(const Rule& rule);

// Columns of the row first, then the rule's parameters. All three have to outlive it.
[[nodiscard]] Lookup lookup_in(const Rule& rule, const sql::Answer& answer, const Row& row);

// The thresholds that a finding was judged by, as evidence.
void add_parameters(const Rule& rule, std::vector<Evidence>& evidence);

// A value as evidence; unit and source are the table column's where the template names none.
[[nodiscard]] Evidence evidence_of(const EvidenceTemplate& wanted, const sql::AnswerColumn& column,
                                   const facts::Value& value, std::chrono::milliseconds observed);

}  // namespace hostcheck::checks
