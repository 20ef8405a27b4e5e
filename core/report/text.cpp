#include <algorithm>
#include <map>
#include <set>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/base/version.h"
#include "core/conclude/conclude.h"
#include "core/report/layout.h"
#include "core/report/tally.h"
#include "core/report/text_parts.h"

namespace hostcheck::report {
namespace {

using checks::CheckResult;
using checks::Outcome;

std::string seconds(std::chrono::milliseconds time) {
  return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000);
}

// "namespace init", "namespaces init, web"; many are counted and not listed.
std::string places_text(const std::string& netns) {
  constexpr std::size_t kMost = 4;
  std::size_t number = 1;
  for (auto at = netns.find(", "); at != std::string::npos; at = netns.find(", ", at + 2)) ++number;
  if (number > kMost) return fmt::format("{} namespaces", number);
  return (number == 1 ? "namespace " : "namespaces ") + printable(netns);
}

std::string header(const conclude::Report& report) {
  const std::string time = utc(report.started).substr(11, 8) + "Z";
  std::vector<std::string> pieces = {
      "hostcheck " + std::string(version()),
      printable(report.host.name),
      "Linux " + printable(report.host.kernel),
      places_text(report.host.netns),
      report.observed.count() == 0 ? "not watched" : "watched " + seconds(report.observed),
      report.snapshot.empty() ? time : utc(report.started).substr(0, 10) + " " + time,
      report.snapshot.empty() ? "" : "snapshot " + printable(report.snapshot)};
  if (pieces.back().empty()) pieces.pop_back();
  std::vector<std::string> lines = {std::move(pieces.front())};
  for (std::size_t at = 1; at < pieces.size(); ++at) {
    if (width_of(lines.back()) + 3 + width_of(pieces[at]) <= kWidth) {
      lines.back() += " · " + pieces[at];
      continue;
    }
    for (const std::string& line : wrap(pieces[at], kWidth - 2)) lines.push_back("  " + line);
  }
  std::string out;
  for (const std::string& line : lines) out += line + '\n';
  return out;
}

// "eth0: no; 3 more" and "eth0: no; 4 more" are one reason.
std::string_view without_count(std::string_view reason) {
  const auto at = reason.rfind("; ");
  return at != std::string_view::npos && reason.ends_with(" more") ? reason.substr(0, at) : reason;
}

// Checks of one outcome by their reason and remedy, the most frequent reason first.
struct Reason {
  std::vector<std::string> about;  // what could not be read, "links.mtu in init"; empty where the reason does not say
  std::string text;
  std::vector<std::string> ids;
};

// What several checks could not read for one reason is told once: "links in init, routes in init: not permitted".
std::vector<Reason> reasons(const conclude::Report& report, Outcome outcome) {
  std::map<std::string, Reason> by_text;
  for (const CheckResult& check : report.checks) {
    if (check.outcome != outcome) continue;
    std::string text = printable(without_count(check.reason));
    std::string about;
    if (const auto colon = text.find(": "); outcome == Outcome::unknown && colon != std::string::npos) {
      about = text.substr(0, colon);
      text.erase(0, colon + 2);
    }
    if (!check.remedy.empty()) text += (text.empty() ? "" : "; to see it: ") + printable(check.remedy);
    Reason& reason = by_text[text];
    reason.text = text;
    reason.ids.push_back(check.id);
    const bool told = std::find(reason.about.begin(), reason.about.end(), about) != reason.about.end();
    if (!about.empty() && !told) reason.about.push_back(std::move(about));
  }
  std::vector<Reason> all;
  for (auto& [text, reason] : by_text) all.push_back(std::move(reason));
  std::stable_sort(all.begin(), all.end(),
                   [](const Reason& a, const Reason& b) { return a.ids.size() > b.ids.size(); });
  return all;
}

std::string sentence(const Reason& reason, std::string_view what) {
  constexpr std::size_t kMost = 4;
  std::string out = count_of(reason.ids.size(), what) + ": ";
  for (std::size_t at = 0; at < std::min(reason.about.size(), kMost); ++at) {
    out += (at == 0 ? std::string{} : std::string(", ")) + reason.about[at];
  }
  if (reason.about.size() > kMost) out += fmt::format(" and {} more", reason.about.size() - kMost);
  if (!reason.about.empty()) out += ": ";
  return out + (reason.text.empty() ? "no reason" : reason.text);
}

std::vector<std::string> ids_of(const conclude::Report& report, Outcome outcome) {
  std::vector<std::string> ids;
  for (const CheckResult& check : report.checks) {
    if (check.outcome == outcome) ids.push_back(check.id);
  }
  return ids;
}

std::string ids_text(std::vector<std::string> ids) {
  for (std::size_t at = 0; at + 1 < ids.size(); ++at) ids[at] += ',';
  return labelled_list("", ids, " ");
}

std::string unknown_text(const conclude::Report& report) {
  std::string out;
  for (const Reason& reason : reasons(report, Outcome::unknown)) {
    out += labelled(out.empty() ? "unknown" : "", sentence(reason, "check"));
    out += ids_text(reason.ids);
  }
  return out;
}

// What an observation without the programs in the kernel cannot have seen, whichever checks were asked for.
std::string unseen_text(const conclude::Report& report) {
  const auto& all = report.capabilities;
  const bool blind = std::any_of(all.begin(), all.end(), [](const conclude::Capability& each) {
    return each.name == conclude::kHandshakeTrace && !each.available;
  });
  std::string lost;
  for (const conclude::Capability& each : all) {
    if (!blind || each.available || !each.name.starts_with(conclude::kObserveMethod)) continue;
    lost += (lost.empty() ? "" : "; ") + each.lost;
  }
  if (lost.empty()) return {};
  return labelled("unseen", "for lack of BPF: " + printable(lost) +
                                ". What listeners and counters tell of themselves was watched all the same");
}

// Each with its own place, which somebody has to mend.
std::string failed_text(const conclude::Report& report) {
  std::string out;
  for (const CheckResult& check : report.checks) {
    if (check.outcome != Outcome::error) continue;
    out += labelled(out.empty() ? "failed" : "", check.id + ": " + printable(check.reason));
  }
  return out;
}

std::string refuted_text(const conclude::Report& report) {
  std::string out;
  for (const auto& finding : report.findings) {
    if (finding.status != checks::Status::refuted) continue;
    out += labelled(out.empty() ? "refuted" : "",
                    finding.id + ": " + printable(finding.because.empty() ? finding.summary : finding.because));
  }
  return out;
}

// Findings that the configuration sets aside: counted always, named on request.
std::string suppressed_text(const conclude::Report& report, const TextOptions& options) {
  if (report.suppressed.empty()) return {};
  std::string out;
  if (!options.verbose && !options.show_suppressed) {
    return labelled_list("  set aside  ", {count_of(report.suppressed.size(), "finding") +
                                           " by the configuration (--show-suppressed names them)"});
  }
  for (const auto& each : report.suppressed) {
    out += labelled_list("  set aside  ", {each.finding.id + ": " + printable(each.finding.summary)});
    out += labelled("", printable(each.by.reason + " [" + each.by.origin + "]"));
  }
  return out;
}

// What was sent: each probe that a target asked for, the others counted.
std::string probes_text(const conclude::Report& report, bool verbose) {
  std::string out;
  std::size_t packets = 0;
  for (const conclude::ProbeRecord& probe : report.probes) {
    packets += probe.packets;
    if (!verbose && probe.asked_by.find("--target") == std::string::npos) continue;
    std::string words = probe.error.empty() ? probe.words : "could not be run: " + probe.error;
    if (words.empty()) words = probe.outcome;
    if (!probe.complete) words += " (the budget ended it)";
    out += labelled(out.empty() ? "probed" : "",
                    fmt::format("{} {}: {}", probe.kind, printable(probe.target), printable(words)));
  }
  if (report.probes.empty()) return out;
  return out + labelled(out.empty() ? "probed" : "",
                        fmt::format("{}, {}", count_of(report.probes.size(), "probe"), count_of(packets, "packet")));
}

// Checks that judged all they could, but not every row.
std::string partly_text(const conclude::Report& report) {
  std::string out;
  for (const CheckResult& check : report.checks) {
    if ((check.outcome != Outcome::finding && check.outcome != Outcome::clear) || check.reason.empty()) continue;
    out += labelled(out.empty() ? "partly" : "", check.id + ": " + printable(check.reason));
  }
  return out;
}

std::string findings_text(const conclude::Report& report, const TextOptions& options) {
  const std::vector<Block> blocks = blocks_of(report.findings);
  std::vector<std::string> places;
  for (const Block& block : blocks) {
    std::string place(conclude::netns_of(*block.findings.front()));
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(std::move(place));
  }
  const bool several = report.host.netns.find(", ") != std::string::npos;
  std::string out;
  for (const std::string& place : places) {
    if (several) {
      if (!options.quiet || !out.empty()) out += '\n';
      out += place.empty() ? std::string("whole machine") : "namespace " + printable(place);
      out += '\n';
    }
    bool first = several;
    for (const Block& block : blocks) {
      if (conclude::netns_of(*block.findings.front()) != place) continue;
      if (!first && !(options.quiet && out.empty())) out += '\n';
      first = false;
      out += text_of(block, options);
    }
  }
  return out;
}

bool nothing_but_good(const conclude::Report& report) {
  return report.verdict == conclude::Verdict::ok &&
         std::all_of(report.findings.begin(), report.findings.end(),
                     [](const auto& each) { return each.status == checks::Status::refuted; });
}

}  // namespace

