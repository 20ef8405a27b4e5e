#include <iterator>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/version.h"
#include "core/report/layout.h"
#include "core/report/render.h"
#include "core/report/tally.h"

namespace hostcheck::report {
namespace {

using checks::Outcome;
using checks::Severity;
using checks::Status;
using conclude::Verdict;

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// A label's value between its quotes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

// Collects the exposition, a family of samples at a time.
class Exposition {
 public:
  void family(std::string_view name, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
  }
  void sample(const Labels& labels, std::size_t value) { sample(labels, fmt::format("{}", value)); }
  void sample(const Labels& labels, std::chrono::milliseconds time) {
    sample(labels, fmt::format("{}.{:03}", time.count() / 1000, time.count() % 1000));
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void sample(const Labels& labels, const std::string& value) {
    text_ += name_;
    char before = '{';
    for (const auto& [name, text] : labels) {
      fmt::format_to(std::back_inserter(text_), "{}{}=\"{}\"", before, name, escaped(text));
      before = ',';
    }
    if (!labels.empty()) text_ += '}';
    text_ += ' ' + value + '\n';
  }

  std::string name_;
  std::string text_;
};

void add_run(const conclude::Report& report, Exposition& out) {
  out.family("hostcheck_info", "What wrote these metrics, and the kernel and namespaces that it looked at; always 1.");
  out.sample({{"version", std::string(version())}, {"kernel", report.host.kernel}, {"netns", report.host.netns}},
             std::size_t{1});
  out.family("hostcheck_last_run_timestamp_seconds",
             "When the last run began, or the snapshot that it judged was taken, as Unix time.");
  out.sample({}, std::chrono::duration_cast<std::chrono::milliseconds>(report.started.time_since_epoch()));
  out.family("hostcheck_run_duration_seconds", "How long the last run took.");
  out.sample({}, report.duration);
  out.family("hostcheck_observation_seconds", "How long the last run watched what moves; 0: it did not.");
  out.sample({}, report.observed);
  out.family("hostcheck_verdict", "1 for the verdict of the last run, 0 for every other.");
  for (const Verdict each : {Verdict::ok, Verdict::warning, Verdict::critical, Verdict::unknown}) {
    out.sample({{"verdict", std::string(name_of(each))}}, std::size_t{report.verdict == each});
  }
}

void add_findings(const conclude::Report& report, Exposition& out) {
  std::map<std::tuple<std::string, Severity, Status>, std::size_t> numbers;
  for (const checks::Finding& each : report.findings) ++numbers[{each.id, each.severity, each.status}];
  out.family("hostcheck_findings",
             "Findings of the last run by check, severity and status; what a probe refuted counts for nothing.");
  for (const auto& [key, number] : numbers) {
    const auto& [id, severity, status] = key;
    out.sample({{"id", id}, {"severity", std::string(name_of(severity))}, {"status", std::string(name_of(status))}},
               number);
  }
  std::map<std::pair<std::string, Severity>, std::size_t> aside;
  for (const auto& each : report.suppressed) ++aside[{each.finding.id, each.finding.severity}];
  out.family("hostcheck_suppressed_findings", "Findings of the last run that the configuration sets aside.");
  for (const auto& [key, number] : aside) {
    out.sample({{"id", key.first}, {"severity", std::string(name_of(key.second))}}, number);
  }
}

void add_checks(const conclude::Report& report, Exposition& out) {
  out.family("hostcheck_checks", "Checks of the last run by what became of them.");
  for (const Outcome each : {Outcome::finding, Outcome::clear, Outcome::unknown, Outcome::error, Outcome::skipped}) {
    out.sample({{"outcome", std::string(name_of(each))}}, count(report, each));
  }
  std::size_t packets = 0;
  for (const conclude::ProbeRecord& each : report.probes) packets += each.packets;
  out.family("hostcheck_probes", "Probes that the last run sent.");
  out.sample({}, report.probes.size());
  out.family("hostcheck_probe_packets", "Packets of those probes.");
  out.sample({}, packets);
}

}  // namespace

std::string as_prometheus(const conclude::Report& report) {
  Exposition out;
  add_run(report, out);
  add_findings(report, out);
  add_checks(report, out);
  return out.take();
}

}  // namespace hostcheck::report
