#include "core/cli/catalogue.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/cli/trust.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSiteRules = "/etc/hostcheck/rules.d";

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

Result<std::string> default_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return unexpected(errno_error(error.value(), "read link", "/proc/self/exe"));
  const fs::path folder = program.parent_path();
  for (const fs::path& candidate : {folder.parent_path() / "lib/hostcheck/rules", folder / "hostcheck-rules"}) {
    if (is_folder(candidate)) return candidate.string();
  }
  return unexpected(make_error(ErrorCode::vanished, "find rules",
                               (folder.parent_path() / "lib/hostcheck/rules").string(),
                               "no such folder; --rules DIR names another"));
}

std::vector<std::string> ids_of(const std::vector<checks::Rule>& rules) {
  std::vector<std::string> ids;
  for (const checks::Rule& rule : rules) ids.push_back(rule.id);
  return ids;
}

Result<void> require_match(std::string_view option, const std::vector<std::string>& patterns,
                           const std::vector<std::string>& names) {
  for (const std::string& pattern : patterns) {
    const bool any =
        std::any_of(names.begin(), names.end(), [&](const std::string& name) { return glob_match(pattern, name); });
    if (any) continue;
    return unexpected(make_error(ErrorCode::invalid, option, pattern, "no such check" + did_you_mean(pattern, names)));
  }
  return {};
}

Result<void> select(const RuleOptions& options, Catalogue& catalogue) {
  const std::vector<std::string> ids = ids_of(catalogue.rules);
  std::set<std::string> area_set;
  for (const std::string& id : ids) area_set.emplace(area_of(id));
  const std::vector<std::string> areas(area_set.begin(), area_set.end());
  if (auto known = require_match("--only", options.only, ids); !known) return known;
  if (auto known = require_match("--skip", options.skip, ids); !known) return known;
  for (const std::string& area : options.areas) {
    if (area_set.contains(area)) continue;
    return unexpected(make_error(ErrorCode::invalid, "--area", area, "no such area" + did_you_mean(area, areas)));
  }
  const auto matches = [](const std::vector<std::string>& patterns, const std::string& id) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& each) { return glob_match(each, id); });
  };
  for (const std::string& id : ids) {
    std::string why;
    if (!options.only.empty() && !matches(options.only, id)) why = "--only";
    if (!options.areas.empty() &&
        std::find(options.areas.begin(), options.areas.end(), area_of(id)) == options.areas.end()) {
      why = "--area";
    }
    if (matches(options.skip, id)) why = "--skip";
    catalogue.selected.push_back(why.empty());
    catalogue.unselected.push_back(std::move(why));
  }
  return {};
}

// The text as a value of the default's type; nullopt where it is none.
std::optional<facts::Value> value_like(const facts::Value& like, const std::string& text) {
  if (std::holds_alternative<std::string>(like)) return facts::Value(text);
  if (const auto integer = parse_number<std::int64_t>(text)) {
    return std::holds_alternative<double>(like) ? facts::Value(static_cast<double>(*integer)) : facts::Value(*integer);
  }
  if (text == "true" || text == "false") return facts::Value(static_cast<std::int64_t>(text == "true"));
  double real = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), real);
  if (error == std::errc{} && end == text.data() + text.size()) return facts::Value(real);
  return std::nullopt;
}

Result<void> apply_setting(const Setting& setting, std::vector<checks::Rule>& rules) {
  const auto wrong = [&](std::string_view why) {
    return unexpected(make_error(ErrorCode::invalid, setting.origin, setting.name, why));
  };
  const auto dot = setting.name.rfind('.');
  if (dot == std::string::npos) return wrong("write it as ID.PARAM=VALUE");
  const std::string id = setting.name.substr(0, dot);
  const std::string name = setting.name.substr(dot + 1);
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const checks::Rule& each) { return each.id == id; });
  if (rule == rules.end()) return wrong("no check '" + id + "'" + did_you_mean(id, ids_of(rules)));
  std::vector<std::string> names;
  for (checks::Parameter& parameter : rule->params) {
    names.push_back(parameter.name);
    if (parameter.name != name) continue;
    auto value = value_like(parameter.value, setting.value);
    if (!value) return wrong("'" + setting.value + "' is not a number");
    parameter.value = std::move(*value);
    return {};
  }
  if (names.empty()) return wrong(id + " has no parameters");
  return wrong(id + " has no parameter '" + name + "'" + did_you_mean(name, names));
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
    auto folder = default_folder();
    if (!folder) return unexpected(folder.error());
    folders.push_back(std::move(*folder));
  }
  if (is_folder(kSiteRules)) folders.emplace_back(kSiteRules);
  return folders;
}

Result<Catalogue> load_catalogue(const RuleOptions& options) {
  auto folders = rule_folders(options);
  if (!folders) return unexpected(folders.error());
  for (const std::string& folder : *folders) {
    if (auto trusted = require_trusted(folder); !trusted) return unexpected(trusted.error());
  }
  checks::RuleSet loaded = checks::load_rules(*folders);
  Catalogue catalogue;
  catalogue.rules = std::move(loaded.rules);
  catalogue.errors = std::move(loaded.errors);
  if (auto chosen = select(options, catalogue); !chosen) return unexpected(chosen.error());
  for (const Setting& setting : options.settings) {
    if (auto applied = apply_setting(setting, catalogue.rules); !applied) return unexpected(applied.error());
  }
  return catalogue;
}

Result<const checks::Rule*> find_rule(const Catalogue& catalogue, const std::string& id) {
  for (const checks::Rule& rule : catalogue.rules) {
    if (rule.id == id) return &rule;
  }
  return unexpected(
      make_error(ErrorCode::invalid, "check", id, "no such check" + did_you_mean(id, ids_of(catalogue.rules))));
}

}  // namespace hostcheck::cli
