#include <memory>

#include "core/cli/command_spec.h"

namespace hostcheck::cli {
namespace {

constexpr const char* kNotes =
    "Examples:\n"
    "  hostcheck collect --to 'postgresql://db.example/fleet' /var/lib/fleet/     every report and snapshot below\n"
    "  hostcheck collect --to 'dbname=fleet' web-17.db web-18.json\n"
    "  hostcheck collect --to 'dbname=fleet' --query findings\n"
    "  hostcheck collect --print-schema | psql fleet\n"
    "  psql 'dbname=fleet options=-csearch_path=hostcheck' -c 'SELECT host, ifname, mtu FROM links WHERE physical'\n"
    "\n"
    "Without --to, the environment says where (PGHOST, PGDATABASE, PGUSER, PGSERVICE; the password best\n"
    "in ~/.pgpass). Tables are those of hostcheck tables, each with a column host in front, besides runs,\n"
    "findings, checks, unknowns, capabilities, absences, gathered. Of each host the newest run is kept:\n"
    "a newer one takes the place of all its rows, an older one is skipped, the same one changes nothing.\n"
    "gathered tells which tables were read on which host: what is not in it is absent there, not empty.\n"
    "Reports are JSON or NDJSON, one or many in a file; of folders *.json, *.jsonl, *.ndjson, *.db and\n"
    "*.sqlite are taken. Needs PostgreSQL 13 or later, and its client library (Debian's libpq5) here.\n"
    "Exit status: 0 everything is loaded; 1 something could not be taken and is named, the rest is loaded;\n"
    "3 the database failed; 64 wrong usage.";

void add_output_options(CommandSpec& spec, const std::shared_ptr<CollectOptions>& options) {
  spec.options.insert(
      spec.options.end(),
      {{"--print-schema",
        "",
        "Print the statements that make the tables, and end",
        {},
        [options](const std::string&) { options->print_schema = true; }},
       {"--queries",
        "",
        "List the shipped queries, and end",
        {},
        [options](const std::string&) { options->list = true; }},
       {"--query", "QUERY", "Answer a shipped query after the loading (repeatable)", collect_queries(),
        [options](const std::string& value) { options->queries.push_back(value); }},
       {"--format",
        "NAME",
        "Of the queries' answers: table, json or csv (table)",
        {"table", "json", "csv"},
        [options](const std::string& value) { options->format = value; }},
       {"--quiet", "", "Print nothing that is not wrong, and the answers", {}, [options](const std::string&) {
          options->quiet = true;
        }}});
}

}  // namespace

const std::vector<std::string>& collect_queries() {
  static const std::vector<std::string> all = {"findings", "sick_from_fine", "gateway_mac",
                                               "mtu",      "nic_errors",     "could_not_judge"};
  return all;
}

CommandSpec collect_spec() {
  auto options = std::make_shared<CollectOptions>();
  CommandSpec spec;
  spec.name = "collect";
  spec.summary = "Load a fleet's reports and snapshots into PostgreSQL, and ask them";
  spec.argument = "PATH";
  spec.argument_help = "Reports, snapshots, and folders of them";
  spec.many = true;
  spec.take_argument = [options](const std::string& value) { options->paths.push_back(value); };
  spec.options = {
      {"--to",
       "URI",
       "The database, as libpq takes it: postgresql://... or key=value pairs",
       {},
       [options](const std::string& value) { options->to = value; }},
      {"--schema",
       "SCHEMA",
       "The schema in it (hostcheck); made where it is missing",
       {},
       [options](const std::string& value) {
         if (value.empty() || value.size() > 63) throw Wrong{"--schema '" + value + "': a name of 1 to 63 bytes"};
         options->schema = value;
       }},
      {"--host-by",
       "WHAT",
       "What tells hosts apart: name, machine-id or file (name)",
       {"name", "machine-id", "file"},
       [options](const std::string& value) { options->host_by = value; }},
      {"--forget",
       "HOST",
       "Delete what is loaded of this host, before the loading (repeatable)",
       {},
       [options](const std::string& value) { options->forget.push_back(value); }},
  };
  add_output_options(spec, options);
  spec.notes = kNotes;
  spec.finish = [options]() -> Command {
    const bool asked = options->print_schema || options->list || !options->queries.empty() || !options->forget.empty();
    if (options->paths.empty() && !asked) throw Wrong{"which files? Reports and snapshots, or folders of them"};
    return *options;
  };
  return spec;
}

}  // namespace hostcheck::cli
