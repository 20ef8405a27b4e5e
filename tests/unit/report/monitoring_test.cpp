// What monitoring and CI read, of made-up runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/version.h"
#include "core/report/render.h"

namespace hostcheck::report {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Severity;
using checks::Status;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

CheckResult check(const std::string& id, Outcome outcome, const std::string& reason = {}) {
  CheckResult made;
  made.id = id;
  made.outcome = outcome;
  made.reason = reason;
  made.duration = std::chrono::microseconds(80);
  return made;
}

Finding finding(const std::string& id, Severity severity, Status status, const std::string& summary) {
  Finding made;
  made.id = id;
  made.severity = severity;
  made.status = status;
  made.summary = summary;
  return made;
}

conclude::Report healthy() {
  conclude::Report report;
  report.host = {"web-17", "6.1.0-18", "init", "b", "m"};
  report.started = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'767'235'927'042));
  report.duration = std::chrono::milliseconds(2310);
  report.observed = std::chrono::milliseconds(2000);
  report.checks = {check("listen.a", Outcome::clear), check("tcp.b", Outcome::clear)};
  return report;
}

conclude::Report ill() {
  conclude::Report report = healthy();
  report.verdict = conclude::Verdict::critical;
  report.checks = {
      check("listen.a", Outcome::finding), check("listen.c", Outcome::unknown, "listeners in init: not permitted"),
      check("nic.d", Outcome::finding),    check("nic.e", Outcome::skipped, "--skip nic.e"),
      check("tcp.b", Outcome::clear),      check("tcp.f", Outcome::error, "f.toml:3: no such column"),
      check("tcp.g", Outcome::finding),    check("tcp.h", Outcome::finding)};
  report.findings = {finding("listen.a", Severity::critical, Status::confirmed, "port 443 | full"),
                     finding("listen.a", Severity::critical, Status::confirmed, "port 80 is full"),
                     finding("nic.d", Severity::warning, Status::suspected, "eth0 <half> & \"slow\""),
                     finding("tcp.g", Severity::warning, Status::refuted, "lost"),
                     finding("tcp.h", Severity::info, Status::confirmed, "a note")};
  report.findings[0].fix = {{"raise it", "sysctl -w net.core.somaxconn=4096", "", ""}};
  conclude::ProbeRecord probe;
  probe.packets = 12;
  report.probes = {probe};
  return report;
}

conclude::SuppressedFinding set_aside(const std::string& id) {
  return {finding(id, Severity::warning, Status::confirmed, "known"), {id, "", "ticket 7", std::nullopt, "c.toml:1"}};
}

