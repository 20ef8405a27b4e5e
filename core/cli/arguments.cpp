#include "core/cli/arguments.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <initializer_list>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/base/version.h"
#include "core/cli/exit_status.h"

namespace hostcheck::cli {
namespace {

Answered usage_error(std::string_view where, std::string_view message) {
  std::string text = "hostcheck: ";
  if (!where.empty()) text += std::string(where) + ": ";
  text += message;
  text += "\nhostcheck " + std::string(where) + (where.empty() ? "" : " ") + "--help lists what it takes\n";
  return {std::move(text), true, kExitUsage};
}

// A wrong value, found after parsing; turned into Answered by the caller.
struct Wrong {
  std::string message;
};

void require_one_of(std::string_view option, const std::string& value, std::initializer_list<const char*> valid) {
  std::vector<std::string> names(valid.begin(), valid.end());
  if (std::find(names.begin(), names.end(), value) != names.end()) return;
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  throw Wrong{std::string(option) + " '" + value + "': one of " + all + did_you_mean(value, names)};
}

std::chrono::milliseconds duration(std::string_view option, const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed) throw Wrong{std::string(option) + " '" + text + "': " + parsed.error().detail};
  return *parsed;
}

// A subcommand: its options are declared on construction, its values checked when it was chosen.
struct Subcommand {
  CLI::App* app = nullptr;
  std::function<Command()> finish;
};

Subcommand add_query(CLI::App& root) {
  struct Raw {
    QueryOptions options;
    std::string observe;
  };
  auto raw = std::make_shared<Raw>();
  CLI::App* app = root.add_subcommand("query", "Ask this host's facts in SQL (SQLite's SELECT)");
  app->add_option("SQL", raw->options.sql, "The query; without it, it is read from standard input");
  app->add_option("--netns", raw->options.netns, "Look at this network namespace, or at all of them");
  app->add_option("--format", raw->options.format, "table, json or csv")->type_name("NAME");
  app->add_option("--observe", raw->observe, "Time between two samples for *_delta and *_per_second (2s)")
      ->type_name("DURATION");
  app->footer(
      "Examples:\n"
      "  hostcheck query 'SELECT ifname, state, mtu FROM links'\n"
      "  hostcheck query --netns all --format json 'SELECT netns, local, process FROM listeners'\n"
      "  echo 'SELECT * FROM host' | hostcheck query\n"
      "What could not be read is told on standard error. hostcheck tables shows what can be asked.\n"
      "Exit status: 0 answered, 3 could not be answered, 64 wrong SQL or usage.");
  return {app, [raw]() -> Command {
            require_one_of("--format", raw->options.format, {"table", "json", "csv"});
            if (!raw->observe.empty()) raw->options.observe = duration("--observe", raw->observe);
            return raw->options;
          }};
}

Subcommand add_tables(CLI::App& root) {
  auto options = std::make_shared<TablesOptions>();
  CLI::App* app = root.add_subcommand("tables", "What can be asked: tables of facts and their columns");
  app->add_option("NAME", options->name, "Show the columns of this table");
  app->add_option("--format", options->format, "text or json")->type_name("NAME");
  app->footer(
      "Examples:\n"
      "  hostcheck tables\n"
      "  hostcheck tables links");
  return {app, [options]() -> Command {
            require_one_of("--format", options->format, {"text", "json"});
            return *options;
          }};
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

Answered unexpected_word(const CLI::App& app, std::string_view where, std::string word,
                         const std::vector<std::string>& commands) {
  if (word.starts_with("-")) {
    word = word.substr(0, word.find('='));
    return usage_error(where, "unknown option '" + word + "'" + did_you_mean(word, option_names(app)));
  }
  if (where.empty()) return usage_error(where, "unknown command '" + word + "'" + did_you_mean(word, commands));
  return usage_error(where, "one argument too many: '" + word + "'");
}

}  // namespace

std::variant<Command, Answered> parse_arguments(int argc, const char* const* argv) {
  CLI::App root("hostcheck " + std::string(version()) +
                    ": what is wrong with this host's networking, how it is known, what to do",
                "hostcheck");
  root.set_version_flag("--version", "hostcheck " + std::string(version()), "Print the version");
  root.set_help_flag("-h,--help", "Print this help");
  root.get_formatter()->column_width(28);
  root.allow_extras();
  root.footer(
      "Examples:\n"
      "  hostcheck query 'SELECT ifname, state FROM links'\n"
      "hostcheck COMMAND --help explains one command.");
  std::vector<Subcommand> commands;
  for (const auto add : {add_query, add_tables}) commands.push_back(add(root));
  std::vector<std::string> names;
  for (const Subcommand& each : commands) {
    each.app->allow_extras();
    names.push_back(each.app->get_name());
  }
  const auto chosen_of = [&]() -> const Subcommand* {
    const auto found =
        std::find_if(commands.begin(), commands.end(), [](const Subcommand& each) { return each.app->parsed(); });
    return found == commands.end() ? nullptr : &*found;
  };
  try {
    root.parse(argc, argv);
    const Subcommand* chosen = chosen_of();
    if (const auto extra = root.remaining(); !extra.empty()) return unexpected_word(root, "", extra.front(), names);
    if (chosen == nullptr) return Answered{root.help() + "\n", true, kExitUsage};
    if (const auto extra = chosen->app->remaining(); !extra.empty()) {
      return unexpected_word(*chosen->app, chosen->app->get_name(), extra.front(), names);
    }
    return chosen->finish();
  } catch (const CLI::CallForVersion& asked) {
    return Answered{std::string(asked.what()) + "\n", false, kExitOk};
  } catch (const CLI::Success&) {
    return Answered{root.help() + "\n", false, kExitOk};
  } catch (const Wrong& wrong) {
    return usage_error(chosen_of()->app->get_name(), wrong.message);
  } catch (const CLI::Error& error) {
    const Subcommand* chosen = chosen_of();
    return usage_error(chosen == nullptr ? "" : chosen->app->get_name(), error.what());
  }
}

}  // namespace hostcheck::cli
