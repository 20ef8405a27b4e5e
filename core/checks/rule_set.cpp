#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>

#include "core/base/embedded.h"
#include "core/base/text.h"
#include "core/checks/rule.h"
#include "core/checks/rule_file.h"

namespace hostcheck::checks {
namespace {

namespace fs = std::filesystem;

std::optional<Error> refuse_folder(const std::string& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return errno_error(errno, "read rules in", folder);
  if (!S_ISDIR(status.st_mode)) return errno_error(ENOTDIR, "read rules in", folder);
  if ((status.st_mode & S_IWOTH) != 0) {
    return make_error(ErrorCode::invalid, "read rules in", folder, "everybody may write to it; chmod o-w");
  }
  return std::nullopt;
}

// The rule files in a folder and its folders.
void list_files(const std::string& folder, std::vector<std::string>& files, std::vector<Error>& errors) {
  if (is_embedded(folder)) {
    const auto all = embedded_below(folder);
    files.insert(files.end(), all.begin(), all.end());
    return;
  }
  if (auto refused = refuse_folder(folder)) {
    errors.push_back(*std::move(refused));
    return;
  }
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string path = at->path().string();
    if (at->path().filename().string().starts_with('.')) continue;
    if (at->is_directory(error)) {
      list_files(path, files, errors);
    } else if (path.ends_with(".toml")) {
      files.push_back(path);
    }
  }
  if (error) errors.push_back(errno_error(error.value(), "read rules in", folder));
}

}  // namespace

RuleSet load_rules(const std::vector<std::string>& folders, const std::function<bool(std::string_view id)>& wanted) {
  RuleSet set;
  std::vector<std::string> files;
  for (const std::string& folder : folders) list_files(folder, files, set.errors);
  std::sort(files.begin(), files.end());
  set.rules.reserve(files.size());
  for (const std::string& file : files) {
    const std::string id = id_of_path(file);
    if (wanted && !wanted(id)) continue;
    auto rule = load_rule(file);
    if (rule) {
      set.rules.push_back(*std::move(rule));
    } else {
      set.errors.push_back(std::move(rule.error()));
    }
  }
  const auto by_id = [](const Rule& a, const Rule& b) { return a.id < b.id; };
  if (!std::is_sorted(set.rules.begin(), set.rules.end(), by_id)) {
    std::stable_sort(set.rules.begin(), set.rules.end(), by_id);
  }
  for (std::size_t at = 1; at < set.rules.size();) {
    if (set.rules[at].id != set.rules[at - 1].id) {
      ++at;
      continue;
    }
    set.errors.push_back(
        make_error(ErrorCode::invalid, "", set.rules[at].file,
                   fmt::format("id '{}' is already that of {}", set.rules[at].id, set.rules[at - 1].file)));
    set.rules.erase(set.rules.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return set;
}

Result<void> set_parameter(Rule& rule, std::string_view name, std::string_view text) {
  const auto found =
      std::find_if(rule.params.begin(), rule.params.end(), [&](const Parameter& each) { return each.name == name; });
  const std::string object = fmt::format("{}.{}", rule.id, name);
  if (found == rule.params.end()) {
    std::vector<std::string> names;
    for (const Parameter& each : rule.params) names.push_back(each.name);
    return unexpected(
        make_error(ErrorCode::invalid, "set", object, fmt::format("no such parameter{}", did_you_mean(name, names))));
  }
  if (std::holds_alternative<std::string>(found->value)) {
    found->value = std::string(text);
    return {};
  }
  if (const auto integer = parse_number<std::int64_t>(text)) {
    found->value = *integer;
    return {};
  }
  double real = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), real);
  if (error == std::errc{} && end == text.data() + text.size() && std::holds_alternative<double>(found->value)) {
    found->value = real;
    return {};
  }
  const bool whole = std::holds_alternative<std::int64_t>(found->value);
  return unexpected(make_error(ErrorCode::invalid, "set", object,
                               fmt::format("'{}' is not a {}number", text, whole ? "whole " : "")));
}

}  // namespace hostcheck::checks