std::string text_of_checks(const conclude::Report& report, const TextOptions& options) {
  std::string out = refuted_text(report);
  out += suppressed_text(report, options);
  out += probes_text(report, options.verbose);
  const std::size_t clear = count(report, Outcome::clear);
  if (clear != 0 && !nothing_but_good(report)) {
    out += "clear     " + count_of(clear, "check") + '\n';
    if (options.verbose) out += ids_text(ids_of(report, Outcome::clear));
  }
  out += partly_text(report);
  out += unseen_text(report);
  out += unknown_text(report);
  out += failed_text(report);
  for (const Reason& reason : reasons(report, Outcome::skipped)) {
    // Checks that the user chose not to run are no news to him; with --verbose they are told.
    const bool chosen = reason.text.starts_with("--only") || reason.text.starts_with("--skip") ||
                        reason.text.starts_with("--area") || reason.text.starts_with("--target") ||
                        reason.text.starts_with("--probe");
    if (chosen && !options.verbose) continue;
    out += labelled("skipped", count_of(reason.ids.size(), "check") + ": " + reason.text);
  }
  return out;
}

std::string as_text(const conclude::Report& report, const TextOptions& options) {
  std::string out;
  if (!options.quiet) out += header(report);
  if (report.verdict == conclude::Verdict::unknown) {
    if (!options.quiet) out += '\n';
    std::string line = labelled("UNKNOWN", printable(report.unjudged));
    if (options.colour) line.replace(0, 7, "\x1b[1;35mUNKNOWN\x1b[0m");
    out += line;
  }
  out += findings_text(report, options);
  if (options.quiet) return out;
  if (nothing_but_good(report)) {
    std::string line = labelled("OK", count_of(count(report, Outcome::clear), "check") + " clear, nothing found");
    if (options.colour) line.replace(0, 2, "\x1b[1;32mOK\x1b[0m");
    out += line;
  }
  const std::string rest = text_of_checks(report, options);
  if (!rest.empty() && !nothing_but_good(report)) out += '\n';
  out += rest;
  if (!nothing_but_good(report)) out += '\n';
  out += fmt::format("{} · exit {} · --format json for machines\n", seconds(report.duration), options.exit_status);
  return out;
}

}  // namespace hostcheck::report
