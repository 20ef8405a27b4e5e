#include <algorithm>
#include <optional>

#include "core/base/join.h"
#include "core/base/text.h"
#include "core/checks/text_template.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/plugin/plugin.h"
#include "core/report/layout.h"
#include "core/report/text_parts.h"
#include "core/sql/database.h"

namespace hostcheck::cli {
namespace {

using report::kWidth;

std::string paragraph(std::string_view text, std::size_t indent = 2) {
  std::string out;
  for (const std::string& line : report::wrap(report::printable(trim(text)), kWidth - indent)) {
    out += std::string(indent, ' ') + line + '\n';
  }
  return out;
}

std::string section(std::string_view heading, std::string_view body) {
  return body.empty() ? std::string{} : "\n" + std::string(heading) + "\n" + std::string(body);
}

// The query as it stands in the file, its common indentation taken off.
std::string sql_text(std::string_view query) {
  std::size_t indent = std::string_view::npos;
  const auto lines = split_lines(query);
  for (std::size_t at = 1; at < lines.size(); ++at) {
    const auto first = lines[at].find_first_not_of(" \t");
    if (first != std::string_view::npos) indent = std::min(indent, first);
  }
  std::string out;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    std::string_view line = lines[at];
    if (at == 0) {
      line = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
    } else {
      line = line.substr(std::min(indent, line.size()));
    }
    if (trim(line).empty()) continue;
    out += "    " + report::printable(line) + '\n';
  }
  return out;
}

std::string_view claim_text(checks::Claim claim) {
  switch (claim) {
    case checks::Claim::state:
      return "the state itself is the fault, so reading it confirms it";
    case checks::Claim::live:
      return "it takes a counter that moves or an event during the observation, so it is confirmed";
    case checks::Claim::likely:
      return "the state makes it likely; it stays suspected until something live shows it";
  }
  return {};
}

std::string parameters_text(const checks::Rule& rule) {
  std::string out;
  for (const checks::Parameter& parameter : rule.params) {
    std::string line = parameter.name + " = " + checks::to_text(parameter.value);
    if (!parameter.unit.empty()) line += " " + parameter.unit;
    if (!parameter.why.empty()) line += ": " + parameter.why;
    out += paragraph(line);
  }
  if (rule.params.empty()) return out;
  const std::string& first = rule.params.front().name;
  const std::string value = checks::to_text(rule.params.front().value);
  out += "  Set one with --set " + rule.id + "." + first + "=" + value + ", or in hostcheck.toml:\n";
  return out + "    [set.\"" + rule.id + "\"]\n    " + first + " = " + value + "\n";
}

std::string brought_text(const std::optional<plugin::Plugin>& plugin) {
  std::string out;
  if (!plugin) return out;
  for (const plugin::Table& each : plugin->tables) out += paragraph(each.info.name + ": " + each.info.meaning);
  return out;
}

std::string cures_text(const checks::Rule& rule) {
  std::string out;
  for (const checks::Fix& fix : rule.fix) {
    out += paragraph("- " + fix.text +
                     (fix.roles.empty() ? "" : " (where the role is " + joined(fix.roles, " or ") + ")"));
    if (!fix.command.empty()) out += "      " + report::printable(fix.command) + '\n';
    if (!fix.persist.empty()) out += paragraph("over a reboot: " + fix.persist, 4);
  }
  return out;
}

std::string names_text(const std::vector<std::string>& names) {
  return names.empty() ? std::string{} : paragraph(joined(names, ", "));
}

std::string requested_text(const Result<facts::Request>& request) {
  if (!request) return paragraph("cannot be told: " + request.error().message());
  std::string out;
  for (const auto& [name, table] : *request) {
    std::string line = name + ":";
    for (const std::string& column : table.columns()) line += " " + column;
    out += paragraph(line);
  }
  return out;
}

std::string reads_text(const checks::Rule& rule, const std::optional<plugin::Plugin>& plugin) {
  if (!plugin) return rule.query.empty() ? std::string{} : requested_text(checks::plan(rule));
  auto database = sql::Database::open();
  if (!database) return paragraph("cannot be told: " + database.error().message());
  return requested_text(plugin::plan(*plugin, *database));
}

// The query, or the plugin's inputs that the check is judged by.
std::string judged_text(const checks::Rule& rule, const std::optional<plugin::Plugin>& plugin) {
  if (!plugin) return section("How it is judged: each row of this query is a finding", sql_text(rule.query));
  std::string out;
  for (const plugin::Check& check : plugin->checks) {
    if (check.rule.id != rule.id) continue;
    for (const plugin::Input& each : plugin->inputs) {
      if (std::find(check.inputs.begin(), check.inputs.end(), each.name) == check.inputs.end()) continue;
      out += "  " + each.name + "\n" + sql_text(each.query);
    }
  }
  return section("How it is judged: by the plugin " + plugin->name + ", from the answers of these queries", out);
}

std::string page_of(const checks::Rule& rule, const std::optional<plugin::Plugin>& plugin) {
  std::string out = rule.id + "\n" + paragraph(rule.title, 0);
  out += "\nSeverity  " + std::string(checks::name_of(rule.severity)) + '\n';
  out +=
      report::labelled("Claim", std::string(checks::name_of(rule.claim)) + ": " + std::string(claim_text(rule.claim)));
  if (!rule.roles.empty())
    out += report::labelled("Roles", "holds only where the role is " + joined(rule.roles, " or "));
  out += section("What users notice", rule.why.empty() ? std::string{} : paragraph(rule.why));
  out += judged_text(rule, plugin);
  out += section("Parameters", parameters_text(rule));
  out += section("What cures it", cures_text(rule));
  out += section("False alarms", rule.false_alarms.empty() ? std::string{} : paragraph(rule.false_alarms));
  out += section("Rivals that it rules out when they are clear", names_text(rule.rivals));
  out += section("What it explains when both are found", names_text(rule.explains));
  out += section("Reads", reads_text(rule, plugin));
  out += section("Tables that its plugin brings", brought_text(plugin));
  std::string references;
  for (const std::string& each : rule.references) references += paragraph("- " + each);
  out += section("References", references);
  return out + section("File", paragraph(rule.file));
}

}  // namespace

int explain(const ExplainOptions& options) {
  auto rule = load_one(options.rules, options.id);
  if (!rule) return fail(rule.error());
  return print(page_of(*rule, load_plugin_of(options.rules, options.id))) ? kExitOk : kExitUnknown;
}

}  // namespace hostcheck::cli
