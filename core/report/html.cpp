#include "core/report/html.h"

#include <map>

#include <fmt/format.h>

#include "core/base/version.h"
#include "core/report/html_parts.h"
#include "core/report/html_style.h"
#include "core/report/render.h"
#include "core/report/tally.h"

namespace hostcheck::report {
namespace {

using checks::CheckResult;
using checks::Outcome;
using checks::Severity;

std::string seconds(std::chrono::milliseconds time) {
  return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000);
}

std::string section(std::string_view title, const std::string& body) {
  return body.empty() ? std::string{}
                      : fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", escape_markup(title), body);
}

std::string journeys_of(const conclude::Report& report) {
  std::string out;
  for (const auto& each : report.journeys) {
    std::string where = each.target;
    if (each.target.find(each.address) == std::string::npos) where += " at " + each.address;
    out += "<article class=\"plain\">\n" + element("h3", "", "to " + where + " (" + each.protocol + ")") +
           element("p", "", each.words);
    if (const std::string drawing = journey_svg(each, report.findings); !drawing.empty()) {
      out += "<div class=\"drawings\">\n" + drawing + "</div>\n";
    }
    std::string steps;
    for (const auto& step : each.steps) {
      steps += fmt::format("<li>{}: {} <span class=\"source\">{}</span></li>\n", escape_markup(step.step),
                           escape_markup(step.words), escape_markup(step.source));
    }
    if (!steps.empty()) out += folded("each step with its source", "<ul class=\"evidence\">\n" + steps + "</ul>\n");
    out += "</article>\n";
  }
  return out;
}

std::string probe_of(const conclude::ProbeRecord& probe) {
  std::string words = probe.error.empty() ? probe.words : "could not be run: " + probe.error;
  if (words.empty()) words = probe.outcome;
  if (!probe.complete) words += " (the budget ended it)";
  std::string drawings;
  for (const auto& [table, rows] : probe.rows) {
    if (table == "probe_hops") drawings += hops_svg(rows);
    if (table == "probe_sweep_ports") drawings += sweep_svg(rows);
  }
  std::string about = fmt::format("{} packets, {}", probe.packets, seconds(probe.duration));
  if (!probe.asked_by.empty()) about += " · asked for by " + probe.asked_by;
  if (!probe.method.empty()) about += " · " + probe.method;
  if (!probe.fallback.empty()) about += " · " + probe.fallback;
  return "<article class=\"plain\">\n" + element("h3", "", probe.kind + " " + probe.target) + element("p", "", words) +
         element("p", "source", about) +
         (drawings.empty() ? "" : "<div class=\"drawings\">\n" + drawings + "</div>\n") + "</article>\n";
}

std::string probes_of(const conclude::Report& report) {
  std::string out;
  for (const auto& each : report.probes) out += probe_of(each);
  return out;
}

std::string over_time(const conclude::Report& report) {
  const conclude::Timeline& timeline = report.timeline;
  std::string queues;
  for (const auto& each : timeline.queues) queues += queue_svg(each, timeline.span_ms);
  if (!queues.empty()) queues = "<div class=\"drawings\">\n" + queues + "</div>\n";
  if (timeline.more_queues > 0) {
    queues +=
        element("p", "source", fmt::format("{} more listeners had something in their queues", timeline.more_queues));
  }
  std::string drops = drops_svg(timeline);
  if (!drops.empty()) drops = "<div class=\"drawings\">\n" + drops + "</div>\n";
  if (timeline.more_drops > 0) {
    drops += element("p", "source", fmt::format("{} more reasons with fewer packets", timeline.more_drops));
  }
  std::string out;
  if (!queues.empty()) {
    out += "<article class=\"plain\">\n" + element("h3", "", "Queues of listeners") + queues + "</article>\n";
  }
  if (!drops.empty()) {
    out += "<article class=\"plain\">\n" + element("h3", "", "Packets that the kernel threw away, by its reason") +
           drops + "</article>\n";
  }
  return out.empty() ? out : "<div class=\"columns\">\n" + out + "</div>\n";
}

// Checks of one outcome with their reasons, equal ones together.
std::string reasons_of(const conclude::Report& report, Outcome outcome) {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const CheckResult& each : report.checks) {
    if (each.outcome != outcome) continue;
    std::string reason = each.reason.empty() ? "no reason" : each.reason;
    if (!each.remedy.empty()) reason += "; to see it: " + each.remedy;
    by_reason[reason].push_back(each.id);
  }
  std::string out;
  for (const auto& [reason, ids] : by_reason) {
    out += fmt::format("<li>{} <span class=\"source\">{}</span></li>\n", escape_markup(reason), joined(ids, ", "));
  }
  return out.empty() ? out : "<ul class=\"plainlist\">\n" + out + "</ul>\n";
}

