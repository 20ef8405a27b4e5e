#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/conclude/conclude.h"
#include "core/report/layout.h"
#include "core/report/tally.h"
#include "core/report/text_parts.h"

namespace hostcheck::report {
namespace {

using checks::Finding;
using checks::Severity;
using checks::Status;

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "\x1b[1;31m";
    case Severity::warning:
      return "\x1b[1;33m";
    case Severity::info:
      return "\x1b[1;36m";
  }
  return {};
}

// Colour is put around the first word afterwards, so that it counts for no column.
std::string coloured(std::string text, Severity severity, bool colour) {
  const std::string_view word = word_of(severity);
  if (colour) text.replace(0, word.size(), fmt::format("{}{}\x1b[0m", colour_of(severity), word));
  return text;
}

// "accept queue: 129 connections", "dropped: 57 SYNs in 2.0 s"
std::string evidence_text(const checks::Evidence& evidence, bool verbose) {
  std::string text = printable(evidence.what) + ": " + printable(amount(evidence.value, evidence.unit));
  constexpr std::string_view kDelta = "delta over ";
  if (evidence.when.starts_with(kDelta)) {
    text += " in " + evidence.when.substr(kDelta.size());
  } else if (!evidence.when.empty() && evidence.when != "now") {
    text += ", " + evidence.when;
  }
  if (verbose && !evidence.source.empty()) text += " [" + printable(evidence.source) + "]";
  return text;
}

// A command on lines of its own: never broken inside a word, and where it must be broken still one command when pasted.
std::string command_lines(std::string_view command) {
  constexpr std::string_view kContinued = " \\";
  const auto lines = wrap(printable(command), kWidth - kIndent - 2 - kContinued.size());
  std::string out;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    out += std::string(kIndent + (at == 0 ? 0 : 2), ' ') + lines[at];
    out += at + 1 < lines.size() ? std::string(kContinued) + "\n" : "\n";
  }
  return out;
}

std::string fix_text(const checks::Fix& fix, std::string_view label) {
  const std::string text = printable(fix.text);
  const std::string one_line = fix.command.empty() ? text : text + ": " + printable(fix.command);
  std::string out;
  if (width_of(one_line) <= kWidth - kIndent || fix.command.empty()) {
    out = labelled(label, one_line);
  } else {
    out = labelled(label, text + ":") + command_lines(fix.command);
  }
  if (!fix.persist.empty()) out += labelled("", "over a reboot: " + printable(fix.persist));
  return out;
}

std::string rivals_text(const Finding& finding) {
  std::vector<std::string> excluded;
  for (const checks::Exclusion& each : finding.excluded) {
    excluded.push_back(each.id + (each.because == "clear" ? std::string{} : " (" + printable(each.because) + ")"));
  }
  std::string out;
  if (!excluded.empty()) out += labelled_list("  not", excluded);
  std::vector<std::string> open;
  for (const std::string& each : finding.not_excluded) open.push_back(printable(each));
  if (!open.empty()) out += labelled_list("  perhaps", open);
  return out;
}

std::string effects_text(const Block& block, const TextOptions& options) {
  std::string out;
  std::size_t shown = 0;
  for (const Finding* effect : block.effects) {
    if (shown++ == kMostRows && !options.verbose) {
      out += labelled("", fmt::format("and {} more (--verbose shows them)", block.effects.size() - kMostRows));
      break;
    }
    // The label is wider than the margin, so it is part of the text.
    out += labelled_list("  shows as  ", {effect->id + ": " + printable(effect->summary)});
    if (!options.verbose) continue;
    std::vector<std::string> evidence;
    for (const auto& each : effect->evidence) {
      if (!each.parameter) evidence.push_back(evidence_text(each, true));
    }
    if (!evidence.empty()) out += labelled_list("", evidence);
  }
  return out;
}

std::string fixes_text(const Block& block, std::size_t rows) {
  std::string out;
  std::set<std::string> told;
  for (std::size_t at = 0; at < rows; ++at) {
    for (const checks::Fix& fix : block.findings[at]->fix) {
      if (!told.insert(fix.text + '\0' + fix.command).second) continue;
      out += fix_text(fix, out.empty() ? "  do" : "");
    }
  }
  return out;
}

