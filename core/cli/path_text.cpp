#include "core/cli/path_text.h"

#include <fmt/format.h>

#include "core/report/json_text.h"
#include "core/report/layout.h"
#include "core/report/render.h"

namespace hostcheck::cli {
namespace {

constexpr std::size_t kWidth = 99;
constexpr std::size_t kIndent = 13;

// label at the margin, then text wrapped beside it.
std::string line(std::string_view label, std::string_view text) {
  std::string out;
  std::string left = report::pad_right(label, kIndent);
  for (const std::string& each : report::wrap(report::printable(text), kWidth - kIndent)) {
    out += left + each + "\n";
    left = std::string(kIndent, ' ');
  }
  return out;
}

std::string step_text(const facts::PathStep& step) {
  std::string words;
  if (step.verdict.view() == "stops") words = "STOPS HERE: ";
  if (step.verdict.view() == "unknown") words = "not known: ";
  std::string name(step.step.view());
  for (char& c : name) c = c == '_' ? ' ' : c;
  return line("  " + name, fmt::format("{}{} [{}]", words, step.words, step.source));
}

std::string severity_text(checks::Severity severity) {
  return severity == checks::Severity::critical  ? "CRITICAL"
         : severity == checks::Severity::warning ? "WARNING"
                                                 : "INFO";
}

// A row of a table as an object, cell by cell.
template <typename Row>
std::string object_of(const Row& row) {
  std::string out = "{";
  std::string scratch;
  for (const facts::Column& column : Row::table().columns) {
    if (out.size() > 1) out += ", ";
    report::append_json_string(out, column.name);
    out += ": ";
    report::append_json_value(out, facts::to_value(column.read(&row, scratch)), column.type == facts::Type::boolean);
  }
  return out + "}";
}

void append_text(std::string& out, std::string_view key, std::string_view value) {
  report::append_json_string(out, key);
  out += ": ";
  report::append_json_string(out, value);
  out += ",\n";
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

std::string path_as_text(const PathReport& report) {
  std::string out = fmt::format("{} by {} from namespace {}\n", report::printable(report.target), report.protocol,
                                report::printable(report.netns));
  for (const facts::Journey& journey : report.journeys) {
    out += fmt::format("\n{}\n", journey.address.to_string());
    for (const facts::PathStep& step : report.steps) {
      if (step.journey == journey.id) out += step_text(step);
    }
    out += line("  so", journey.words);
  }
  if (!report.findings.empty()) out += "\n";
  for (const checks::Finding& each : report.findings) {
    out += line(severity_text(each.severity),
                fmt::format("{} ({}, {})", each.summary, each.id, checks::name_of(each.status)));
    for (const checks::Fix& fix : each.fix)
      out += line("  do", fix.command.empty() ? fix.text : fix.text + ": " + fix.command);
  }
  std::uint32_t packets = 0;
  if (!report.probes.empty()) out += "\n";
  for (const conclude::ProbeRecord& each : report.probes) {
    packets += each.packets;
    const std::string words = each.error.empty() ? each.words : "could not be run: " + each.error;
    out += line(each.kind, fmt::format("{}{}", words.empty() ? each.outcome : words,
                                       each.complete ? "" : " (the budget ended it)"));
  }
  return out + fmt::format("\n{} probe{}, {} packet{}, {:.1f} s\n", report.probes.size(),
                           report.probes.size() == 1 ? "" : "s", packets, packets == 1 ? "" : "s",
                           static_cast<double>(report.duration.count()) / 1000);
}

std::string path_as_json(const PathReport& report) {
  std::string out = "{\n";
  append_text(out, "schema", "hostcheck.path/1");
  append_text(out, "target", report.target);
  append_text(out, "netns", report.netns);
  append_text(out, "protocol", report.protocol);
  out += fmt::format("\"duration_ms\": {},\n\"journeys\": [", report.duration.count());
  for (std::size_t at = 0; at < report.journeys.size(); ++at) {
    out += at == 0 ? "\n" : ",\n";
    std::string journey = object_of(report.journeys[at]);
    journey.pop_back();
    out += journey + ", \"steps\": [";
    bool first = true;
    for (const facts::PathStep& step : report.steps) {
      if (step.journey != report.journeys[at].id) continue;
      out += first ? "\n  " : ",\n  ";
      first = false;
      out += object_of(step);
    }
    out += "]}";
  }
  out += "],\n\"findings\": " + trimmed(report::as_json(report.findings));
  out += ",\n\"probes\": " + trimmed(report::as_json(report.probes));
  return out + "\n}\n";
}

}  // namespace hostcheck::cli
