#include <memory>

#include "core/base/text.h"
#include "core/cli/command_spec.h"

namespace hostcheck::cli {
namespace {

const std::vector<std::string>& text_or_json() {
  static const std::vector<std::string> all = {"text", "json"};
  return all;
}

OptionSpec rules_option(std::function<void(const std::string&)> take) {
  return {"--rules", "DIR", "Rules of this folder in place of the installed ones", {}, std::move(take)};
}

OptionSpec plugins_option(std::function<void(const std::string&)> take) {
  return {"--plugins", "DIR", "Plugins of this folder in place of the installed ones", {}, std::move(take)};
}

}  // namespace

CommandSpec query_spec() {
  auto options = std::make_shared<QueryOptions>();
  CommandSpec spec;
  spec.name = "query";
  spec.summary = "Ask this host's facts in SQL (SQLite's SELECT)";
  spec.argument = "SQL";
  spec.argument_help = "The query; without it, a prompt on a terminal, else standard input";
  spec.take_argument = [options](const std::string& value) { options->sql = value; };
  spec.options = {
      {"--netns",
       "NAME",
       "Look at this network namespace, or at all (where it is run)",
       {},
       [options](const std::string& value) { options->netns = value; }},
      {"--from",
       "FILE",
       "Ask a snapshot in place of this host",
       {},
       [options](const std::string& value) { options->from = value; }},
      {"--format",
       "NAME",
       "table, json or csv (table)",
       {"table", "json", "csv"},
       [options](const std::string& value) { options->format = value; }},
      plugins_option([options](const std::string& value) { options->rules.plugins = value; }),
      {"--observe",
       "DURATION",
       "Time between two samples (2s for *_delta and *_per_second)",
       {},
       [options](const std::string& value) {
         const auto parsed = parse_duration(value);
         if (!parsed) throw Wrong{"--observe '" + value + "': " + parsed.error().detail};
         options->observe = *parsed;
       }},
  };
  spec.notes =
      "Examples:\n"
      "  hostcheck query 'SELECT ifname, state, mtu FROM links'\n"
      "  hostcheck query --netns all --format json 'SELECT netns, address, port FROM listeners'\n"
      "  hostcheck query 'SELECT name, value_delta FROM counters WHERE value_delta > 0'\n"
      "  echo 'SELECT * FROM host' | hostcheck query\n"
      "  hostcheck query                       a prompt: Tab completes, .help shows the commands\n"
      "\n"
      "hostcheck tables shows what can be asked. What could not be read is told on standard error,\n"
      "and is in the table absences.\n"
      "Exit status: 0 answered; 3 could not be answered; 64 wrong SQL or usage.";
  spec.finish = [options]() -> Command { return *options; };
  return spec;
}

CommandSpec snapshot_spec() {
  auto options = std::make_shared<SnapshotOptions>();
  CommandSpec spec;
  spec.name = "snapshot";
  spec.summary = "Keep every fact of this host as one SQLite file, to judge it anywhere";
  spec.options = {
      {"--output", "FILE", "The file", {}, [options](const std::string& value) { options->output = value; }, "-o"},
      {"--netns",
       "NAME",
       "Look at this network namespace, or at all (where it is run)",
       {},
       [options](const std::string& value) { options->netns = value; }},
      {"--observe",
       "DURATION",
       "How long to watch what counts and moves (2s); 0: not at all",
       {},
       [options](const std::string& value) {
         const auto parsed = parse_duration(value);
         if (!parsed) throw Wrong{"--observe '" + value + "': " + parsed.error().detail};
         options->observe = *parsed;
       }},
      {"--anonymous",
       "",
       "Hide addresses and names; equal ones stay equal, prefixes stay",
       {},
       [options](const std::string&) { options->anonymous = true; }},
      rules_option([options](const std::string& value) { options->rules.rules = value; }),
      plugins_option([options](const std::string& value) { options->rules.plugins = value; }),
      {"--quiet", "", "Print nothing that is not wrong", {}, [options](const std::string&) { options->quiet = true; }},
  };
  spec.notes =
      "Examples:\n"
      "  hostcheck snapshot -o web-17.db\n"
      "  hostcheck snapshot -o web-17.db --anonymous --netns all\n"
      "  hostcheck run --from web-17.db                  the same findings, on any machine\n"
      "  hostcheck query --from web-17.db 'SELECT * FROM listeners'\n"
      "  sqlite3 web-17.db 'SELECT * FROM absences'      any other tool\n"
      "Exit status: 0 written; 3 failed; 64 wrong usage.";
  spec.finish = [options]() -> Command {
    if (options->output.empty()) throw Wrong{"into which file? -o FILE"};
    return *options;
  };
  return spec;
}

CommandSpec tables_spec() {
  auto options = std::make_shared<TablesOptions>();
  CommandSpec spec;
  spec.name = "tables";
  spec.summary = "What can be asked: the tables of facts and their columns";
  spec.argument = "NAME";
  spec.argument_help = "Show the columns of this table";
  spec.take_argument = [options](const std::string& value) { options->name = value; };
  spec.options = {{"--format", "NAME", "text or json (text)", text_or_json(),
                   [options](const std::string& value) { options->format = value; }},
                  plugins_option([options](const std::string& value) { options->rules.plugins = value; })};
  spec.notes =
      "Examples:\n"
      "  hostcheck tables\n"
      "  hostcheck tables links";
  spec.finish = [options]() -> Command { return *options; };
  return spec;
}

CommandSpec checks_spec() {
  auto options = std::make_shared<ChecksOptions>();
  CommandSpec spec;
  spec.name = "checks";
  spec.summary = "The catalogue: every check with its severity and what it finds";
  spec.options = {
      {"--only",
       "GLOB",
       "Only the checks whose id matches (repeatable)",
       {},
       [options](const std::string& value) { options->rules.only.push_back(value); }},
      {"--area",
       "NAME",
       "Only the checks of this area, e.g. tcp (repeatable)",
       {},
       [options](const std::string& value) { options->rules.areas.push_back(value); }},
      rules_option([options](const std::string& value) { options->rules.rules = value; }),
      plugins_option([options](const std::string& value) { options->rules.plugins = value; }),
      {"--format", "NAME", "text or json (text)", text_or_json(),
       [options](const std::string& value) { options->format = value; }},
  };
  spec.notes =
      "Examples:\n"
      "  hostcheck checks\n"
      "  hostcheck checks --area nic --format json\n"
      "hostcheck explain ID shows one check's whole page.";
  spec.finish = [options]() -> Command { return *options; };
  return spec;
}

CommandSpec explain_spec() {
  auto options = std::make_shared<ExplainOptions>();
  CommandSpec spec;
  spec.name = "explain";
  spec.summary = "One check's page: what it finds, how it judges, what cures it";
  spec.argument = "ID";
  spec.argument_help = "The check, e.g. listen.accept_queue_overflow";
  spec.take_argument = [options](const std::string& value) { options->id = value; };
  spec.options = {rules_option([options](const std::string& value) { options->rules.rules = value; }),
                  plugins_option([options](const std::string& value) { options->rules.plugins = value; })};
  spec.notes =
      "Examples:\n"
      "  hostcheck explain listen.accept_queue_overflow\n"
      "hostcheck checks lists the ids.";
  spec.finish = [options]() -> Command {
    if (options->id.empty()) throw Wrong{"which check? hostcheck checks lists them"};
    return *options;
  };
  return spec;
}

CommandSpec test_spec() {
  auto options = std::make_shared<TestOptions>();
  CommandSpec spec;
  spec.name = "test";
  spec.summary = "Run the tests that rules and plugins carry";
  spec.argument = "PATH";
  spec.argument_help = "Rule files, plugins' folders, folders of them; none: all that run uses";
  spec.many = true;
  spec.take_argument = [options](const std::string& value) { options->paths.push_back(value); };
  spec.options = {
      rules_option([options](const std::string& value) { options->rules.rules = value; }),
      plugins_option([options](const std::string& value) { options->rules.plugins = value; }),
      {"--record",
       "NAME",
       "Print a test of this name: what one check (file, folder, id) reads now",
       {},
       [options](const std::string& value) { options->record = value; }},
      {"--anonymous",
       "",
       "With --record: hide addresses; equal ones stay equal, prefixes stay",
       {},
       [options](const std::string&) { options->anonymous = true; }},
      {"--netns",
       "NAME",
       "With --record: look at this network namespace, or at all",
       {},
       [options](const std::string& value) { options->netns = value; }},
  };
  spec.notes =
      "Examples:\n"
      "  hostcheck test\n"
      "  hostcheck test /etc/hostcheck/rules.d/our_rule.toml\n"
      "  hostcheck test --record 'the night of the outage' --anonymous our_rule.toml >> our_rule.toml\n"
      "Exit status: 0 all passed; 1 a test failed or a file is no rule; 64 wrong usage.";
  spec.finish = [options]() -> Command {
    if (!options->record.empty() && options->paths.size() != 1) {
      throw Wrong{"--record takes one rule or plugin: its file, its folder or its id"};
    }
    if (options->record.empty() && (options->anonymous || !options->netns.empty())) {
      throw Wrong{std::string(options->anonymous ? "--anonymous" : "--netns") + " goes with --record"};
    }
    return *options;
  };
  return spec;
}

CommandSpec new_spec() {
  auto options = std::make_shared<NewOptions>();
  CommandSpec spec;
  spec.name = "new";
  spec.summary = "Begin a check of your own: a rule or a plugin to fill in";
  spec.argument = "KIND";
  spec.argument_help = "rule: a SELECT with its page and tests. plugin: C++ code with them";
  spec.argument_choices = {"rule", "plugin"};
  spec.take_argument = [options](const std::string& value) { options->kind = value; };
  spec.more_arguments = {{"NAME", "AREA.FAULT of a rule, the name of a plugin", false,
                          [options](const std::string& value) { options->name = value; }}};
  spec.options = {{"--dir",
                   "DIR",
                   "Put it there (in the source rules/AREA/ or plugins/, else here)",
                   {},
                   [options](const std::string& value) { options->folder = value; }}};
  spec.notes =
      "Examples:\n"
      "  hostcheck new rule nic.led_off\n"
      "  hostcheck new rule tcp.our_outage --dir /etc/hostcheck/rules.d\n"
      "  hostcheck new plugin our_outage && cmake -S our_outage -B build && cmake --build build\n"
      "What it writes loads (and builds) already; its first test fails until it finds the fault.\n"
      "hostcheck test FILE runs a rule's tests, hostcheck test build/hostcheck-plugins/NAME a plugin's,\n"
      "hostcheck tables shows what can be asked.";
  spec.finish = [options]() -> Command {
    if (options->kind.empty() || options->name.empty()) {
      throw Wrong{"write it as: hostcheck new rule AREA.FAULT, or hostcheck new plugin NAME"};
    }
    return *options;
  };
  return spec;
}

CommandSpec doctor_spec() {
  auto options = std::make_shared<DoctorOptions>();
  CommandSpec spec;
  spec.name = "doctor";
  spec.summary = "What this host lets hostcheck see, and what is lost without it";
  spec.options = {{"--format", "NAME", "text or json (text)", text_or_json(),
                   [options](const std::string& value) { options->format = value; }}};
  spec.notes =
      "Examples:\n"
      "  hostcheck doctor\n"
      "  sudo hostcheck doctor";
  spec.finish = [options]() -> Command { return *options; };
  return spec;
}

CommandSpec completion_spec() {
  auto options = std::make_shared<CompletionOptions>();
  CommandSpec spec;
  spec.name = "completion";
  spec.summary = "Print a completion script for a shell";
  spec.argument = "SHELL";
  spec.argument_help = "bash or zsh";
  spec.argument_choices = {"bash", "zsh"};
  spec.take_argument = [options](const std::string& value) { options->shell = value; };
  spec.notes =
      "Examples:\n"
      "  hostcheck completion bash > /etc/bash_completion.d/hostcheck\n"
      "  hostcheck completion zsh > ~/.zfunc/_hostcheck";
  spec.finish = [options]() -> Command {
    if (options->shell.empty()) throw Wrong{"for which shell? bash or zsh"};
    return *options;
  };
  return spec;
}

std::vector<CommandSpec> command_specs() {
  return {run_spec(),      watch_spec(), path_spec(),    probe_spec(),  query_spec(),
          snapshot_spec(), diff_spec(),  collect_spec(), tables_spec(), checks_spec(),
          explain_spec(),  test_spec(),  new_spec(),     doctor_spec(), completion_spec()};
}

}  // namespace hostcheck::cli
