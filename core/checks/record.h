// A host's present facts as a rule's test.
#pragma once

#include <span>
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

// The parts of it, for what is no rule.
struct Recorded {
  facts::Facts facts;  // those of reads alone, by which the check is to be judged
  std::string text;    // facts and absent, as a [[test]] has them
};
// Error code limit as above.
[[nodiscard]] Result<Recorded> record_facts(const facts::Facts& facts, const facts::Request& reads,
                                            const facts::Anonymiser* anonymiser);
// The [[test]] of these facts: rule has the parameters; results: what all of its checks, one or several, say.
[[nodiscard]] std::string recorded_test(std::string_view name, const Rule& rule, const Recorded& recorded,
                                        std::span<const CheckResult> results);
// Rows of a plugin's own table as a test expects them: "brings.NAME = [...]".
[[nodiscard]] std::string brought_text(const facts::TableData& data);

}  // namespace hostcheck::checks
