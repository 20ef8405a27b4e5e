#include <fmt/format.h>

#include "core/plugin/judge.h"

namespace hostcheck::plugin {
namespace {

checks::Rule make_page() {
  checks::Rule rule;
  rule.file = "core/plugin/failure.cpp";
  rule.id = kFailedId;
  rule.title = "A check plugin failed, so its checks were not judged";
  rule.severity = checks::Severity::info;
  rule.claim = checks::Claim::state;
  rule.subject = {"plugin"};
  rule.why =
      "Nothing on the host is wrong because of it, but what the plugin looks for may be there unseen: its checks are "
      "`error` in this report.";
  rule.fix = {
      {"Run its tests, which say what fails", "hostcheck test {plugin}", "", ""},
      {"Leave its checks out until it is mended", "hostcheck run --skip ID", "", ""},
      {"Where it was refused: let nobody but root write to it", "chown -R root: DIR && chmod -R go-w DIR", "", ""}};
  rule.false_alarms =
      "A plugin that is slower than its time_ms on a machine that is overloaded just now, or that had no time left "
      "within --budget.";
  rule.references = {"plugins/README.md"};
  return rule;
}

checks::Finding finding(const std::string& plugin, std::string summary) {
  const checks::Rule& page = failure_page();
  checks::Finding made;
  made.id = page.id;
  made.title = page.title;
  made.severity = page.severity;
  made.status = checks::Status::confirmed;
  made.subject = {{"plugin", plugin}};
  made.summary = std::move(summary);
  made.why = page.why;
  made.references = page.references;
  return made;
}

}  // namespace

const checks::Rule& failure_page() {
  static const checks::Rule page = make_page();
  return page;
}

checks::Finding failure_of(const Plugin& plugin, const JobResult& result) {
  std::string ids;
  for (const Check& each : plugin.checks) ids += (ids.empty() ? "" : ", ") + each.rule.id;
  checks::Finding made = finding(
      plugin.name, fmt::format("plugin {} failed, so {} could not be judged: {}", plugin.name, ids, result.failed));
  made.evidence = {
      {"how it failed", result.failed, "", "its process", "now"},
      {"time that it ran", static_cast<std::int64_t>(result.duration.count() / 1000), "ms", "clock", "now"}};
  const std::string folder = plugin.file.substr(0, plugin.file.rfind('/'));
  made.fix = {
      {"Run its tests, which say what fails", "hostcheck test " + folder, "", ""},
      {"Leave its checks out until it is mended", "hostcheck run --skip " + plugin.checks.front().rule.id, "", ""}};
  return made;
}

checks::Finding refusal_of(const Error& error) {
  std::string name = error.object.substr(0, error.object.find("/plugin."));
  name = name.substr(name.rfind('/') + 1);
  checks::Finding made = finding(name, fmt::format("plugin {} is not used: {}", name, error.message()));
  made.evidence = {{"why it is not used", error.message(), "", "plugin.toml and its folder", "now"}};
  made.fix = {failure_page().fix.back()};
  if (error.code != ErrorCode::denied)
    made.fix = {{"Mend the file; this says whether it is", "hostcheck test", "", ""}};
  return made;
}

}  // namespace hostcheck::plugin
