// The subcommands and their options as data: parsing, help and completion are made from it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/cli/options.h"

namespace hostcheck::cli {

// A value that cannot be used. Thrown by finish() and take(), caught where the command line is parsed.
struct Wrong {
  std::string message;
};

struct OptionSpec {
  std::string name;   // "--only"
  std::string value;  // what it takes, e.g. "GLOB"; "" for a switch
  std::string help;
  std::vector<std::string> choices;              // valid values; empty for any
  std::function<void(const std::string&)> take;  // called for each time that it is given; a switch gives ""
  std::string brief = {};                        // "-o"; "" for none
};

// What a command takes besides options, after its first argument.
struct ArgumentSpec {
  std::string name;  // "TARGET"
  std::string help;
  bool many = false;  // any number; only the last one
  std::function<void(const std::string&)> take;
};

struct CommandSpec {
  std::string name;
  std::string summary;
  std::string argument;  // name of what it takes besides options, e.g. "SQL"; "" for nothing
  std::string argument_help;
  bool many = false;  // any number of arguments
  std::vector<std::string> argument_choices;
  std::function<void(const std::string&)> take_argument;
  std::vector<ArgumentSpec> more_arguments;
  std::vector<OptionSpec> options;
  std::string notes;                // examples and exit status, below the options
  std::function<Command()> finish;  // after the last take
};

[[nodiscard]] CommandSpec run_spec();
[[nodiscard]] CommandSpec watch_spec();
[[nodiscard]] CommandSpec path_spec();
[[nodiscard]] CommandSpec probe_spec();
// Of --target and of path's TARGET; throws Wrong.
[[nodiscard]] conclude::NamedTarget named_target(const std::string& name, const std::string& text);
[[nodiscard]] CommandSpec query_spec();
[[nodiscard]] CommandSpec tables_spec();
[[nodiscard]] CommandSpec checks_spec();
[[nodiscard]] CommandSpec explain_spec();
[[nodiscard]] CommandSpec test_spec();
[[nodiscard]] CommandSpec snapshot_spec();
[[nodiscard]] CommandSpec diff_spec();
[[nodiscard]] CommandSpec collect_spec();
// The names of the shipped queries.
[[nodiscard]] const std::vector<std::string>& collect_queries();
[[nodiscard]] CommandSpec new_spec();
[[nodiscard]] CommandSpec doctor_spec();
[[nodiscard]] CommandSpec completion_spec();
// All of them, in the order of --help.
[[nodiscard]] std::vector<CommandSpec> command_specs();

// A completion script for a shell ("bash", "zsh").
[[nodiscard]] std::string completion_script(const std::string& shell);

}  // namespace hostcheck::cli