std::string ids_of(const conclude::Report& report, Outcome outcome, std::size_t& count) {
  std::vector<std::string> ids;
  for (const CheckResult& each : report.checks) {
    if (each.outcome == outcome) ids.push_back(each.id);
  }
  count = ids.size();
  return ids.empty() ? std::string{} : "<p>" + joined(ids, ", ") + "</p>\n";
}

std::string capabilities_of(const conclude::Report& report) {
  std::string out;
  for (const auto& each : report.capabilities) {
    if (each.available) continue;
    out += element("li", "", each.name + ": " + each.detail + (each.lost.empty() ? "" : "; lost: " + each.lost));
  }
  return out.empty() ? out : "<ul class=\"plainlist\">\n" + out + "</ul>\n";
}

std::string checks_of(const conclude::Report& report) {
  std::size_t clear = 0;
  std::size_t skipped = 0;
  const std::string clear_ids = ids_of(report, Outcome::clear, clear);
  (void)ids_of(report, Outcome::skipped, skipped);
  return section("Unknown: what could not be judged", reasons_of(report, Outcome::unknown)) +
         section("Failed checks", reasons_of(report, Outcome::error)) +
         section("What this host does not let hostcheck see", capabilities_of(report)) +
         folded(count_of(clear, "check") + " clear", clear_ids) +
         folded(count_of(skipped, "check") + " skipped", reasons_of(report, Outcome::skipped));
}

std::string header_of(const conclude::Report& report) {
  const std::string verdict(conclude::name_of(report.verdict));
  std::string out = element("h1", "", report.host.name.empty() ? "this host" : report.host.name);
  std::string counts;
  for (const Severity each : {Severity::critical, Severity::warning, Severity::info}) {
    const std::size_t number = count(report, each);
    if (number > 0) counts += fmt::format("{}{} {}", counts.empty() ? "" : " · ", number, checks::name_of(each));
  }
  out +=
      fmt::format("<p><span class=\"verdict {0}\">{0}</span> <span class=\"counts\">{1}</span></p>\n", verdict, counts);
  std::string about = "Linux " + report.host.kernel + " · namespace " + report.host.netns + " · " +
                      (report.observed.count() == 0 ? "not watched" : "watched " + seconds(report.observed)) + " · " +
                      utc(report.started);
  if (!report.snapshot.empty()) about += " · snapshot " + report.snapshot;
  out += element("p", "head", about);
  for (const checks::Finding& each : report.findings) {
    if (each.status == checks::Status::refuted || each.severity == Severity::info) continue;
    out += fmt::format("<p class=\"headline\"><a href=\"#{}\">{}</a></p>\n", escape_markup(each.id),
                       escape_markup(each.summary));
    break;  // the best explanation of what is wrong
  }
  if (!report.unjudged.empty()) out += element("p", "unknown", report.unjudged);
  return "<header>\n" + out + "</header>\n";
}

}  // namespace

std::string as_html(const conclude::Report& report, int exit_status) {
  const std::string title =
      escape_markup(report.host.name + ": " + std::string(conclude::name_of(report.verdict)) + " — hostcheck");
  std::string findings = findings_of(report);
  if (findings.empty() && report.verdict == conclude::Verdict::ok) findings = "<p>Nothing found.</p>\n";
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
  out += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n", title, kHtmlStyle);
  out += header_of(report);
  out += "<main>\n";
  out += section("Where on a packet's way", way_of(report.findings));
  out += section("Findings", findings);
  out += section("The " + seconds(report.observed) + " that were watched", over_time(report));
  out += section("Refuted", refuted_of(report));
  out += section("The packet's journey through this host", journeys_of(report));
  out += section("Probes", probes_of(report));
  out += section("Set aside by the configuration", suppressed_of(report));
  out += checks_of(report);
  out +=
      fmt::format("</main>\n<footer>\n<p class=\"head\">hostcheck {} · {} · exit {}</p>\n</footer>\n</body>\n</html>\n",
                  version(), seconds(report.duration), exit_status);
  return out;
}

}  // namespace hostcheck::report
