// What the command line asked for, one struct a subcommand.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/conclude/journey.h"
#include "core/conclude/report.h"
#include "core/conclude/target_plan.h"

namespace hostcheck::cli {

enum class Colour { automatic, always, never };

// ID.PARAM=VALUE of --set or the configuration, not yet checked against the rules.
struct Setting {
  std::string name;    // "socket.idle_without_keepalive.idle_s"
  std::string value;   // as written
  std::string origin;  // "--set" or "FILE:LINE", for errors
};

// Where rules come from; of the commands that use them.
struct RuleOptions {
  std::optional<std::string> rules;  // a folder in place of the default one; /etc/hostcheck/rules.d is read either way
  std::optional<std::string> plugins;  // a folder of plugins in place of the installed ones
  std::vector<std::string> only;
  std::vector<std::string> skip;
  std::vector<std::string> areas;
  std::vector<Setting> settings;
};

struct RunOptions {
  RuleOptions rules;
  std::chrono::milliseconds observe{2000};
  std::chrono::milliseconds budget{15'000};
  conclude::ProbeMode probe = conclude::ProbeMode::automatic;
  std::vector<conclude::NamedTarget> targets;
  std::string netns;               // "" the present one, "all", or a name
  std::vector<std::string> roles;  // of the host; none: found out
  std::string format = "text";
  std::string output;  // file in place of standard output; "" for none
  Colour colour = Colour::automatic;
  bool quiet = false;
  bool verbose = false;
  bool show_suppressed = false;
  std::string from;        // a snapshot to judge in place of this host; "" for none
  std::string snapshot;    // file that takes every fact and the report; "" for none
  std::string bundle;      // file that takes reports, snapshot and packets; "" for none
  bool anonymous = false;  // in the snapshot
  bool no_report = false;  // the snapshot is all that is wanted
  std::vector<conclude::Suppression> suppressions;
};

// The journey of a packet to a target.
struct PathOptions {
  RuleOptions rules;
  conclude::NamedTarget target;
  conclude::Traveller traveller;  // but for target, address and port
  conclude::ProbeMode probe = conclude::ProbeMode::modest;
  std::string netns;  // "" the present one, or a name
  std::chrono::milliseconds budget{15'000};
  std::string format = "text";
};

// One probe by hand.
struct ProbeOptions {
  std::string kind;
  std::string target;
  std::map<std::string, std::string> args;
  std::string netns;  // "" the present one, or a name
  std::chrono::milliseconds budget{15'000};
  std::string format = "text";
};

// Every fact of this host as one file.
struct SnapshotOptions {
  RuleOptions rules;
  std::string output;
  std::string netns;  // "" the present one, "all", or a name
  std::chrono::milliseconds observe{2000};
  bool anonymous = false;
  bool quiet = false;
};

// Staying, and telling what changes.
struct WatchOptions {
  RuleOptions rules;
  std::string netns;               // "" the present one, "all", or a name
  std::vector<std::string> roles;  // of the host; none: found out
  std::vector<conclude::Suppression> suppressions;
  std::chrono::milliseconds interval{30'000};
  std::uint64_t count = 0;  // rounds to end after; 0: none
  std::string format;       // "text", "ndjson"; "" for the journal where that is the output, else text
  bool journal = false;     // entries of the journal whatever the output is
  Colour colour = Colour::automatic;
  std::string prometheus;                                // file that takes each round's metrics; "" for none
  std::optional<std::chrono::milliseconds> probe_every;  // least time between rounds that send probes; none: no probes
  std::string config;                                    // file that options come from
  // The same command line with the configuration of now. Throws Wrong.
  std::function<WatchOptions()> again;
};

// What differs between hosts.
struct DiffOptions {
  RuleOptions rules;                                 // the plugins whose tables are compared with this host's
  std::vector<std::string> files;                    // snapshots; one: it is compared with this host
  std::vector<std::string> groups;                   // of each file, where they are compared in groups; else none
  std::string netns;                                 // of this host: "" the present one, "all", or a name
  std::optional<std::chrono::milliseconds> observe;  // of this host; none: the default
  std::string format = "text";
  bool verbose = false;
};

// Reports and snapshots of a fleet into PostgreSQL.
struct CollectOptions {
  std::vector<std::string> paths;
  std::string to;  // as libpq takes it; "": what the environment says
  std::string schema = "hostcheck";
  std::string host_by = "name";     // "name", "machine-id", "file"
  std::vector<std::string> forget;  // hosts
  std::vector<std::string> queries;
  std::string format = "table";
  bool print_schema = false;
  bool list = false;
  bool quiet = false;
};

struct QueryOptions {
  RuleOptions rules;  // the plugins whose tables can be asked
  std::string from;   // a snapshot to ask in place of this host; "" for none
  std::string sql;    // "" reads it from standard input
  std::string netns;  // "" the present one, "all", or a name
  std::string format = "table";
  std::optional<std::chrono::milliseconds> observe;  // none: the default where the query reads an observed column
};

struct TablesOptions {
  RuleOptions rules;  // the plugins whose tables are told
  std::string name;   // "" lists them all
  std::string format = "text";
};

struct ChecksOptions {
  RuleOptions rules;
  std::string format = "text";
};

struct ExplainOptions {
  RuleOptions rules;
  std::string id;
};

struct TestOptions {
  RuleOptions rules;
  std::vector<std::string> paths;  // rule files or folders; none: every rule
  std::string record;              // name of the test to make of this host's facts; "" to run tests
  bool anonymous = false;          // other addresses in what is recorded
  std::string netns;               // "" the present one, "all", or a name; of what is recorded
};

struct NewOptions {
  std::string kind;    // "rule", "plugin"
  std::string name;    // a rule's id, a plugin's name
  std::string folder;  // where it is put; "" for the present one
};

struct DoctorOptions {
  std::string format = "text";
};

struct CompletionOptions {
  std::string shell;
};

using Command = std::variant<RunOptions, WatchOptions, PathOptions, ProbeOptions, QueryOptions, SnapshotOptions,
                             DiffOptions, CollectOptions, TablesOptions, ChecksOptions, ExplainOptions, TestOptions,
                             NewOptions, DoctorOptions, CompletionOptions>;

}  // namespace hostcheck::cli
