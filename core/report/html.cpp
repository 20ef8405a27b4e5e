#include "core/report/html.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/base/version.h"
#include "core/conclude/conclude.h"
#include "core/report/html_parts.h"
#include "core/report/html_style.h"
#include "core/report/render.h"
#include "core/report/text_parts.h"

namespace hostcheck::report {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Severity;
using checks::Status;

constexpr std::size_t kOpenRows = 5;  // findings of one check that are not folded away

std::string_view word_of(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "critical";
    case Severity::warning:
      return "warning";
    case Severity::info:
      return "info";
  }
  return "info";
}

std::string value_text(const facts::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:.4g}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "unknown";
}

std::string seconds(std::chrono::milliseconds time) {
  return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000);
}

std::string count_of(std::size_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string section(std::string_view title, const std::string& body) {
  return body.empty() ? std::string{} : fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", escape_html(title), body);
}

std::string folded(const std::string& summary, const std::string& body) {
  return body.empty() ? std::string{}
                      : fmt::format("<details>\n<summary>{}</summary>\n{}</details>\n", escape_html(summary), body);
}

std::string evidence_of(const Finding& finding) {
  std::string items;
  for (const checks::Evidence& each : finding.evidence) {
    std::string value = value_text(each.value);
    if (!each.unit.empty()) value += " " + each.unit;
    std::string from = each.when == "now" ? "" : each.when;
    if (each.parameter) from += from.empty() ? "threshold" : ", threshold";
    if (!each.source.empty()) from += (from.empty() ? "" : " · ") + each.source;
    items +=
        fmt::format("<li>{}: <span class=\"number\">{}</span>{}</li>\n", escape_html(each.what), escape_html(value),
                    from.empty() ? "" : fmt::format(" <span class=\"source\">{}</span>", escape_html(from)));
  }
  return items.empty() ? std::string{} : "<ul class=\"evidence\">\n" + items + "</ul>\n";
}

std::string pair(std::string_view label, const std::string& html) {
  return html.empty() ? std::string{} : fmt::format("<dt>{}</dt><dd>{}</dd>\n", label, html);
}

std::string fix_of(const checks::Fix& fix) {
  std::string out = escape_html(fix.text);
  if (!fix.command.empty()) out += fmt::format(" <code>{}</code>", escape_html(fix.command));
  if (!fix.persist.empty()) out += fmt::format(" (over a reboot: {})", escape_html(fix.persist));
  return out;
}

std::string joined(const std::vector<std::string>& pieces, std::string_view between) {
  std::string out;
  for (const std::string& each : pieces) {
    if (!out.empty()) out += between;
    out += escape_html(each);
  }
  return out;
}

// What the findings of a block share: why, what it is not, what to do, what it shows as.
std::string shared_of(const Block& block) {
  const Finding& first = *block.findings.front();
  std::vector<std::string> excluded;
  for (const checks::Exclusion& each : first.excluded) {
    excluded.push_back(each.because == "clear" ? each.id : each.id + " (" + each.because + ")");
  }
  std::string fixes;
  std::set<std::string> told;
  for (const Finding* finding : block.findings) {
    for (const checks::Fix& each : finding->fix) {
      if (told.insert(each.text + '\0' + each.command).second) fixes += (fixes.empty() ? "" : "<br>") + fix_of(each);
    }
  }
  std::string effects;
  for (const Finding* each : block.effects) {
    effects += (effects.empty() ? "" : "<br>") + escape_html(each->id + ": " + each->summary);
  }
  const std::string pairs = pair("why", escape_html(first.why)) + pair("not", joined(excluded, " · ")) +
                            pair("perhaps", joined(first.not_excluded, " · ")) + pair("do", fixes) +
                            pair("shows as", effects) + pair("caused by", joined(first.causes, ", ")) +
                            pair("see", joined(first.references, " · "));
  return pairs.empty() ? std::string{} : "<dl>\n" + pairs + "</dl>\n";
}

std::string row_of(const Finding& finding) {
  std::string out = element("h3", "", finding.summary) + evidence_of(finding);
  if (!finding.because.empty()) out += element("p", "", "but " + finding.because);
  return out;
}

std::string article_of(const Block& block) {
  const Finding& first = *block.findings.front();
  const std::string_view word = word_of(first.severity);
  const std::string status(checks::name_of(first.status));
  std::string out = fmt::format("<article class=\"{}\">\n", word);
  std::string label(word);
  std::transform(label.begin(), label.end(), label.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  out += element("div", "label", label + " · " + status);
  std::string more;
  for (std::size_t at = 0; at < block.findings.size(); ++at) {
    (at < kOpenRows ? out : more) += row_of(*block.findings[at]);
  }
  out += folded(
      fmt::format("and {} more like these", block.findings.size() - std::min(block.findings.size(), kOpenRows)), more);
  out += shared_of(block);
  const std::string_view netns = conclude::netns_of(first);
  std::string ending = first.id;
  if (!netns.empty()) ending += " · namespace " + std::string(netns);
  out += fmt::format("<p class=\"id\">{} · <code>hostcheck explain {}</code></p>\n", escape_html(ending),
                     escape_html(first.id));
  return out + "</article>\n";
}

std::string findings_of(const conclude::Report& report) {
  std::string out;
  for (const Block& block : blocks_of(report.findings)) out += article_of(block);
  return out;
}

std::string refuted_of(const conclude::Report& report) {
  std::string out;
  for (const Finding& each : report.findings) {
    if (each.status != Status::refuted) continue;
    out += element("li", "", each.id + ": " + (each.because.empty() ? each.summary : each.because));
  }
  return out.empty() ? out : "<ul class=\"plainlist\">\n" + out + "</ul>\n";
}

std::string suppressed_of(const conclude::Report& report) {
  std::string out;
  for (const auto& each : report.suppressed) {
    out += element(
        "li", "", each.finding.id + ": " + each.finding.summary + " — " + each.by.reason + " [" + each.by.origin + "]");
  }
  return out.empty() ? out : "<ul class=\"plainlist\">\n" + out + "</ul>\n";
}

std::string journeys_of(const std::vector<conclude::JourneyRecord>& journeys) {
  std::string out;
  for (const auto& each : journeys) {
    std::string where = each.target;
    if (each.target.find(each.address) == std::string::npos) where += " at " + each.address;
    out += "<article class=\"plain\">\n" + element("h3", "", "to " + where + " (" + each.protocol + ")") +
           element("p", "", each.words);
    if (const std::string drawing = journey_svg(each); !drawing.empty()) {
      out += "<div class=\"drawings\">\n" + drawing + "</div>\n";
    }
    std::string steps;
    for (const auto& step : each.steps) {
      steps += fmt::format("<li>{}: {} <span class=\"source\">{}</span></li>\n", escape_html(step.step),
                           escape_html(step.words), escape_html(step.source));
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
    out += fmt::format("<li>{} <span class=\"source\">{}</span></li>\n", escape_html(reason), joined(ids, ", "));
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
         folded(count_of(clear, "check clear", "checks clear"), clear_ids) +
         folded(count_of(skipped, "check skipped", "checks skipped"), reasons_of(report, Outcome::skipped));
}

std::string header_of(const conclude::Report& report) {
  const std::string verdict(conclude::name_of(report.verdict));
  std::string out = element("h1", "", report.host.name.empty() ? "this host" : report.host.name);
  out += fmt::format("<p><span class=\"verdict {0}\">{0}</span></p>\n", verdict);
  std::string about = "Linux " + report.host.kernel + " · namespace " + report.host.netns + " · " +
                      (report.observed.count() == 0 ? "not watched" : "watched " + seconds(report.observed)) + " · " +
                      utc(report.started);
  if (!report.snapshot.empty()) about += " · snapshot " + report.snapshot;
  out += element("p", "head", about);
  if (!report.unjudged.empty()) out += element("p", "unknown", report.unjudged);
  return "<header>\n" + out + "</header>\n";
}

}  // namespace

std::string as_html(const conclude::Report& report, const std::vector<conclude::JourneyRecord>& journeys,
                    int exit_status) {
  const std::string title =
      escape_html(report.host.name + ": " + std::string(conclude::name_of(report.verdict)) + " — hostcheck");
  std::string findings = findings_of(report);
  if (findings.empty() && report.verdict == conclude::Verdict::ok) findings = "<p>Nothing found.</p>\n";
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
  out += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n", title, kHtmlStyle);
  out += header_of(report);
  out += "<main>\n";
  out += section("Findings", findings);
  out += section("Refuted", refuted_of(report));
  out += section("The packet's journey through this host", journeys_of(journeys));
  out += section("Probes", probes_of(report));
  out += section("Set aside by the configuration", suppressed_of(report));
  out += checks_of(report);
  out +=
      fmt::format("</main>\n<footer>\n<p class=\"head\">hostcheck {} · {} · exit {}</p>\n</footer>\n</body>\n</html>\n",
                  version(), seconds(report.duration), exit_status);
  return out;
}

}  // namespace hostcheck::report
