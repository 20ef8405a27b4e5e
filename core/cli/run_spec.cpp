#include <memory>

#include "core/cli/command_spec.h"
#include "core/cli/config.h"
#include "core/cli/spec_parts.h"
#include "core/facts/role.h"

namespace hostcheck::cli {
namespace {

struct Raw {
  RawRun run;
  std::optional<std::string> config;
  bool show_suppressed = false;
  std::string from;
  std::string snapshot;
  std::string bundle;
};

const std::vector<std::string>& formats() {
  static const std::vector<std::string> all = {"text",   "json", "ndjson", "prometheus",
                                               "nagios", "npd",  "junit",  "html"};
  return all;
}
const std::vector<std::string>& probe_modes() {
  static const std::vector<std::string> all = {"off", "auto", "full"};
  return all;
}
const std::vector<std::string>& colour_modes() {
  static const std::vector<std::string> all = {"auto", "always", "never"};
  return all;
}

conclude::NamedTarget required_port(const std::string& text) {
  conclude::NamedTarget target = named_target("--target", text);
  if (target.parsed.port) return target;
  throw Wrong{"--target '" + text + "': write it as HOST:PORT, an IPv6 address as [ADDRESS]:PORT"};
}

RunOptions finish(Raw& raw) {
  fill_from(raw.run, config_of(raw.config));
  RawRun& given = raw.run;
  RunOptions options;
  options.rules = {given.rules, given.plugins, given.only, given.skip, given.area, given.set};
  if (given.observe) options.observe = duration("--observe", *given.observe);
  if (given.budget) options.budget = duration("--budget", *given.budget);
  if (options.budget.count() == 0) throw Wrong{"--budget '" + *given.budget + "': a run takes longer than that"};
  if (given.rules && given.rules->empty()) throw Wrong{"--rules: names no folder"};
  if (given.plugins && given.plugins->empty()) throw Wrong{"--plugins: names no folder"};
  options.netns = given.netns.value_or("");
  options.format = given.format.value_or(options.format);
  const std::string probe = given.probe.value_or("auto");
  for (const std::string& each : given.target) options.targets.push_back(required_port(each));
  options.output = given.output.value_or("");
  options.suppressions = std::move(given.suppress);
  options.roles = given.role;
  const std::vector<std::string> roles(facts::kRoleNames.begin(), facts::kRoleNames.end());
  for (const std::string& each : options.roles) require_choice("--role", each, roles);
  options.show_suppressed = raw.show_suppressed;
  options.from = raw.from;
  options.snapshot = raw.snapshot;
  options.bundle = raw.bundle;
  const bool live =
      !options.targets.empty() || !options.roles.empty() || !options.netns.empty() || !raw.snapshot.empty();
  if (!options.from.empty() && live) {
    throw Wrong{"--from judges what was recorded: --target, --role, --netns and --snapshot go with a live run"};
  }
  options.quiet = given.quiet.value_or(false);
  options.verbose = given.verbose.value_or(false);
  const std::string colour = given.color.value_or("auto");
  // Values of the configuration were not checked on the command line.
  require_choice("--format", options.format, formats());
  require_choice("--probe", probe, probe_modes());
  options.probe = probe == "off"    ? conclude::ProbeMode::off
                  : probe == "full" ? conclude::ProbeMode::full
                                    : conclude::ProbeMode::automatic;
  require_choice("--color", colour, colour_modes());
  options.colour = colour == "always" ? Colour::always : colour == "never" ? Colour::never : Colour::automatic;
  return options;
}

constexpr const char* kNotes =
    "Examples:\n"
    "  hostcheck run                         everything, watching for 2 seconds\n"
    "  hostcheck run --observe 10s --netns all\n"
    "  hostcheck run --only 'listen.*' --only 'conntrack.*' --verbose\n"
    "  hostcheck run --target db.example:5432 --target [2001:db8::7]:443\n"
    "  hostcheck run --set socket.idle_without_keepalive.min_count=10\n"
    "  hostcheck run --format json --output /var/tmp/report.json\n"
    "  hostcheck run --format prometheus --output /var/lib/prometheus/node-exporter/hostcheck.prom\n"
    "  hostcheck run --format nagios         one line with performance data, then the findings\n"
    "  hostcheck run --from web-17.db --format html -o web-17.html\n"
    "  hostcheck run --bundle web-17.tar.zst evidence for somebody else: tar --zstd -xf web-17.tar.zst\n"
    "\n"
    "Probes are sent only where a suspicion or a target asks for one, and only to this host's next hops,\n"
    "its own addresses, its resolvers and the targets named here. The report names each, with its\n"
    "packets.\n"
    "\n"
    "A bundle holds the report (report.txt, report.json, report.html), snapshot.db, and packets.pcapng:\n"
    "the packets that findings and probes are about, headers only, each with a comment that names its\n"
    "table and finding; manifest.json tells what is in it and what is missing. It names this host's\n"
    "addresses and processes as they are, and only its owner may read it.\n"
    "\n"
    "Configuration: /etc/hostcheck/hostcheck.toml takes the same options by the same names, for\n"
    "example observe = \"5s\" or skip = [\"nic.*\"], parameters as [set.\"ID\"] with PARAM = VALUE\n"
    "below, and [[suppress]] with id, subject, reason and until for findings that are known. The\n"
    "command line wins. Rules of this site go to /etc/hostcheck/rules.d/*.toml.\n"
    "\n"
    "Exit status: 0 no finding at warning or above; 1 warning; 2 critical; 64 wrong usage or\n"
    "configuration; 3 the run failed, or there is no finding at warning or above and too little\n"
    "was seen to call that good: no check could be run, more than half of those that were run are\n"
    "unknown, one failed (a rule file that cannot be used counts), or links, routes, listeners or\n"
    "counters were asked for and could not be read. A refuted finding counts for nothing.";

}  // namespace

CommandSpec run_spec() {
  auto raw = std::make_shared<Raw>();
  const auto text = [raw](std::optional<std::string> RawRun::*member) {
    return [raw, member](const std::string& value) { raw->run.*member = value; };
  };
  const auto list = [raw](std::vector<std::string> RawRun::*member) {
    return [raw, member](const std::string& value) { (raw->run.*member).push_back(value); };
  };
  CommandSpec spec;
  spec.name = "run";
  spec.summary = "Find out what is wrong with this host's networking. The main job";
  spec.options = {
      {"--only", "GLOB", "Run only the checks whose id matches (repeatable)", {}, list(&RawRun::only)},
      {"--skip", "GLOB", "Leave out the checks whose id matches (repeatable)", {}, list(&RawRun::skip)},
      {"--area", "NAME", "Run only the checks of this area, e.g. tcp (repeatable)", {}, list(&RawRun::area)},
      {"--observe",
       "DURATION",
       "How long to watch what counts and moves (2s); 0: not at all",
       {},
       text(&RawRun::observe)},
      {"--target",
       "HOST:PORT",
       "Check and probe the way to each address of this service (repeatable)",
       {},
       list(&RawRun::target)},
      {"--probe", "MODE", "auto: what findings and targets ask for; full: all; off: none (auto)", probe_modes(),
       text(&RawRun::probe)},
      {"--netns", "NAME", "Look at this network namespace, or at all (where it is run)", {}, text(&RawRun::netns)},
      {"--budget", "DURATION", "End the run in this time with what it has (15s)", {}, text(&RawRun::budget)},
      {"--set",
       "ID.PARAM=VALUE",
       "Set a check's parameter (repeatable)",
       {},
       [raw](const std::string& value) { raw->run.set.push_back(setting(value)); }},
      {"--config",
       "FILE",
       "Read this in place of /etc/hostcheck/hostcheck.toml",
       {},
       [raw](const std::string& value) { raw->config = value; }},
      {"--rules", "DIR", "Rules of this folder in place of the installed ones", {}, text(&RawRun::rules)},
      {"--plugins", "DIR", "Plugins of this folder in place of the installed ones", {}, text(&RawRun::plugins)},
      {"--role",
       "NAME",
       "What this host is for, e.g. router; else its facts say (repeatable)",
       {facts::kRoleNames.begin(), facts::kRoleNames.end()},
       list(&RawRun::role)},
      {"--from",
       "FILE",
       "Judge a snapshot in place of this host",
       {},
       [raw](const std::string& value) { raw->from = value; }},
      {"--snapshot",
       "FILE",
       "Keep every fact and the report there too, for --from",
       {},
       [raw](const std::string& value) { raw->snapshot = value; }},
      {"--bundle",
       "FILE",
       "Keep reports, snapshot and packets there, to hand over (.tar.zst)",
       {},
       [raw](const std::string& value) { raw->bundle = value; }},
      {"--show-suppressed",
       "",
       "Name the findings that the configuration sets aside",
       {},
       [raw](const std::string&) { raw->show_suppressed = true; }},
      {"--format", "NAME", "text, json, ndjson, prometheus, nagios, npd, junit or html (text)", formats(),
       text(&RawRun::format)},
      {"--output", "FILE", "Write the report there, whole or not at all", {}, text(&RawRun::output), "-o"},
      {"--color", "WHEN", "auto, always or never (auto: on a terminal)", colour_modes(), text(&RawRun::color)},
      {"--quiet", "", "Print findings only, and no progress", {}, [raw](const std::string&) { raw->run.quiet = true; }},
      {"--verbose",
       "",
       "Print reasons, the source of each number, and every row",
       {},
       [raw](const std::string&) { raw->run.verbose = true; }},
  };
  spec.notes = kNotes;
  spec.finish = [raw]() -> Command { return finish(*raw); };
  return spec;
}

}  // namespace hostcheck::cli
