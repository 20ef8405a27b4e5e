#include "core/cli/arguments.h"

#include <algorithm>
#include <map>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/base/version.h"
#include "core/cli/command_spec.h"
#include "core/cli/exit_status.h"

namespace hostcheck::cli {
namespace {

Answered usage_error(const std::string& command, std::string_view message) {
  std::string text = "hostcheck: ";
  if (!command.empty()) text += command + ": ";
  text += message;
  text += "\nhostcheck " + command + (command.empty() ? "" : " ") + "--help shows what it takes\n";
  return {std::move(text), true, kExitUsage};
}

void require_choice(const std::string& name, const std::string& value, const std::vector<std::string>& choices) {
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  std::string all;
  for (const std::string& each : choices) all += (all.empty() ? std::string{} : std::string(", ")) + each;
  throw Wrong{name + " '" + value + "': one of " + all + did_you_mean(value, choices)};
}

// A subcommand as CLI11 parses it, with the values that it found.
struct Parsed {
  CommandSpec spec;
  CLI::App* app = nullptr;
  std::vector<std::string> arguments;
  std::vector<std::vector<std::string>> values;  // of each option of spec
  std::vector<CLI::Option*> options;
  std::vector<std::vector<std::string>> more;  // of each of spec.more_arguments
};

void declare_argument(CLI::App& app, const std::string& name, const std::string& help, bool many,
                      std::vector<std::string>& values) {
  CLI::Option* option = app.add_option(name, values, help)->type_name("");
  if (many) {
    option->expected(0, CLI::detail::expected_max_vector_size);
  } else {
    // CLI11 would take "[::1]:443" for a list in brackets where extra values are allowed.
    option->expected(1)->allow_extra_args(false);
  }
}

void declare(Parsed& parsed, CLI::App& root) {
  const CommandSpec& spec = parsed.spec;
  parsed.app = root.add_subcommand(spec.name, spec.summary);
  parsed.app->allow_extras();
  parsed.app->footer(spec.notes + "\n");
  if (!spec.argument.empty())
    declare_argument(*parsed.app, spec.argument, spec.argument_help, spec.many, parsed.arguments);
  parsed.more.resize(spec.more_arguments.size());
  for (std::size_t at = 0; at < spec.more_arguments.size(); ++at) {
    const ArgumentSpec& each = spec.more_arguments[at];
    declare_argument(*parsed.app, each.name, each.help, each.many, parsed.more[at]);
  }
  parsed.values.resize(spec.options.size());
  for (std::size_t at = 0; at < spec.options.size(); ++at) {
    const OptionSpec& option = spec.options[at];
    if (option.value.empty()) {
      parsed.options.push_back(parsed.app->add_flag(option.name, option.help));
    } else {
      parsed.options.push_back(parsed.app
                                   ->add_option(option.brief.empty() ? option.name : option.brief + "," + option.name,
                                                parsed.values[at], option.help)
                                   ->type_name(option.value)
                                   ->expected(1)
                                   ->allow_extra_args(false)
                                   ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
    }
  }
}

Command take_all(Parsed& parsed) {
  const CommandSpec& spec = parsed.spec;
  for (std::size_t at = 0; at < spec.options.size(); ++at) {
    const OptionSpec& option = spec.options[at];
    if (option.value.empty() && parsed.options[at]->count() != 0) option.take({});
    for (const std::string& value : parsed.values[at]) {
      require_choice(option.name, value, option.choices);
      option.take(value);
    }
  }
  for (const std::string& value : parsed.arguments) {
    require_choice(spec.argument, value, spec.argument_choices);
    spec.take_argument(value);
  }
  for (std::size_t at = 0; at < spec.more_arguments.size(); ++at) {
    for (const std::string& value : parsed.more[at]) spec.more_arguments[at].take(value);
  }
  return spec.finish();
}

// What CLI11 could not place: an option or a command that does not exist, or an argument too many.
Answered unexpected_word(const Parsed* command, std::string word, const std::vector<Parsed>& all) {
  const std::string where = command == nullptr ? std::string{} : command->spec.name;
  if (word.starts_with("-")) {
    word = word.substr(0, word.find('='));
    std::vector<std::string> names = {"--help"};
    if (command == nullptr) names.emplace_back("--version");
    if (command != nullptr) {
      for (const OptionSpec& option : command->spec.options) names.push_back(option.name);
    }
    return usage_error(where, "unknown option '" + word + "'" + did_you_mean(word, names));
  }
  if (command != nullptr) return usage_error(where, "one argument too many: '" + word + "'");
  std::vector<std::string> names;
  for (const Parsed& each : all) names.push_back(each.spec.name);
  return usage_error(where, "unknown command '" + word + "'" + did_you_mean(word, names));
}

}  // namespace

std::variant<Command, Answered> parse_arguments(int argc, const char* const* argv) {
  const std::string name = "hostcheck " + std::string(version());
  CLI::App root(name + ": what is wrong with this host's networking, how it is known, what cures it", "hostcheck");
  root.set_version_flag("--version", name, "Print the version");
  root.set_help_flag("-h,--help", "Print this help");
  root.get_formatter()->column_width(28);
  root.get_formatter()->label("SUBCOMMAND", "COMMAND");
  root.get_formatter()->label("Subcommands", "Commands");
  root.allow_extras();
  root.footer(
      "Examples:\n"
      "  hostcheck run\n"
      "  hostcheck explain tcp.window_scaling_disabled\n"
      "  hostcheck query 'SELECT ifname, state FROM links'\n"
      "hostcheck COMMAND --help explains one command.\n");
  std::vector<Parsed> all;
  for (CommandSpec& spec : command_specs()) all.push_back({std::move(spec), nullptr, {}, {}, {}, {}});
  for (Parsed& each : all) declare(each, root);
  Parsed* chosen = nullptr;
  const auto choose = [&] {
    const auto found = std::find_if(all.begin(), all.end(), [](const Parsed& each) { return each.app->parsed(); });
    chosen = found == all.end() ? nullptr : &*found;
  };
  try {
    root.parse(argc, argv);
    choose();
    if (const auto extra = root.remaining(); !extra.empty()) return unexpected_word(nullptr, extra.front(), all);
    if (chosen == nullptr) return Answered{root.help(), true, kExitUsage};
    if (const auto extra = chosen->app->remaining(); !extra.empty()) return unexpected_word(chosen, extra.front(), all);
    return take_all(*chosen);
  } catch (const CLI::CallForVersion&) {
    return Answered{name + "\n", false, kExitOk};
  } catch (const CLI::Success&) {
    return Answered{root.help(), false, kExitOk};
  } catch (const Wrong& wrong) {
    return usage_error(chosen == nullptr ? std::string{} : chosen->spec.name, wrong.message);
  } catch (const CLI::Error& error) {
    choose();
    return usage_error(chosen == nullptr ? std::string{} : chosen->spec.name, error.what());
  }
}

}  // namespace hostcheck::cli
