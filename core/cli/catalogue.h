// Which rules there are, which of them were asked for, and with which parameters.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/checks/rule.h"
#include "core/cli/options.h"

namespace hostcheck::cli {

// The folders that rules are read from: --rules or the default one (found relative to the running program: an installed
// PREFIX/bin/hostcheck has PREFIX/lib/hostcheck/rules, a build tree has hostcheck-rules beside it), then
// /etc/hostcheck/rules.d where it exists. Each is refused when others can write to it (trust.h).
[[nodiscard]] Result<std::vector<std::string>> rule_folders(const RuleOptions& options);

struct Catalogue {
  std::vector<checks::Rule> rules;                            // those asked for, sorted by id, settings applied
  std::vector<std::pair<std::string, std::string>> left_out;  // ids not asked for, with the option that says so
  std::vector<Error> errors;                                  // files that could not be used
};
// Error code invalid: a pattern, area or setting that names nothing, with the nearest name.
[[nodiscard]] Result<Catalogue> load_catalogue(const RuleOptions& options);

// The rule of this id. Error names the nearest one.
[[nodiscard]] Result<checks::Rule> load_one(const RuleOptions& options, const std::string& id);

// The part of an id before its dot.
[[nodiscard]] std::string_view area_of(std::string_view id);

}  // namespace hostcheck::cli
