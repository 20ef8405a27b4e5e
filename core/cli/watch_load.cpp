#include "core/cli/watch_load.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "core/cli/judging.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;
using checks::Rule;

void add(const fs::path& path, std::vector<FileState>& files) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  files.push_back({path.string(), status.st_ino,
                   std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
                   static_cast<std::uint64_t>(status.st_size)});
}

void add_below(const Result<std::vector<std::string>>& folders, std::vector<FileState>& files) {
  if (!folders) {
    files.push_back({folders.error().message()});
    return;
  }
  for (const std::string& folder : *folders) {
    std::error_code error;
    add(folder, files);
    for (fs::recursive_directory_iterator at(folder, fs::directory_options::follow_directory_symlink, error), end;
         !error && at != end; at.increment(error)) {
      add(at->path(), files);
    }
  }
}

// Whether the error is about the file, or about the folder that it is in. An Error's object is "FILE" or "FILE:LINE".
bool is_about(const Error& error, const std::string& file) {
  const std::string_view object = error.object;
  if (object.starts_with(file)) return object.size() == file.size() || object[file.size()] == ':';
  return fs::path(file).parent_path() == fs::path(object);
}

std::string refusal(const Error& error, bool stays) {
  return error.message() + (stays ? "; what it was before stays" : "");
}

// Puts the former rules in place of those whose files cannot be used now.
void keep_rules(const Loaded& former, Catalogue& catalogue, std::vector<std::string>& refused) {
  std::erase_if(catalogue.errors, [&](const Error& error) {
    bool stays = false;
    for (const Rule& rule : former.plan.rules) {
      const auto same = [&](const Rule& each) { return each.id == rule.id; };
      if (!is_about(error, rule.file) || std::any_of(catalogue.rules.begin(), catalogue.rules.end(), same)) continue;
      catalogue.rules.push_back(rule);
      stays = true;
    }
    refused.push_back(refusal(error, stays));
    return stays;
  });
  std::erase_if(catalogue.refused, [&](const Error& error) {
    const auto plugin = std::find_if(former.plan.plugins.begin(), former.plan.plugins.end(),
                                     [&](const plugin::Plugin& each) { return is_about(error, each.file); });
    const bool stays = plugin != former.plan.plugins.end();
    if (stays) catalogue.plugins.push_back(*plugin);
    refused.push_back(refusal(error, stays));
    return stays;
  });
}

// Likewise of those whose queries cannot be used.
void keep_queries(const Loaded& former, Catalogue& catalogue, sql::Database& database,
                  std::vector<std::string>& refused) {
  for (Rule& rule : catalogue.rules) {
    const auto planned = checks::plan(rule, database);
    if (planned) continue;
    const auto before = std::find_if(former.plan.rules.begin(), former.plan.rules.end(),
                                     [&](const Rule& each) { return each.id == rule.id; });
    if (before == former.plan.rules.end()) continue;  // told by the plan
    refused.push_back(refusal(planned.error(), true));
    rule = *before;
  }
}

}  // namespace

std::vector<FileState> files_of(const WatchOptions& options) {
  std::vector<FileState> files;
  add(options.config, files);
  add_below(rule_folders(options.rules), files);
  add_below(plugin_folders(options.rules), files);
  std::sort(files.begin(), files.end());
  return files;
}

std::size_t Loaded::checks() const {
  std::size_t count = plan.rules.size();
  for (const plugin::Plugin& each : plan.plugins) {
    count += static_cast<std::size_t>(
        std::count_if(each.checks.begin(), each.checks.end(), [](const plugin::Check& check) { return check.wanted; }));
  }
  return count;
}

Result<std::unique_ptr<Loaded>> load(WatchOptions options, const Loaded* former) {
  auto catalogue = load_catalogue(options.rules);
  if (!catalogue) return unexpected(catalogue.error());
  auto database = sql::Database::open();
  if (!database) return unexpected(database.error());
  std::vector<std::string> refused;
  if (former != nullptr) {
    keep_rules(*former, *catalogue, refused);
    std::sort(catalogue->rules.begin(), catalogue->rules.end(),
              [](const Rule& a, const Rule& b) { return a.id < b.id; });
    keep_queries(*former, *catalogue, *database, refused);
  }
  if (auto known = check_suppressions(*catalogue, options.suppressions); !known) return unexpected(known.error());
  Plan plan = plan_checks(*catalogue, *database, true);
  for (const checks::CheckResult& each : plan.failed) {
    const bool told = std::find(refused.begin(), refused.end(), each.reason) != refused.end();
    if (!told) refused.push_back(each.reason);
  }
  return std::make_unique<Loaded>(
      Loaded{std::move(options), *std::move(catalogue), *std::move(database), std::move(plan), std::move(refused)});
}

}  // namespace hostcheck::cli
