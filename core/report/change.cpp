#include "core/report/change.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "core/base/join.h"
#include "core/base/version.h"
#include "core/checks/text_template.h"
#include "core/report/json_parts.h"
#include "core/report/layout.h"
#include "core/report/render.h"

namespace hostcheck::report {
namespace {

using checks::Finding;
using checks::Severity;
using conclude::Change;
using State = Change::State;

constexpr const char* kSchema = "hostcheck.change/1";
constexpr std::size_t kMostBytes = 2000;  // of one field of the journal; it takes far more, a datagram does not

bool is_of_finding(const Change& change) {
  return change.state == State::found || change.state == State::changed || change.state == State::cleared;
}

std::string subject_of(const Finding& finding) {
  std::string all;
  for (const auto& [name, value] : finding.subject) {
    all += (all.empty() ? "" : " ") + name + "=" + checks::to_text(value);
  }
  return all;
}

std::string_view word_of(Severity severity) {
  return severity == Severity::critical ? "CRITICAL" : severity == Severity::warning ? "WARNING" : "INFO";
}

std::string_view colour_of(Severity severity) {
  return severity == Severity::critical ? "\x1b[1;31m" : severity == Severity::warning ? "\x1b[1;33m" : "\x1b[1;36m";
}

// The time is not repeated where each line has its own already.
std::string words_of(const Change& change, const Round& round) {
  const auto state = conclude::name_of(change.state);
  if (change.state == State::unjudged) {
    const std::string remedy = change.remedy.empty() ? "" : fmt::format(" (it takes: {})", change.remedy);
    return printable(fmt::format("{} {}: {}{}", state, joined(change.checks, ", "), change.reason, remedy));
  }
  if (change.state == State::judged) return printable(fmt::format("{} again: {}", state, joined(change.checks, ", ")));
  const Finding& finding = change.finding;
  const std::string subject = subject_of(finding);
  std::string words = fmt::format("{} {} {} {}: {}", state, word_of(finding.severity), finding.id,
                                  checks::name_of(finding.status), finding.summary);
  if (!subject.empty()) words += fmt::format(" [{}]", subject);
  if (change.state == State::cleared) {
    words += fmt::format(" (for {} s)", std::chrono::floor<std::chrono::seconds>(round.time - change.since).count());
  }
  return printable(words);
}

Json head_of(std::string_view state, const Round& round) {
  return {{"schema", kSchema},     {"hostcheck", version()},        {"time", utc(round.time)},
          {"round", round.number}, {"span_ms", round.span.count()}, {"state", state}};
}

// Upper-case letters, digits and underscores are all that a journal's field name may have.
std::string field_name(std::string_view name) {
  std::string out = "HOSTCHECK_SUBJECT_";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    out += std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return out;
}

const char* priority_of(const Change& change) {
  if (change.state == State::cleared || change.state == State::judged) return "5";
  if (change.state == State::unjudged) return "5";
  return change.finding.severity == Severity::critical ? "2" : change.finding.severity == Severity::warning ? "4" : "6";
}

void add(Fields& fields, std::string name, std::string value) {
  if (value.empty()) return;
  if (value.size() > kMostBytes) value.resize(kMostBytes);
  fields.emplace_back(std::move(name), std::move(value));
}

Fields common_fields(const std::string& message, const char* priority, std::string_view state) {
  Fields fields;
  add(fields, "MESSAGE", message);
  add(fields, "PRIORITY", priority);
  add(fields, "SYSLOG_IDENTIFIER", "hostcheck");
  add(fields, "HOSTCHECK_STATE", std::string(state));
  return fields;
}

}  // namespace

std::string change_as_text(const Change& change, const Round& round, bool colour) {
  std::string words = words_of(change, round);
  if (colour && is_of_finding(change)) {
    const std::string_view severity = word_of(change.finding.severity);
    const std::size_t at = words.find(severity);
    words.replace(at, severity.size(), fmt::format("{}{}\x1b[0m", colour_of(change.finding.severity), severity));
  }
  return utc(round.time) + " " + words + "\n";
}

std::string change_as_ndjson(const Change& change, const Round& round) {
  Json out = head_of(conclude::name_of(change.state), round);
  out["since"] = utc(change.since);
  if (is_of_finding(change)) {
    out["finding"] = json_of(change.finding);
  } else {
    out["checks"] = change.checks;
    if (!change.reason.empty()) out["reason"] = change.reason;
    if (!change.remedy.empty()) out["remedy"] = change.remedy;
  }
  return dump(out, -1);
}

Fields change_as_fields(const Change& change, const Round& round) {
  Fields fields = common_fields(words_of(change, round), priority_of(change), conclude::name_of(change.state));
  if (!is_of_finding(change)) {
    add(fields, "HOSTCHECK_CHECKS", joined(change.checks, ", "));
    add(fields, "HOSTCHECK_REASON", change.reason);
    return fields;
  }
  const Finding& finding = change.finding;
  add(fields, "HOSTCHECK_ID", finding.id);
  add(fields, "HOSTCHECK_SEVERITY", std::string(checks::name_of(finding.severity)));
  add(fields, "HOSTCHECK_STATUS", std::string(checks::name_of(finding.status)));
  add(fields, "HOSTCHECK_SUBJECT", subject_of(finding));
  for (const auto& [name, value] : finding.subject) add(fields, field_name(name), checks::to_text(value));
  add(fields, "HOSTCHECK_SINCE", utc(change.since));
  return fields;
}

std::string notice_as_text(const std::string& state, const std::string& words, const Round& round) {
  return printable(fmt::format("{} {}: {}", utc(round.time), state, words)) + "\n";
}

std::string notice_as_ndjson(const std::string& state, const std::string& words, const Round& round) {
  Json out = head_of(state, round);
  out["reason"] = words;
  return dump(out, -1);
}

Fields notice_as_fields(const std::string& state, const std::string& words) {
  return common_fields(printable(state + ": " + words), state == "refused" ? "4" : "6", state);
}

}  // namespace hostcheck::report
