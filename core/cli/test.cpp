#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "core/checks/rule.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/record.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

Result<std::vector<std::string>> rule_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      if (!fs::exists(path, error)) return unexpected(errno_error(ENOENT, "open", path));
      files.push_back(path);
      continue;
    }
    fs::recursive_directory_iterator entries(path, error);
    for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
      if (entries->path().extension() == ".toml") files.push_back(entries->path().string());
    }
    if (error) return unexpected(errno_error(error.value(), "read folder", path));
  }
  std::sort(files.begin(), files.end());
  return files;
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
    auto folders = rule_folders(options.rules);
    if (!folders) return fail(folders.error());
    paths = std::move(*folders);
  }
  auto files = rule_files(paths);
  if (!files) {
    complain(files.error().message());
    return kExitUsage;
  }
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::string out;
  for (const std::string& file : *files) {
    const checks::TestReport report = checks::test_rule_file(file);
    passed += report.passed;
    failed += report.failures.size();
    if (!report.failures.empty()) out += "FAILED " + (report.id.empty() ? file : report.id + " (" + file + ")") + '\n';
    for (const std::string& failure : report.failures) out += indented(failure);
  }
  out += fmt::format("{} rules, {} tests passed, {} failed\n", files->size(), passed, failed);
  if (!print(out)) return kExitUnknown;
  return failed == 0 ? kExitOk : kExitWarning;
}

}  // namespace hostcheck::cli
