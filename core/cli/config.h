// hostcheck.toml: the options of `run` by the same names.
#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/cli/options.h"

namespace hostcheck::cli {

inline constexpr const char* kSystemConfig = "/etc/hostcheck/hostcheck.toml";

// Options of `run` as written, before they are checked; nullopt or empty: not given.
struct RawRun {
  std::vector<std::string> only;
  std::vector<std::string> skip;
  std::vector<std::string> area;
  std::optional<std::string> observe;
  std::optional<std::string> probe;
  std::vector<std::string> target;
  std::optional<std::string> netns;
  std::optional<std::string> budget;
  std::vector<Setting> set;
  std::vector<std::string> role;
  std::vector<conclude::Suppression> suppress;
  std::optional<std::string> rules;
  std::optional<std::string> plugins;
  std::optional<std::string> format;
  std::optional<std::string> output;
  std::optional<std::string> color;
  std::optional<bool> quiet;
  std::optional<bool> verbose;
};

// Reads a file that may decide (see trust.h). Error code invalid: syntax, unknown key (with the nearest one) or a value
// of a wrong type, with file and line.
[[nodiscard]] Result<RawRun> read_config(const std::string& path);

// What the command line leaves open, from the configuration. Lists of the command line replace those of the
// configuration; settings are joined, the command line's last.
void fill_from(RawRun& command_line, RawRun config);

}  // namespace hostcheck::cli
