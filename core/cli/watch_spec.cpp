#include <memory>

#include "core/base/text.h"
#include "core/cli/command_spec.h"
#include "core/cli/spec_parts.h"
#include "core/facts/role.h"

namespace hostcheck::cli {
namespace {

constexpr std::chrono::milliseconds kLeastInterval{100};
constexpr std::chrono::milliseconds kLeastProbeEvery{10'000};

struct Raw {
  RawRun given;  // of the options of `run` those that hold here too
  std::optional<std::string> config;
  std::string interval = "30s";
  std::string count;
  std::string format;
  std::string probe = "off";
  std::string probe_every = "5m";
  std::string prometheus;
  std::string colour = "auto";
  bool journal = false;
};

const std::vector<std::string>& formats() {
  static const std::vector<std::string> all = {"text", "ndjson"};
  return all;
}
const std::vector<std::string>& probe_modes() {
  static const std::vector<std::string> all = {"off", "auto"};
  return all;
}
const std::vector<std::string>& colour_modes() {
  static const std::vector<std::string> all = {"auto", "always", "never"};
  return all;
}

std::chrono::milliseconds at_least(std::chrono::milliseconds least, const std::string& name, const std::string& text) {
  const auto time = duration(name, text);
  if (time < least) throw Wrong{name + " '" + text + "': at least " + std::to_string(least.count()) + "ms"};
  return time;
}

std::uint64_t count_of(const std::string& text) {
  if (text.empty()) return 0;
  const auto count = parse_number<std::uint64_t>(text);
  if (!count || *count == 0) throw Wrong{"--count '" + text + "': a number of rounds, 1 or more"};
  return *count;
}

WatchOptions finish(const Raw& raw) {
  RawRun given = raw.given;
  fill_from(given, config_of(raw.config));
  WatchOptions options;
  if (given.rules && given.rules->empty()) throw Wrong{"--rules: names no folder"};
  if (given.plugins && given.plugins->empty()) throw Wrong{"--plugins: names no folder"};
  options.rules = {given.rules, given.plugins, given.only, given.skip, given.area, given.set};
  options.netns = given.netns.value_or("");
  options.roles = given.role;
  const std::vector<std::string> roles(facts::kRoleNames.begin(), facts::kRoleNames.end());
  for (const std::string& each : options.roles) require_choice("--role", each, roles);
  options.suppressions = std::move(given.suppress);
  options.interval = at_least(kLeastInterval, "--interval", raw.interval);
  options.count = count_of(raw.count);
  if (!raw.format.empty()) require_choice("--format", raw.format, formats());
  options.format = raw.format;
  options.journal = raw.journal;
  if (raw.journal && !raw.format.empty()) throw Wrong{"--journal and --format: one of them"};
  require_choice("--color", raw.colour, colour_modes());
  options.colour = raw.colour == "always" ? Colour::always : raw.colour == "never" ? Colour::never : Colour::automatic;
  require_choice("--probe", raw.probe, probe_modes());
  const auto every = at_least(kLeastProbeEvery, "--probe-every", raw.probe_every);
  if (raw.probe == "auto") options.probe_every = every;
  options.prometheus = raw.prometheus;
  options.config = raw.config.value_or(kSystemConfig);
  options.again = [raw] { return finish(raw); };
  return options;
}

constexpr const char* kNotes =
    "Examples:\n"
    "  hostcheck watch                       what is wrong now, then what changes\n"
    "  hostcheck watch --interval 10s --netns all\n"
    "  hostcheck watch --only 'listen.*' --format ndjson\n"
    "  hostcheck watch --count 3 --interval 2s    three rounds, for a script\n"
    "  hostcheck watch --probe auto --probe-every 10m\n"
    "  hostcheck watch --prometheus /var/lib/prometheus/node-exporter/hostcheck.prom\n"
    "  systemctl enable --now hostcheck-watch     as a service, into the journal\n"
    "  journalctl HOSTCHECK_ID=listen.not_accepting HOSTCHECK_STATE=new\n"
    "\n"
    "A finding is told once when it is new, when it gets worse or milder, and when it is over: when two\n"
    "rounds in a row did not have it. What could not be judged is said once, and so is that it can be\n"
    "again. The first round comes after 2 seconds, each further one after the interval; what happens\n"
    "between two rounds is in the later one.\n"
    "\n"
    "Rules, plugins and the configuration are looked at each round and at SIGHUP, and read again when\n"
    "they have changed. A file that cannot be used is named, and what it was before stays. Of\n"
    "/etc/hostcheck/hostcheck.toml the keys only, skip, area, set, role, suppress, netns, rules and\n"
    "plugins hold here.\n"
    "\n"
    "No probe is sent without --probe auto. Then suspicions ask for them as in run, in a round at most\n"
    "every --probe-every, and what they showed holds until they are sent again.\n"
    "\n"
    "--format ndjson prints one object a change (hostcheck.change/1). Where standard output or error\n"
    "goes to the journal and no format is named, changes are entries with the fields HOSTCHECK_STATE,\n"
    "HOSTCHECK_ID, HOSTCHECK_SUBJECT, HOSTCHECK_SEVERITY and HOSTCHECK_STATUS.\n"
    "\n"
    "Exit status: 0 ended by SIGTERM, SIGINT or --count; 64 wrong usage or configuration; 3 it could not\n"
    "begin, or nobody reads what it says any more.";

}  // namespace

CommandSpec watch_spec() {
  auto raw = std::make_shared<Raw>();
  const auto text = [raw](std::string Raw::*member) {
    return [raw, member](const std::string& value) { (*raw).*member = value; };
  };
  const auto given = [raw](std::optional<std::string> RawRun::*member) {
    return [raw, member](const std::string& value) { raw->given.*member = value; };
  };
  const auto list = [raw](std::vector<std::string> RawRun::*member) {
    return [raw, member](const std::string& value) { (raw->given.*member).push_back(value); };
  };
  CommandSpec spec;
  spec.name = "watch";
  spec.summary = "Stay, repeat cheaply, and tell what changes";
  spec.options = {
      {"--interval", "DURATION", "Time between two rounds (30s)", {}, text(&Raw::interval)},
      {"--count", "N", "End after so many rounds", {}, text(&Raw::count)},
      {"--only", "GLOB", "Run only the checks whose id matches (repeatable)", {}, list(&RawRun::only)},
      {"--skip", "GLOB", "Leave out the checks whose id matches (repeatable)", {}, list(&RawRun::skip)},
      {"--area", "NAME", "Run only the checks of this area, e.g. tcp (repeatable)", {}, list(&RawRun::area)},
      {"--netns", "NAME", "Look at this network namespace, or at all (where it is run)", {}, given(&RawRun::netns)},
      {"--probe", "MODE", "auto: what suspicions ask for; off: none (off)", probe_modes(), text(&Raw::probe)},
      {"--probe-every", "DURATION", "Least time between rounds that send probes (5m)", {}, text(&Raw::probe_every)},
      {"--set",
       "ID.PARAM=VALUE",
       "Set a check's parameter (repeatable)",
       {},
       [raw](const std::string& value) { raw->given.set.push_back(setting(value)); }},
      {"--config",
       "FILE",
       "Read this in place of /etc/hostcheck/hostcheck.toml",
       {},
       [raw](const std::string& value) { raw->config = value; }},
      {"--rules", "DIR", "Rules of this folder in place of the installed ones", {}, given(&RawRun::rules)},
      {"--plugins", "DIR", "Plugins of this folder in place of the installed ones", {}, given(&RawRun::plugins)},
      {"--role",
       "NAME",
       "What this host is for, e.g. router; else its facts say (repeatable)",
       {facts::kRoleNames.begin(), facts::kRoleNames.end()},
       list(&RawRun::role)},
      {"--format", "NAME", "text or ndjson (text, or the journal where that is the output)", formats(),
       text(&Raw::format)},
      {"--journal", "", "Make entries of the journal", {}, [raw](const std::string&) { raw->journal = true; }},
      {"--prometheus", "FILE", "Write each round's metrics there, whole or not at all", {}, text(&Raw::prometheus)},
      {"--color", "WHEN", "auto, always or never (auto: on a terminal)", colour_modes(), text(&Raw::colour)},
  };
  spec.notes = kNotes;
  spec.finish = [raw]() -> Command { return finish(*raw); };
  return spec;
}

}  // namespace hostcheck::cli
