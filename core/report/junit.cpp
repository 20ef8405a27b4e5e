#include <iterator>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "core/base/version.h"
#include "core/report/markup.h"
#include "core/report/render.h"
#include "core/report/tally.h"

namespace hostcheck::report {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Severity;
using checks::Status;

std::string_view area_of(std::string_view id) {
  return id.substr(0, id.find('.'));
}

// What is known of a check beside its result.
struct About {
  std::vector<const Finding*> findings;
  std::vector<const conclude::SuppressedFinding*> suppressed;
};
using ById = std::map<std::string_view, About>;

ById about_checks(const conclude::Report& report) {
  ById all;
  for (const Finding& each : report.findings) all[each.id].findings.push_back(&each);
  for (const auto& each : report.suppressed) all[each.finding.id].suppressed.push_back(&each);
  return all;
}

bool fails(const Finding& finding) {
  return finding.status != Status::refuted && finding.severity != Severity::info;
}

std::string words_of(const Finding& finding) {
  std::string out = fmt::format("{} ({}): {}\n", report::word_of(finding.severity), name_of(finding.status),
                                escape_markup(finding.summary));
  if (!finding.because.empty()) out += "  " + escape_markup(finding.because) + "\n";
  for (const checks::Fix& fix : finding.fix) {
    out += "  do: " + escape_markup(fix.text) + (fix.command.empty() ? "" : ": " + escape_markup(fix.command)) + "\n";
  }
  return out;
}

enum class Kind { passed, failure, error, skipped };

struct Case {
  Kind kind = Kind::passed;
  std::string xml;
};

// What a check with findings, or findings set aside, is as a test case: the kind and the element inside.
Case judged(const CheckResult& check, const About& about) {
  std::vector<const Finding*> bad;
  std::string all;
  for (const Finding* each : about.findings) {
    if (fails(*each)) bad.push_back(each);
    all += words_of(*each);
  }
  if (!bad.empty()) {
    const std::string more = bad.size() == 1 ? "" : fmt::format(" (and {} more)", bad.size() - 1);
    return {Kind::failure, fmt::format("      <failure message=\"{}{}\" type=\"{}\">{}</failure>\n",
                                       escape_markup(bad.front()->summary), more, name_of(bad.front()->severity), all)};
  }
  if (!about.suppressed.empty() && about.findings.empty()) {
    const auto& first = *about.suppressed.front();
    return {Kind::skipped, fmt::format("      <skipped message=\"set aside: {} [{}]\"/>\n",
                                       escape_markup(first.by.reason), escape_markup(first.by.origin))};
  }
  if (!check.reason.empty()) all += escape_markup(check.reason) + "\n";  // the part that could not be judged
  if (all.empty()) return {};
  return {Kind::passed, "      <system-out>" + all + "</system-out>\n"};
}

Case case_of(const CheckResult& check, const ById& known) {
  Case made;
  const auto found = known.find(check.id);
  switch (check.outcome) {
    case Outcome::finding:
    case Outcome::clear:
      made = judged(check, found == known.end() ? About{} : found->second);
      break;
    case Outcome::error:
      made = {Kind::error, fmt::format("      <error message=\"{}\" type=\"error\"/>\n", escape_markup(check.reason))};
      break;
    case Outcome::unknown:
    case Outcome::skipped:
      made = {Kind::skipped, fmt::format("      <skipped message=\"{}: {}{}{}\"/>\n", name_of(check.outcome),
                                         escape_markup(check.reason),
                                         check.remedy.empty() ? "" : "; to see it: ", escape_markup(check.remedy))};
      break;
  }
  const std::string head = fmt::format("    <testcase classname=\"hostcheck.{}\" name=\"{}\" time=\"{:.6f}\"",
                                       escape_markup(area_of(check.id)), escape_markup(check.id),
                                       std::chrono::duration<double>(check.duration).count());
  made.xml = made.xml.empty() ? head + "/>\n" : head + ">\n" + made.xml + "    </testcase>\n";
  return made;
}

struct Totals {
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t errors = 0;
  std::size_t skipped = 0;

  void add(Kind kind) {
    ++tests;
    failures += std::size_t{kind == Kind::failure};
    errors += std::size_t{kind == Kind::error};
    skipped += std::size_t{kind == Kind::skipped};
  }
  void add(const Totals& other) {
    tests += other.tests;
    failures += other.failures;
    errors += other.errors;
    skipped += other.skipped;
  }
  [[nodiscard]] std::string attributes() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"", tests, failures, errors, skipped);
  }
};

struct Suite {
  Totals totals;
  std::chrono::microseconds time{0};
  std::string cases;
};

}  // namespace

std::string as_junit(const conclude::Report& report) {
  const ById known = about_checks(report);
  std::map<std::string_view, Suite> suites;
  Totals totals;
  for (const CheckResult& check : report.checks) {
    Suite& suite = suites[area_of(check.id)];
    const Case made = case_of(check, known);
    suite.totals.add(made.kind);
    suite.time += check.duration;
    suite.cases += made.xml;
  }
  for (const auto& [area, suite] : suites) totals.add(suite.totals);
  std::string out =
      fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hostcheck\" {} time=\"{:.3f}\">\n",
                  totals.attributes(), std::chrono::duration<double>(report.duration).count());
  const std::string when = utc(report.started).substr(0, 19);  // xs:dateTime without a zone, as JUnit's schema has it
  for (const auto& [area, suite] : suites) {
    fmt::format_to(std::back_inserter(out),
                   "  <testsuite name=\"{}\" {} time=\"{:.6f}\" timestamp=\"{}\" hostname=\"{}\">\n",
                   escape_markup(area), suite.totals.attributes(), std::chrono::duration<double>(suite.time).count(),
                   when, escape_markup(report.host.name));
    fmt::format_to(
        std::back_inserter(out),
        "    <properties>\n      <property name=\"hostcheck\" value=\"{}\"/>\n      <property name=\"kernel\" "
        "value=\"{}\"/>\n      <property name=\"netns\" value=\"{}\"/>\n      <property name=\"verdict\" "
        "value=\"{}\"/>\n"
        "    </properties>\n",
        version(), escape_markup(report.host.kernel), escape_markup(report.host.netns), name_of(report.verdict));
    out += suite.cases + "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace hostcheck::report
