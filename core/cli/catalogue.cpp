#include "core/cli/catalogue.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "core/base/embedded.h"
#include "core/base/text.h"
#include "core/cli/trust.h"
#include "core/plugin/judge.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSiteRules = "/etc/hostcheck/rules.d";

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// What is in the program itself, else lib/hostcheck/WHAT of where it is installed, or hostcheck-WHAT beside it in a
// build tree.
Result<std::string> default_folder(const std::string& what) {
  std::string embedded = std::string(kEmbeddedRoot) + what;
  if (!embedded_below(embedded).empty()) return embedded;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return unexpected(errno_error(error.value(), "read link", "/proc/self/exe"));
  const fs::path folder = program.parent_path();
  const fs::path installed = folder.parent_path() / "lib/hostcheck" / what;
  for (const fs::path& candidate : {installed, folder / ("hostcheck-" + what)}) {
    if (is_folder(candidate)) return candidate.string();
  }
  return unexpected(make_error(ErrorCode::vanished, "find " + what, installed.string(),
                               "no such folder; --" + what + " DIR names another"));
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view id) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& each) { return glob_match(each, id); });
}

// The option by which an id is not asked for; "" where it is.
std::string_view why_left_out(const RuleOptions& options, std::string_view id) {
  if (!options.only.empty() && !any_matches(options.only, id)) return "--only";
  if (!options.areas.empty() &&
      std::find(options.areas.begin(), options.areas.end(), area_of(id)) == options.areas.end()) {
    return "--area";
  }
  return any_matches(options.skip, id) ? "--skip" : "";
}

Result<void> require_match(std::string_view option, const std::vector<std::string>& patterns,
                           const std::vector<std::string>& ids) {
  for (const std::string& pattern : patterns) {
    const bool any =
        std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return glob_match(pattern, id); });
    if (!any)
      return unexpected(make_error(ErrorCode::invalid, option, pattern, "no such check" + did_you_mean(pattern, ids)));
  }
  return {};
}

Result<void> require_known(const RuleOptions& options, const std::vector<std::string>& ids) {
  if (auto known = require_match("--only", options.only, ids); !known) return known;
  if (auto known = require_match("--skip", options.skip, ids); !known) return known;
  std::set<std::string, std::less<>> areas;
  for (const std::string& id : ids) areas.emplace(area_of(id));
  for (const std::string& area : options.areas) {
    if (areas.contains(area)) continue;
    const std::vector<std::string> names(areas.begin(), areas.end());
    return unexpected(
        make_error(ErrorCode::invalid, "--area", area, "no check is in such an area" + did_you_mean(area, names)));
  }
  return {};
}

std::string id_of(const Setting& setting) {
  return setting.name.substr(0, setting.name.rfind('.'));
}

// The rule or the plugin's check of this id.
checks::Rule* find_check(std::string_view id, std::vector<checks::Rule>& rules, std::vector<plugin::Plugin>& plugins) {
  for (checks::Rule& each : rules) {
    if (each.id == id) return &each;
  }
  for (plugin::Plugin& each : plugins) {
    for (plugin::Check& check : each.checks) {
      if (check.rule.id == id) return &check.rule;
    }
  }
  return nullptr;
}

Result<void> apply(const Setting& setting, std::vector<checks::Rule>& rules, std::vector<plugin::Plugin>& plugins,
                   const std::vector<std::string>& ids) {
  const auto wrong = [&](std::string_view why) {
    return unexpected(make_error(ErrorCode::invalid, setting.origin, setting.name, why));
  };
  const auto dot = setting.name.rfind('.');
  if (dot == std::string::npos) return wrong("write it as ID.PARAM=VALUE");
  const std::string id = id_of(setting);
  checks::Rule* rule = find_check(id, rules, plugins);
  if (rule == nullptr) {
    if (std::find(ids.begin(), ids.end(), id) != ids.end())
      return {};  // its file could not be used, which is told elsewhere
    return wrong("no check '" + id + "'" + did_you_mean(id, ids));
  }
  if (auto set = checks::set_parameter(*rule, setting.name.substr(dot + 1), setting.value); !set) {
    Error error = set.error();
    error.operation = setting.origin;
    error.object = setting.name;
    return unexpected(std::move(error));
  }
  for (checks::Parameter& each : rule->params) {
    if (each.name == setting.name.substr(dot + 1)) each.origin = setting.origin;
  }
  return {};
}

