// A host's present facts as a rule's test.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/checks/finding.h"
#include "core/checks/rule.h"
#include "core/facts/anonymous.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"

namespace hostcheck::checks {

// A [[test]] for the end of the rule's file: name, the rows of the tables and columns in reads, what is absent of them,
// and as expected what the rule says of them now. anonymiser: nullptr leaves addresses as they are; the facts given are
// then those of the answer too, so the rule is judged on what is written. Error code limit when there are more than
// kMostRecordedRows rows.
inline constexpr std::size_t kMostRecordedRows = 1000;
[[nodiscard]] Result<std::string> record_test(std::string_view name, const Rule& rule, const facts::Facts& facts,
                                              const facts::Request& reads, const facts::Anonymiser* anonymiser);

}  // namespace hostcheck::checks
