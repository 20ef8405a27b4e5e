#include <algorithm>

#include "core/checks/text_template.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/report/json_text.h"
#include "core/report/layout.h"
#include "core/report/text_parts.h"

namespace hostcheck::cli {
namespace {

std::string as_text(const std::vector<checks::Rule>& rules) {
  std::size_t widest = 0;
  for (const checks::Rule& rule : rules) widest = std::max(widest, rule.id.size());
  std::string out;
  for (const checks::Rule& rule : rules) {
    out +=
        report::labelled(report::pad_right(rule.id, widest + 2) + report::pad_right(checks::name_of(rule.severity), 10),
                         report::printable(rule.title));
  }
  return out + "\n" + std::to_string(rules.size()) + " checks; hostcheck explain ID shows one.\n";
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  report::append_json_string(out, name);
  out += ": ";
  report::append_json_string(out, value);
}

std::string as_json(const std::vector<checks::Rule>& rules) {
  std::string out = "[";
  for (std::size_t at = 0; at < rules.size(); ++at) {
    const checks::Rule& rule = rules[at];
    out += at == 0 ? "\n  {" : ",\n  {";
    append_field(out, "id", rule.id);
    out += ", ";
    append_field(out, "area", area_of(rule.id));
    out += ", ";
    append_field(out, "severity", checks::name_of(rule.severity));
    out += ", ";
    append_field(out, "claim", checks::name_of(rule.claim));
    out += ", ";
    append_field(out, "title", rule.title);
    out += ", ";
    append_field(out, "why", rule.why);
    out += ", \"params\": [";
    for (std::size_t index = 0; index < rule.params.size(); ++index) {
      const checks::Parameter& parameter = rule.params[index];
      out += index == 0 ? "{" : ", {";
      append_field(out, "name", parameter.name);
      out += ", \"value\": ";
      report::append_json_value(out, parameter.value, false);
      out += ", ";
      append_field(out, "unit", parameter.unit);
      out += ", ";
      append_field(out, "why", parameter.why);
      out += '}';
    }
    out += "], ";
    append_field(out, "file", rule.file);
    out += '}';
  }
  return out + "\n]\n";
}

}  // namespace

int checks(const ChecksOptions& options) {
  auto catalogue = load_catalogue(options.rules);
  if (!catalogue) return fail(catalogue.error());
  for (const Error& error : catalogue->errors) complain(error.message());
  for (const Error& error : catalogue->refused) complain(error.message());
  const std::vector<checks::Rule> all = all_checks(*catalogue);
  if (!print(options.format == "json" ? as_json(all) : as_text(all))) return kExitUnknown;
  return catalogue->errors.empty() && catalogue->refused.empty() ? kExitOk : kExitUnknown;
}

}  // namespace hostcheck::cli
