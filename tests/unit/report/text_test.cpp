// The text report of made-up runs, word for word.
#include "core/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/version.h"
#include "core/report/layout.h"
#include "core/report/render.h"

namespace hostcheck::report {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Severity;
using checks::Status;
using ::testing::HasSubstr;
using ::testing::Not;

CheckResult check(const std::string& id, Outcome outcome, const std::string& reason = {},
                  const std::string& remedy = {}) {
  CheckResult made;
  made.id = id;
  made.outcome = outcome;
  made.reason = reason;
  made.remedy = remedy;
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

Finding overflow() {
  Finding made;
  made.id = "listen.accept_queue_overflow";
  made.severity = Severity::critical;
  made.status = Status::confirmed;
  made.subject = {{"netns", std::string("init")}, {"port", std::int64_t{6379}}};
  made.summary = "redis-server on 0.0.0.0:6379 turns connections away: it does not accept them fast enough";
  made.why = "Clients wait and time out.";
  made.evidence = {{"accept queue", std::int64_t{129}, "connections", "sock_diag idiag_rqueue", "now"},
                   {"dropped", std::int64_t{57}, "SYNs", "sock_diag SK_MEMINFO_DROPS", "delta over 2.0 s"}};
  made.excluded = {{"conntrack.table_full", "61 of 262144 entries"}, {"tcp.paws_drops", "clear"}};
  made.not_excluded = {"netfilter.drops_service_port: needs CAP_NET_ADMIN"};
  made.fix = {{"raise the limit", "sysctl -w net.core.somaxconn=4096", "/etc/sysctl.d/90-hostcheck.conf", ""}};
  made.effects = {"tcp.syn_unanswered"};
  return made;
}

Finding unanswered() {
  Finding made;
  made.id = "tcp.syn_unanswered";
  made.severity = Severity::warning;
  made.status = Status::confirmed;
  made.subject = {{"netns", std::string("init")}, {"port", std::int64_t{6379}}};
  made.summary = "412 SYN retransmissions of these clients";
  made.causes = {"listen.accept_queue_overflow"};
  return made;
}

std::string header() {
  return "hostcheck " + std::string(version()) + " · web-17 · Linux 6.1.0-18 · namespace init · ";
}

TEST(Text, OfAHealthyHostIsThreeLines) {
  EXPECT_EQ(as_text(healthy(), {}), header() +
                                        "watched 2.0 s · 02:52:07Z\n"
                                        "OK        2 checks clear, nothing found\n"
                                        "2.3 s · exit 0 · --format json for machines\n");
}

TEST(Text, SaysWhatAnObservationWithoutBpfCannotSee) {
  conclude::Report report = healthy();
  report.capabilities = {{"root", false, "user 7", "much"},
                         {"observe: handshake trace", false, "no CAP_BPF", "who got no answer"},
                         {"observe: resets", false, "no CAP_BPF", "who sent resets"},
                         {"observe: sock_diag and counters", true, "opens", "everything"}};
  EXPECT_THAT(as_text(report, {}), HasSubstr("unseen    for lack of BPF: who got no answer; who sent resets. What"));
  EXPECT_THAT(as_text(report, {}), Not(HasSubstr("everything")));
}

TEST(Text, SaysNothingOfAMethodThatOlderKernelsLack) {
  conclude::Report report = healthy();
  report.capabilities = {{"observe: handshake trace", true, "tracepoints", "who got no answer"},
                         {"observe: reset reasons", false, "Linux 6.10", "why resets were sent"}};
  EXPECT_THAT(as_text(report, {}), Not(HasSubstr("unseen")));
}

TEST(Text, OfAHealthyHostIsNothingWhenQuiet) {
  TextOptions quiet;
  quiet.quiet = true;
  EXPECT_EQ(as_text(healthy(), quiet), "");
}

TEST(Text, PutsTheCauseFirstWithAllThatBelongsToIt) {
  conclude::Report report = healthy();
  report.findings = {overflow(), unanswered()};
  report.verdict = conclude::Verdict::critical;
  TextOptions options;
  options.exit_status = 2;
  EXPECT_EQ(as_text(report, options),
            header() +
                "watched 2.0 s · 02:52:07Z\n"
                "\n"
                "CRITICAL  redis-server on 0.0.0.0:6379 turns connections away: it does not accept them fast enough\n"
                "          accept queue: 129 connections · dropped: 57 SYNs in 2.0 s\n"
                "  not     conntrack.table_full (61 of 262144 entries) · tcp.paws_drops\n"
                "  perhaps netfilter.drops_service_port: needs CAP_NET_ADMIN\n"
                "  do      raise the limit: sysctl -w net.core.somaxconn=4096\n"
                "          over a reboot: /etc/sysctl.d/90-hostcheck.conf\n"
                "  shows as  tcp.syn_unanswered: 412 SYN retransmissions of these clients\n"
                "  listen.accept_queue_overflow · confirmed · hostcheck explain listen.accept_queue_overflow\n"
                "\n"
                "clear     2 checks\n"
                "\n"
                "2.3 s · exit 2 · --format json for machines\n");
}

TEST(Text, ShowsAnEffectByItselfWhenItIsWorseThanItsCause) {
  conclude::Report report = healthy();
  report.findings = {overflow(), unanswered()};
  report.findings[0].severity = Severity::info;
  const std::string text = as_text(report, {});
  EXPECT_THAT(text, HasSubstr("WARNING   412 SYN retransmissions"));
  EXPECT_THAT(text, HasSubstr("  caused by listen.accept_queue_overflow\n"));
}

TEST(Text, SaysFirstThatAHostCouldNotBeJudged) {
  conclude::Report report = healthy();
  report.verdict = conclude::Verdict::unknown;
  report.unjudged = "this host could not be judged: 3 of 4 checks could not see what they judge by";
  report.checks = {check("a.a", Outcome::clear), check("b.b", Outcome::unknown, "needs CAP_NET_ADMIN", "run as root"),
                   check("c.c", Outcome::unknown, "needs CAP_NET_ADMIN", "run as root"),
                   check("d.d", Outcome::unknown, "eth0: the driver does not tell; 3 more")};
  TextOptions options;
  options.exit_status = 3;
  EXPECT_EQ(as_text(report, options),
            header() +
                "watched 2.0 s · 02:52:07Z\n"
                "\n"
                "UNKNOWN   this host could not be judged: 3 of 4 checks could not see what they judge by\n"
                "\n"
                "clear     1 check\n"
                "unknown   2 checks: needs CAP_NET_ADMIN; to see it: run as root\n"
                "          b.b, c.c\n"
                "          1 check: eth0: the driver does not tell\n"
                "          d.d\n"
                "\n"
                "2.3 s · exit 3 · --format json for machines\n");
}

TEST(Text, ShowsFiveRowsOfACheckAndCountsTheRest) {
  conclude::Report report = healthy();
  for (int at = 0; at < 200; ++at) {
    Finding each = overflow();
    each.effects.clear();
    each.subject[1].second = std::int64_t{at};
    each.summary = "listener " + std::to_string(at);
    report.findings.push_back(each);
  }
  const std::string text = as_text(report, {});
  EXPECT_THAT(text, HasSubstr("listener 4\n"));
  EXPECT_THAT(text, Not(HasSubstr("listener 5\n")));
  EXPECT_THAT(text, HasSubstr("and 195 more like these (--verbose shows them)"));
  TextOptions verbose;
  verbose.verbose = true;
  EXPECT_THAT(as_text(report, verbose), HasSubstr("listener 199\n"));
}

TEST(Text, GroupsByNamespaceWhenThereAreSeveral) {
  conclude::Report report = healthy();
  report.host.netns = "init, web";
  report.findings = {overflow(), unanswered()};
  report.findings[0].effects.clear();
  report.findings[1].subject[0].second = std::string("web");
  const std::string text = as_text(report, {});
  EXPECT_THAT(text, HasSubstr("\nnamespace init\nCRITICAL"));
  EXPECT_THAT(text, HasSubstr("\nnamespace web\nWARNING"));
}

TEST(Text, ColoursTheFirstWordOnly) {
  conclude::Report report = healthy();
  report.findings = {overflow()};
  TextOptions colour;
  colour.colour = true;
  const std::string text = as_text(report, colour);
  EXPECT_THAT(text, HasSubstr("\x1b[1;31mCRITICAL\x1b[0m  redis-server"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\x1b'), 2);
  EXPECT_THAT(as_text(report, {}), Not(HasSubstr("\x1b")));
}

TEST(Text, NamesRefutedFindingsApart) {
  conclude::Report report = healthy();
  report.findings = {overflow()};
  report.findings[0].status = Status::refuted;
  const std::string text = as_text(report, {});
  EXPECT_THAT(text, Not(HasSubstr("CRITICAL")));
  EXPECT_THAT(text, HasSubstr("refuted   listen.accept_queue_overflow: redis-server"));
}

TEST(Text, NamesEachFailedCheckWithItsPlaceAndTellsOneReasonOnce) {
  conclude::Report report = healthy();
  report.findings = {overflow()};
  report.checks = {check("a.a", Outcome::error, "a.toml:3: no such table"),
                   check("b.b", Outcome::error, "b.toml:7: no such table"),
                   check("c.c", Outcome::unknown, "links in init: denied", "run as root"),
                   check("d.d", Outcome::unknown, "routes in init: denied; 2 more", "run as root")};
  const std::string text = as_text(report, {});
  EXPECT_THAT(text, HasSubstr("failed    a.a: a.toml:3: no such table\n          b.b: b.toml:7: no such table\n"));
  EXPECT_THAT(text, HasSubstr("unknown   2 checks: links in init, routes in init: denied; to see it: run as root\n"
                              "          c.c, d.d\n"));
}

TEST(Text, StaysUnderOneHundredColumnsAndMakesForeignNamesHarmless) {
  conclude::Report report = healthy();
  report.host.name = std::string(120, 'h');
  report.findings = {overflow()};
  Finding& hostile = report.findings[0];
  hostile.summary = "process \x1b[2J" + std::string(300, 'x') + " does it";
  hostile.evidence[0].what = std::string(150, 'w');
  hostile.fix[0].command = "sysctl -w " + std::string(60, 'a') + " " + std::string(60, 'b') + " c";
  report.checks.push_back(check("e.e", Outcome::unknown, std::string(250, 'r'), "run as root"));
  for (const bool verbose : {false, true}) {
    TextOptions options;
    options.verbose = verbose;
    const std::string text = as_text(report, options);
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    for (const std::string_view line : split_lines(text)) EXPECT_LT(width_of(line), 100U) << line;
  }
}

TEST(Text, BreaksALongCommandSoThatItCanStillBePasted) {
  conclude::Report report = healthy();
  report.findings = {overflow()};
  report.findings[0].fix[0].command =
      "nft add rule inet filter input tcp dport 6379 ct state new limit rate 100/second "
      "burst 50 packets counter accept comment \"redis\"";
  EXPECT_THAT(as_text(report, {}), HasSubstr(" \\\n            "));
}

TEST(Utc, HasMilliseconds) {
  EXPECT_EQ(utc(std::chrono::system_clock::time_point(std::chrono::milliseconds(1'767'225'600'007))),
            "2026-01-01T00:00:00.007Z");
}

}  // namespace
}  // namespace hostcheck::report