// Plugins that bring an id or a table which something else has already are refused.
void refuse_doubles(plugin::PluginSet& set, const std::vector<checks::Rule>& rules) {
  std::map<std::string, std::string> owner;
  for (const checks::Rule& each : rules) owner.emplace(each.id, each.file);
  std::erase_if(set.plugins, [&](const plugin::Plugin& each) {
    for (const plugin::Check& check : each.checks) {
      const auto [found, added] = owner.emplace(check.rule.id, each.file);
      if (added || found->second == each.file) continue;
      set.errors.push_back(make_error(ErrorCode::invalid, "", each.file,
                                      "id '" + check.rule.id + "' is already that of " + found->second));
      return true;
    }
    auto announced = plugin::announce_tables(each);
    if (!announced) set.errors.push_back(std::move(announced.error()));
    return !announced;
  });
}

// Marks the checks that are asked for; plugins without any are left out unless a rule may read their tables.
void select(const RuleOptions& options, std::vector<plugin::Plugin>& plugins) {
  std::erase_if(plugins, [&](plugin::Plugin& each) {
    bool any = false;
    each.skipped = true;
    for (plugin::Check& check : each.checks) {
      const std::string_view why = why_left_out(options, check.rule.id);
      check.wanted = why.empty();
      any = any || check.wanted;
      each.skipped = each.skipped && why == "--skip";
    }
    return !any && each.tables.empty();
  });
}

plugin::PluginSet load_trusted_plugins(const std::vector<std::string>& folders) {
  std::set<std::string> above;
  return plugin::load_plugins(folders, [&](const std::string& folder) { return require_trusted(folder, above); });
}

}  // namespace

std::string_view area_of(std::string_view id) {
  return id.substr(0, id.find('.'));
}

Result<std::vector<std::string>> rule_folders(const RuleOptions& options) {
  std::vector<std::string> folders;
  if (options.rules) {
    folders.push_back(*options.rules);
  } else {
    auto folder = default_folder("rules");
    if (!folder) return unexpected(folder.error());
    folders.push_back(std::move(*folder));
  }
  if (is_folder(kSiteRules)) folders.emplace_back(kSiteRules);
  for (const std::string& folder : folders) {
    if (auto trusted = require_trusted(folder); !trusted) return unexpected(trusted.error());
  }
  return folders;
}

Result<std::vector<std::string>> plugin_folders(const RuleOptions& options) {
  if (options.plugins) {
    if (!is_folder(*options.plugins)) {
      return unexpected(make_error(ErrorCode::vanished, "find plugins", *options.plugins, "no such folder"));
    }
    return std::vector<std::string>{*options.plugins};
  }
  const auto folder = default_folder("plugins");
  return folder ? std::vector<std::string>{*folder} : std::vector<std::string>{};
}