bool folds_into(const Finding& effect, const Finding& cause) {
  return static_cast<int>(cause.severity) >= static_cast<int>(effect.severity) &&
         static_cast<int>(cause.status) <= static_cast<int>(effect.status);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Block* block_that_explains(std::vector<Block>& blocks, const Finding& finding) {
  for (Block& block : blocks) {
    const Finding& cause = *block.findings.front();
    const std::int64_t port = conclude::port_of(finding);
    if (!contains(cause.effects, finding.id) || !contains(finding.causes, cause.id) || !folds_into(finding, cause))
      continue;
    if (conclude::netns_of(cause) != conclude::netns_of(finding)) continue;
    const bool same_port = std::any_of(block.findings.begin(), block.findings.end(), [&](const Finding* each) {
      return port < 0 || conclude::port_of(*each) < 0 || conclude::port_of(*each) == port;
    });
    if (same_port) return &block;
  }
  return nullptr;
}

}  // namespace

std::string labelled(std::string_view label, std::string_view text) {
  const std::size_t indent = std::max(kIndent, width_of(label));
  std::string out;
  for (const std::string& line : wrap(text, kWidth - indent)) {
    out += pad_right(label, indent) + line + '\n';
    label = {};
  }
  return out;
}

std::string labelled_list(std::string_view label, const std::vector<std::string>& pieces, std::string_view separator) {
  const std::size_t indent = std::max(kIndent, width_of(label));
  std::vector<std::string> lines;
  for (const std::string& piece : pieces) {
    if (!lines.empty() && width_of(lines.back()) + width_of(separator) + width_of(piece) <= kWidth - indent) {
      lines.back() += std::string(separator) + piece;
      continue;
    }
    for (std::string& line : wrap(piece, kWidth - indent)) lines.push_back(std::move(line));
  }
  std::string out;
  for (const std::string& line : lines) {
    out += pad_right(label, indent) + line + '\n';
    label = {};
  }
  return out;
}

std::vector<Block> blocks_of(std::span<const Finding> findings) {
  std::vector<Block> blocks;
  for (const Finding& finding : findings) {
    if (finding.status == Status::refuted) continue;
    if (!blocks.empty()) {
      const Finding& last = *blocks.back().findings.front();
      if (last.id == finding.id && last.status == finding.status && last.severity == finding.severity &&
          conclude::netns_of(last) == conclude::netns_of(finding) && last.effects == finding.effects) {
        blocks.back().findings.push_back(&finding);
        continue;
      }
    }
    if (Block* cause = block_that_explains(blocks, finding)) {
      cause->effects.push_back(&finding);
      continue;
    }
    blocks.push_back({{&finding}, {}});
  }
  return blocks;
}

std::string text_of(const Block& block, const TextOptions& options) {
  const Finding& first = *block.findings.front();
  const std::size_t rows =
      options.verbose ? block.findings.size() : std::min<std::size_t>(block.findings.size(), kMostRows);
  std::string out;
  for (std::size_t at = 0; at < rows; ++at) {
    const Finding& finding = *block.findings[at];
    out += coloured(labelled(word_of(finding.severity), printable(finding.summary)), finding.severity, options.colour);
    std::vector<std::string> evidence;
    for (const auto& each : finding.evidence) {
      if (!each.parameter || options.verbose) evidence.push_back(evidence_text(each, options.verbose));
    }
    if (!evidence.empty()) out += labelled_list("", evidence);
    if (!finding.because.empty()) out += labelled("  but", printable(finding.because));
  }
  if (rows < block.findings.size()) {
    out += labelled("", fmt::format("and {} more like these (--verbose shows them)", block.findings.size() - rows));
  }
  if (options.verbose && !first.why.empty()) out += labelled("  why", printable(first.why));
  out += rivals_text(first);
  out += fixes_text(block, rows);
  out += effects_text(block, options);
  if (!first.causes.empty()) out += labelled_list("  caused by ", first.causes, ", ");
  std::vector<std::string> ending = {first.id, std::string(checks::name_of(first.status)),
                                     "hostcheck explain " + first.id};
  std::string line = "  ";
  for (const std::string& each : ending) line += (line.size() > 2 ? std::string(" · ") : std::string{}) + each;
  return out + line + '\n';
}

}  // namespace hostcheck::report
