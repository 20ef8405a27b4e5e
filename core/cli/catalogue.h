// Which rules and plugins there are, which of them were asked for, and with which parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/checks/rule.h"
#include "core/cli/options.h"
#include "core/plugin/plugin.h"

namespace hostcheck::cli {

// The folders that rules are read from: --rules or the default one (in the program itself where it is one file; else
// found relative to it: an installed PREFIX/bin/hostcheck has PREFIX/lib/hostcheck/rules, a build tree has
// hostcheck-rules beside it), then
// /etc/hostcheck/rules.d where it exists. Each is refused when others can write to it (trust.h).
[[nodiscard]] Result<std::vector<std::string>> rule_folders(const RuleOptions& options);

// The folders that plugins are read from: --plugins, or the program's own or the installed ones (lib/hostcheck/plugins,
// or hostcheck-plugins in a build tree), none where there is no such folder.
[[nodiscard]] Result<std::vector<std::string>> plugin_folders(const RuleOptions& options);

struct Catalogue {
  std::vector<checks::Rule> rules;      // those asked for, sorted by id, settings applied
  std::vector<plugin::Plugin> plugins;  // those with a check that is asked for or a table, likewise
  std::vector<std::pair<std::string, std::string>> left_out;  // ids not asked for, with the option that says so
  std::vector<Error> errors;                                  // files that could not be used
  std::vector<Error> refused;                                 // plugins that could not be used
  bool tells_failures = true;                                 // hostcheck.plugin_failed is not among --skip
  bool asks_failures = true;                                  // it is asked for, so that none is an answer too
};
// The tables that its plugins bring are known from then on (facts::add_table). Error code invalid: a pattern, area or
// setting that names nothing, with the nearest name.
[[nodiscard]] Result<Catalogue> load_catalogue(const RuleOptions& options);

// The plugins that bring tables, for what is asked without rules.
struct Bringers {
  std::vector<plugin::Plugin> plugins;  // none of their checks is wanted
  std::vector<Error> refused;           // plugins that could not be used
};
[[nodiscard]] Result<Bringers> load_bringers(const RuleOptions& options);

// Every check of the catalogue in one list, sorted by id: rules and the plugins' checks, which have no query.
[[nodiscard]] std::vector<checks::Rule> all_checks(const Catalogue& catalogue);

// The rule of this id. Error names the nearest one.
[[nodiscard]] Result<checks::Rule> load_one(const RuleOptions& options, const std::string& id);
// The plugin that this check is of; nullopt for a rule.
[[nodiscard]] std::optional<plugin::Plugin> load_plugin_of(const RuleOptions& options, const std::string& id);

// The part of an id before its dot.
[[nodiscard]] std::string_view area_of(std::string_view id);

}  // namespace hostcheck::cli