Result<Catalogue> load_catalogue(const RuleOptions& options) {
  auto folders = rule_folders(options);
  if (!folders) return unexpected(folders.error());
  auto of_plugins = plugin_folders(options);
  if (!of_plugins) return unexpected(of_plugins.error());
  std::set<std::string, std::less<>> set_ids;
  for (const Setting& setting : options.settings) set_ids.insert(id_of(setting));
  std::vector<std::string> ids;
  // A rule whose parameter is set is read even when it is not asked for: the setting is checked either way.
  checks::RuleSet loaded = checks::load_rules(*folders, [&](std::string_view id) {
    ids.emplace_back(id);
    return why_left_out(options, id).empty() || set_ids.contains(id);
  });
  // The name of a file is only what its id should be.
  for (const checks::Rule& rule : loaded.rules) ids.push_back(rule.id);
  plugin::PluginSet plugins = load_trusted_plugins(*of_plugins);
  refuse_doubles(plugins, loaded.rules);
  for (const plugin::Plugin& each : plugins.plugins) {
    for (const plugin::Check& check : each.checks) ids.push_back(check.rule.id);
  }
  ids.emplace_back(plugin::kFailedId);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (auto known = require_known(options, ids); !known) return unexpected(known.error());
  for (const Setting& setting : options.settings) {
    if (auto applied = apply(setting, loaded.rules, plugins.plugins, ids); !applied) return unexpected(applied.error());
  }
  Catalogue catalogue;
  for (const std::string& id : ids) {
    if (id == plugin::kFailedId) continue;  // told whenever it happens to what is asked for
    if (const auto why = why_left_out(options, id); !why.empty()) catalogue.left_out.emplace_back(id, why);
  }
  std::erase_if(loaded.rules, [&](const checks::Rule& rule) { return !why_left_out(options, rule.id).empty(); });
  catalogue.rules = std::move(loaded.rules);
  catalogue.errors = std::move(loaded.errors);
  select(options, plugins.plugins);
  catalogue.plugins = std::move(plugins.plugins);
  catalogue.refused = std::move(plugins.errors);
  catalogue.tells_failures = why_left_out(options, plugin::kFailedId) != "--skip";
  catalogue.asks_failures = why_left_out(options, plugin::kFailedId).empty();
  return catalogue;
}

Result<Bringers> load_bringers(const RuleOptions& options) {
  const auto folders = plugin_folders(options);
  if (!folders) return unexpected(folders.error());
  plugin::PluginSet set = load_trusted_plugins(*folders);
  refuse_doubles(set, {});
  std::erase_if(set.plugins, [](const plugin::Plugin& each) { return each.tables.empty(); });
  for (plugin::Plugin& each : set.plugins) {
    for (plugin::Check& check : each.checks) check.wanted = false;
  }
  return Bringers{std::move(set.plugins), std::move(set.errors)};
}

std::vector<checks::Rule> all_checks(const Catalogue& catalogue) {
  std::vector<checks::Rule> all = catalogue.rules;
  for (const plugin::Plugin& each : catalogue.plugins) {
    for (const plugin::Check& check : each.checks) {
      if (check.wanted) all.push_back(check.rule);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return all;
}

Result<checks::Rule> load_one(const RuleOptions& options, const std::string& id) {
  RuleOptions only = options;
  only.only = {id};
  auto catalogue = load_catalogue(only);
  if (!catalogue) {
    Error error = catalogue.error();
    if (error.operation == "--only") error.operation = "explain";
    return unexpected(std::move(error));
  }
  for (checks::Rule& rule : all_checks(*catalogue)) {
    if (rule.id == id) return std::move(rule);
  }
  if (id == plugin::kFailedId) return plugin::failure_page();
  if (!catalogue->errors.empty()) return unexpected(catalogue->errors.front());
  return unexpected(make_error(ErrorCode::invalid, "explain", id, "is a pattern; name one check"));
}

std::optional<plugin::Plugin> load_plugin_of(const RuleOptions& options, const std::string& id) {
  RuleOptions only = options;
  only.only = {id};
  auto catalogue = load_catalogue(only);
  if (!catalogue) return std::nullopt;
  for (plugin::Plugin& each : catalogue->plugins) {
    if (std::any_of(each.checks.begin(), each.checks.end(), [](const auto& check) { return check.wanted; })) {
      return std::move(each);
    }
  }
  return std::nullopt;
}

}  // namespace hostcheck::cli
