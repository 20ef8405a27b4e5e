#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "core/base/embedded.h"
#include "core/checks/rule.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/record.h"
#include "core/plugin/plugin_test.h"
#include "core/report/tally.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

// What there is to test.
struct Found {
  std::vector<std::string> rules;    // files
  std::vector<std::string> plugins;  // folders
};

bool is_plugin(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / "plugin.toml", error);
}

// What of it is in the program itself.
void add_embedded(const std::string& folder, Found& found) {
  constexpr std::string_view kPluginFile = "/plugin.toml";
  for (const std::string& path : embedded_below(folder)) {
    if (folder == std::string(kEmbeddedRoot) + "rules") {
      found.rules.push_back(path);
    } else if (path.ends_with(kPluginFile)) {
      found.plugins.push_back(path.substr(0, path.size() - kPluginFile.size()));
    }
  }
}

Result<Found> find_all(const std::vector<std::string>& paths) {
  Found found;
  for (const std::string& path : paths) {
    if (is_embedded(path)) {
      add_embedded(path, found);
      continue;
    }
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      if (!fs::exists(path, error)) return unexpected(errno_error(ENOENT, "open", path));
      found.rules.push_back(path);
      continue;
    }
    if (is_plugin(path)) {
      found.plugins.push_back(path);
      continue;
    }
    fs::recursive_directory_iterator entries(path, error);
    for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
      if (is_plugin(entries->path())) {
        found.plugins.push_back(entries->path().string());
        entries.disable_recursion_pending();
      } else if (entries->path().extension() == ".toml") {
        found.rules.push_back(entries->path().string());
      }
    }
    if (error) return unexpected(errno_error(error.value(), "read folder", path));
  }
  std::sort(found.rules.begin(), found.rules.end());
  std::sort(found.plugins.begin(), found.plugins.end());
  return found;
}

// The folders of the rules and plugins that a run uses.
Result<std::vector<std::string>> all_folders(const RuleOptions& options) {
  auto folders = rule_folders(options);
  if (!folders) return folders;
  auto plugins = plugin_folders(options);
  if (!plugins) return plugins;
  folders->insert(folders->end(), plugins->begin(), plugins->end());
  return folders;
}

std::string indented(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out + '\n';
}

}  // namespace

int test(const TestOptions& options) {
  if (!options.record.empty()) return record(options);
  std::vector<std::string> paths = options.paths;
  if (paths.empty()) {
    auto folders = all_folders(options.rules);
    if (!folders) return fail(folders.error());
    paths = std::move(*folders);
  }
  const auto found = find_all(paths);
  if (!found) {
    complain(found.error().message());
    return kExitUsage;
  }
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::string out;
  std::vector<checks::TestReport> reports;
  // Rules may read what plugins bring: first those that are tested, then those of a run.
  for (const std::string& folder : found->plugins) {
    // What is wrong with it is told by its test.
    if (const auto plugin = plugin::load_plugin(folder)) static_cast<void>(plugin::announce_tables(*plugin));
  }
  if (const auto bringers = load_bringers(options.rules); !bringers) return fail(bringers.error());
  for (const std::string& file : found->rules) reports.push_back(checks::test_rule_file(file));
  for (const std::string& folder : found->plugins) reports.push_back(plugin::test_plugin(folder));
  for (const checks::TestReport& report : reports) {
    passed += report.passed;
    failed += report.failures.size();
    if (!report.failures.empty())
      out += "FAILED " + (report.id.empty() ? report.file : report.id + " (" + report.file + ")") + '\n';
    for (const std::string& failure : report.failures) out += indented(failure);
  }
  const std::string plugins = found->plugins.empty() ? "" : report::count_of(found->plugins.size(), "plugin") + ", ";
  out += fmt::format("{}, {}{} passed, {} failed\n", report::count_of(found->rules.size(), "rule"), plugins,
                     report::count_of(passed, "test"), failed);
  if (!print(out)) return kExitUnknown;
  return failed == 0 ? kExitOk : kExitWarning;
}

}  // namespace hostcheck::cli
