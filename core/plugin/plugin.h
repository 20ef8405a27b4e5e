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
#include "core/facts/table.h"
#include "core/plugin/embedded.h"
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

// [[table]]: facts that the plugin brings, under a name of its own. Known without the code; the rows come from it.
struct Table {
  facts::TableInfo info;
  std::vector<std::string> inputs;  // that its rows are made of: what of them is missing is missing in it
};

struct Plugin {
  std::string name;       // the folder's
  std::string file;       // plugin.toml, for errors
  std::string library;    // plugin.so; not there where the code is part of the program
  Entry entry = nullptr;  // its code, where that is part of the program
  std::vector<Input> inputs;
  std::vector<Check> checks;
  std::vector<Table> tables;
  bool skipped = false;  // all its checks are left out by --skip: it is not started for its tables either
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

// Makes its tables known (facts::add_table). Error code invalid: another plugin has a table of that name, with both
// names, or the process knows the plugin's with other columns; then none is.
[[nodiscard]] Result<void> announce_tables(const Plugin& plugin);

// The parameters of all its checks as the inputs' :names.
[[nodiscard]] sql::Parameters parameters_of(const Plugin& plugin);

// Whether the request reads a table that the plugin brings.
[[nodiscard]] bool brings_any_of(const Plugin& plugin, const facts::Request& reads);

// Tables, columns and filters that its inputs and [check.clear] queries read; the database keeps the compiled queries.
// observed: whether there will be a second sample. Error names file and line.
[[nodiscard]] Result<facts::Request> plan(const Plugin& plugin, sql::Database& database, bool observed = true);

// The number of a capability of this name ("CAP_SYSLOG"); -1 for none.
[[nodiscard]] int capability_number(std::string_view name);

}  // namespace hostcheck::plugin
