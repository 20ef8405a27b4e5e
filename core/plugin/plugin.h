// A check plugin as its plugin.toml describes it. plugins/README.md is the reference of the format; the code is loaded
// in a child process only, by runner.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/checks/rule.h"
#include "core/facts/request.h"
#include "core/sql/database.h"

namespace hostcheck::plugin {

// [[input]]: one SELECT whose answer the plugin reads. :name is a parameter of any of its checks.
struct Input {
  std::string name;
  std::string query;
  std::size_t line = 0;   // of the key query in plugin.toml
  bool optional = false;  // the checks judge without what of it could not be read
  bool needed = false;    // without a row the plugin has nothing to do: it is not started, and its checks are clear
};

// What a plugin may use. plugin.toml may ask for other values up to the largest.
struct Limits {
  std::chrono::milliseconds time{1000};  // of the clock, from its start to its last word
  std::size_t memory_bytes = 64UL << 20;
  std::size_t output_bytes = 4UL << 20;  // of its findings and rows
};
inline constexpr std::chrono::milliseconds kLargestTime{10'000};
inline constexpr std::size_t kLargestMemory = 1UL << 30;

struct Check {
  checks::Rule rule;                // without query and summary
  std::vector<std::string> inputs;  // that it is judged by
  bool wanted = true;               // whether the run asks for it
};

struct Plugin {
  std::string name;     // the folder's
  std::string file;     // plugin.toml, for errors
  std::string library;  // plugin.so
  std::vector<Input> inputs;
  std::vector<Check> checks;
  Limits limits;
  bool reads_files = false;               // may open files for reading
  std::vector<std::string> capabilities;  // that it keeps, "CAP_DAC_READ_SEARCH"; none by default
};

// Reads FOLDER/plugin.toml. Errors name file:line, and for unknown names the nearest known one.
[[nodiscard]] Result<Plugin> load_plugin(const std::string& folder);

struct PluginSet {
  std::vector<Plugin> plugins;  // sorted by name
  std::vector<Error> errors;    // of folders that are no plugin or are refused; object is the file or folder
};
// Every folder below these that has a plugin.toml. trusted is asked with each such folder before anything in it is
// read.
[[nodiscard]] PluginSet load_plugins(const std::vector<std::string>& folders,
                                     const std::function<Result<void>(const std::string& folder)>& trusted);

// The parameters of all its checks as the inputs' :names.
[[nodiscard]] sql::Parameters parameters_of(const Plugin& plugin);

// Tables, columns and filters that its inputs and [check.clear] queries read; the database keeps the compiled queries.
// observed: whether there will be a second sample. Error names file and line.
[[nodiscard]] Result<facts::Request> plan(const Plugin& plugin, sql::Database& database, bool observed = true);

// The number of a capability of this name ("CAP_SYSLOG"); -1 for none.
[[nodiscard]] int capability_number(std::string_view name);

}  // namespace hostcheck::plugin