TEST(Prometheus, OfAHealthyHostWordForWord) {
  const std::string text = as_prometheus(healthy());
  EXPECT_THAT(text, HasSubstr("# TYPE hostcheck_info gauge\nhostcheck_info{version=\"" + std::string(version()) +
                              "\",kernel=\"6.1.0-18\",netns=\"init\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_last_run_timestamp_seconds 1767235927.042\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_run_duration_seconds 2.310\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_observation_seconds 2.000\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_verdict{verdict=\"ok\"} 1\nhostcheck_verdict{verdict=\"warning\"} 0\n"
                              "hostcheck_verdict{verdict=\"critical\"} 0\nhostcheck_verdict{verdict=\"unknown\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_checks{outcome=\"clear\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("hostcheck_findings{")));
  EXPECT_THAT(text, EndsWith("\n"));
}

TEST(Prometheus, CountsFindingsByIdSeverityAndStatus) {
  conclude::Report report = ill();
  report.suppressed = {set_aside("tcp.x"), set_aside("tcp.x")};
  const std::string text = as_prometheus(report);
  EXPECT_THAT(text, HasSubstr("\nhostcheck_findings{id=\"listen.a\",severity=\"critical\",status=\"confirmed\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_findings{id=\"tcp.g\",severity=\"warning\",status=\"refuted\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_suppressed_findings{id=\"tcp.x\",severity=\"warning\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_checks{outcome=\"finding\"} 4\nhostcheck_checks{outcome=\"clear\"} 1\n"
                              "hostcheck_checks{outcome=\"unknown\"} 1\nhostcheck_checks{outcome=\"error\"} 1\n"
                              "hostcheck_checks{outcome=\"skipped\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_probes 1\n"));
  EXPECT_THAT(text, HasSubstr("\nhostcheck_probe_packets 12\n"));
}

TEST(Prometheus, KeepsForeignNamesInTheirQuotes) {
  conclude::Report report = healthy();
  report.host.netns = "a\"b\\c\n\xff";
  EXPECT_THAT(as_prometheus(report), HasSubstr("netns=\"a\\\"b\\\\c\\\\x0a\\\\xff\"} 1\n"));
}

TEST(Nagios, OfAHealthyHostIsOneLine) {
  EXPECT_EQ(as_nagios(healthy()),
            "HOSTCHECK OK: 2 checks clear, nothing found | critical=0;;0;0; warning=0;0;;0; info=0;;;0; "
            "clear=2;;;0;2 unknown=0;;;0;2 failed=0;;;0;2 suppressed=0;;;0; duration=2.310s;;;0;\n");
}

TEST(Nagios, SaysTheFirstFindingAndListsTheRest) {
  EXPECT_EQ(as_nagios(ill()),
            "HOSTCHECK CRITICAL: port 443 / full (and 2 other findings) | critical=2;;0;0; warning=1;0;;0; "
            "info=1;;;0; clear=1;;;0;7 unknown=1;;;0;7 failed=1;;;0;7 suppressed=0;;;0; duration=2.310s;;;0;\n"
            "CRITICAL listen.a (confirmed): port 443 / full\n"
            "  do: raise it: sysctl -w net.core.somaxconn=4096\n"
            "CRITICAL listen.a (confirmed): port 80 is full\n"
            "WARNING nic.d (suspected): eth0 <half> & \"slow\"\n"
            "INFO tcp.h (confirmed): a note\n"
            "failed tcp.f: f.toml:3: no such column\n"
            "unknown listen.c: listeners in init: not permitted\n");
}

TEST(Nagios, SaysWhyAHostCouldNotBeJudged) {
  conclude::Report report = healthy();
  report.verdict = conclude::Verdict::unknown;
  report.unjudged = "this host could not be judged: no check was run";
  EXPECT_THAT(as_nagios(report), StartsWith("HOSTCHECK UNKNOWN: this host could not be judged: no check was run | "));
  EXPECT_EQ(nagios_failure("open | x:\nno"), "HOSTCHECK UNKNOWN: open / x:\\x0ano\n");
}

TEST(Npd, IsOneLineThatIsNotCut) {
  EXPECT_EQ(as_npd(healthy()), "2 checks clear, nothing found\n");
  EXPECT_EQ(as_npd(ill()), "port 443 | full (and 2 other findings)\n");
  conclude::Report report = ill();
  report.findings.front().summary = std::string(1000, 'x') + "\n";
  const std::string line = as_npd(report);
  EXPECT_LE(line.size(), kNpdBytes + 1);
  EXPECT_THAT(line, HasSubstr("... (and 2 other findings)\n"));
  report.verdict = conclude::Verdict::unknown;
  report.unjudged = "this host could not be judged: no check was run";
  EXPECT_EQ(as_npd(report), report.unjudged + "\n");
}

TEST(Nagios, IsNeverLargerThanMonitoringKeeps) {
  conclude::Report report = healthy();
  report.verdict = conclude::Verdict::warning;
  for (int number = 0; number < 300; ++number) {
    std::string summary = std::to_string(number) + ": ";
    for (int part = 0; part < 400; ++part) summary += "·";
    report.findings.push_back(finding("nic.d", Severity::warning, Status::confirmed, summary));
  }
  const std::string text = as_nagios(report);
  EXPECT_LE(text.size(), kNagiosBytes);
  EXPECT_GT(text.size(), kNagiosBytes / 2);
  EXPECT_THAT(text, HasSubstr("·... (and 299 other findings)"));
  EXPECT_THAT(text, ::testing::ContainsRegex("\nand [0-9]+ more lines\n$"));
  EXPECT_THAT(text.substr(0, text.find('\n')), HasSubstr(" | critical=0;"));
}

TEST(Junit, HasACaseACheck) {
  const std::string text = as_junit(ill());
  EXPECT_THAT(text, StartsWith("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hostcheck\" tests=\"8\" "
                               "failures=\"2\" errors=\"1\" skipped=\"2\" time=\"2.310\">\n"));
  EXPECT_THAT(text, HasSubstr("<testsuite name=\"nic\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\" "
                              "time=\"0.000160\" timestamp=\"2026-01-01T02:52:07\" hostname=\"web-17\">"));
  EXPECT_THAT(text, HasSubstr("<testcase classname=\"hostcheck.tcp\" name=\"tcp.b\" time=\"0.000080\"/>"));
  EXPECT_THAT(text, HasSubstr("<failure message=\"port 443 | full (and 1 more)\" type=\"critical\">"));
  EXPECT_THAT(text, HasSubstr("<failure message=\"eth0 &lt;half&gt; &amp; &quot;slow&quot;\" type=\"warning\">"));
  EXPECT_THAT(text, HasSubstr("<error message=\"f.toml:3: no such column\" type=\"error\"/>"));
  EXPECT_THAT(text, HasSubstr("<skipped message=\"unknown: listeners in init: not permitted\"/>"));
  EXPECT_THAT(text, HasSubstr("<skipped message=\"skipped: --skip nic.e\"/>"));
}

TEST(Junit, PassesWhatIsRefutedOrOnlyANote) {
  const std::string text = as_junit(ill());
  EXPECT_THAT(text, HasSubstr("<system-out>WARNING (refuted): lost\n</system-out>"));
  EXPECT_THAT(text, HasSubstr("<system-out>INFO (confirmed): a note\n</system-out>"));
}

TEST(Junit, SkipsWhatIsSetAside) {
  conclude::Report report = healthy();
  report.checks[1].outcome = Outcome::finding;
  report.suppressed = {set_aside("tcp.b")};
  EXPECT_THAT(as_junit(report), HasSubstr("<skipped message=\"set aside: ticket 7 [c.toml:1]\"/>"));
}

TEST(Junit, HoldsNothingThatXmlCannotHold) {
  conclude::Report report = ill();
  report.findings[0].summary = "a\x01z\xef\xbf\xbe-\xff";
  EXPECT_THAT(as_junit(report), HasSubstr("message=\"a\\x01z\xef\xbf\xbd-\\xff (and 1 more)\""));
}

}  // namespace
}  // namespace hostcheck::report
