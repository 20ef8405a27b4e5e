#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/conclude/conclude.h"
#include "core/report/html_parts.h"
#include "core/report/tally.h"
#include "core/report/text_parts.h"

namespace hostcheck::report {
namespace {

using checks::Finding;
using checks::Status;

constexpr std::size_t kOpenRows = 5;  // findings of one check that are not folded away

std::string evidence_of(const Finding& finding) {
  std::string items;
  for (const checks::Evidence& each : finding.evidence) {
    const std::string value = amount(each.value, each.unit);
    std::string from = each.when == "now" ? "" : each.when;
    if (each.parameter) from += from.empty() ? "threshold" : ", threshold";
    if (!each.source.empty()) from += (from.empty() ? "" : " · ") + each.source;
    items +=
        fmt::format("<li>{}: <span class=\"number\">{}</span>{}</li>\n", escape_markup(each.what), escape_markup(value),
                    from.empty() ? "" : fmt::format(" <span class=\"source\">{}</span>", escape_markup(from)));
  }
  return items.empty() ? std::string{} : "<ul class=\"evidence\">\n" + items + "</ul>\n";
}

std::string pair(std::string_view label, const std::string& html) {
  return html.empty() ? std::string{} : fmt::format("<dt>{}</dt><dd>{}</dd>\n", label, html);
}

std::string fix_of(const checks::Fix& fix) {
  std::string out = escape_markup(fix.text);
  if (!fix.command.empty()) out += fmt::format("<code class=\"command\">{}</code>", escape_markup(fix.command));
  if (!fix.persist.empty())
    out += fmt::format("<span class=\"source\">over a reboot: {}</span>", escape_markup(fix.persist));
  return out;
}

// The first element that tells of an id gets it as its own, so that drawings can lead there.
class Anchors {
 public:
  // "" for the others.
  std::string of(const std::string& id) {
    return told_.insert(id).second ? fmt::format(" id=\"{}\"", escape_markup(id)) : std::string{};
  }

 private:
  std::set<std::string> told_;
};

// What the findings of a block share: why, what it is not, what to do, what it shows as.
std::string shared_of(const Block& block, Anchors& anchors) {
  const Finding& first = *block.findings.front();
  std::vector<std::string> excluded;
  for (const checks::Exclusion& each : first.excluded) {
    excluded.push_back(each.because == "clear" ? each.id : each.id + " (" + each.because + ")");
  }
  std::string fixes;
  std::set<std::string> told;
  for (const Finding* finding : block.findings) {
    for (const checks::Fix& each : finding->fix) {
      if (told.insert(each.text + '\0' + each.command).second) fixes += "<div>" + fix_of(each) + "</div>";
    }
  }
  std::string effects;
  for (const Finding* each : block.effects) {
    effects += fmt::format("<div{}>{}</div>", anchors.of(each->id), escape_markup(each->id + ": " + each->summary));
  }
  const std::string pairs = pair("why", escape_markup(first.why)) + pair("do", fixes) + pair("shows as", effects) +
                            pair("caused by", joined(first.causes, ", ")) + pair("not", joined(excluded, " · ")) +
                            pair("perhaps", joined(first.not_excluded, " · ")) +
                            pair("see", joined(first.references, " · "));
  return pairs.empty() ? std::string{} : "<dl>\n" + pairs + "</dl>\n";
}

std::string row_of(const Finding& finding) {
  std::string out = element("h3", "", finding.summary) + evidence_of(finding);
  if (!finding.because.empty()) out += element("p", "", "but " + finding.because);
  return out;
}

std::string article_of(const Block& block, Anchors& anchors) {
  const Finding& first = *block.findings.front();
  std::string out = fmt::format("<article class=\"{}\"{}>\n", checks::name_of(first.severity), anchors.of(first.id));
  out += element("div", "label", fmt::format("{} · {}", word_of(first.severity), checks::name_of(first.status)));
  std::string more;
  for (std::size_t at = 0; at < block.findings.size(); ++at) {
    (at < kOpenRows ? out : more) += row_of(*block.findings[at]);
  }
  out += folded(
      fmt::format("and {} more like these", block.findings.size() - std::min(block.findings.size(), kOpenRows)), more);
  out += shared_of(block, anchors);
  const std::string_view netns = conclude::netns_of(first);
  std::string ending = first.id;
  if (!netns.empty()) ending += " · namespace " + std::string(netns);
  out += fmt::format("<p class=\"id\">{} · <code>hostcheck explain {}</code></p>\n", escape_markup(ending),
                     escape_markup(first.id));
  return out + "</article>\n";
}

}  // namespace

std::string findings_of(const conclude::Report& report) {
  std::string out;
  Anchors anchors;
  for (const Block& block : blocks_of(report.findings)) out += article_of(block, anchors);
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

}  // namespace hostcheck::report
