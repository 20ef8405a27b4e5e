#include "core/report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/facts/table.h"
#include "core/report/html_parts.h"

namespace hostcheck::report {
namespace {

using Row = conclude::ProbeRecord::Row;
using ::testing::HasSubstr;
using ::testing::Not;

facts::Value number(std::int64_t value) {
  return value;
}

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(EscapeMarkup, LeavesNothingThatABrowserActsOn) {
  EXPECT_EQ(escape_markup("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
  EXPECT_EQ(escape_markup("a\x1b[31m\x01"), "a\\x1b[31m\\x01");
  EXPECT_EQ(escape_markup("\xff"), "\\xff");
  EXPECT_EQ(escape_markup("gr\u00fcn \u00b7 \u4e2d"), "gr\u00fcn \u00b7 \u4e2d");
}

TEST(EscapeMarkup, LeavesNothingThatTurnsTheDirectionOfWriting) {
  EXPECT_EQ(escape_markup("a\u202eb\u2066c"), "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6c");
  EXPECT_EQ(escape_markup("\u2026"), "\u2026");  // an ellipsis is no such thing
}

checks::Finding finding_of(const std::string& id, checks::Severity severity) {
  checks::Finding finding;
  finding.id = id;
  finding.severity = severity;
  finding.summary = id + " is there";
  return finding;
}

conclude::JourneyRecord journey_of() {
  conclude::JourneyRecord journey;
  journey.netns = "init";
  journey.address = "203.0.113.7";
  journey.ifname = "eth0";
  journey.steps = {{"next_hop", "passes", "10.0.0.1", ""},
                   {"egress", "passes", "eth0, up", ""},
                   {"neighbour", "unknown", "no entry", ""},
                   {"firewall", "stops", "<drop>", ""},
                   {"qdisc", "passes", "none", ""}};
  return journey;
}

TEST(JourneyDrawing, MarksTheStepThatStopsThePacketAndClaimsNothingOfThoseBehind) {
  const std::string drawn = journey_svg(journey_of(), {});
  EXPECT_EQ(count_of(drawn, "mark good"), 2U);
  EXPECT_EQ(count_of(drawn, "mark bad"), 1U);
  EXPECT_EQ(count_of(drawn, "mark open"), 1U);
  EXPECT_THAT(drawn, HasSubstr("step strong\">firewall<"));
  EXPECT_THAT(drawn, HasSubstr("qdisc: not reached"));
  EXPECT_EQ(count_of(drawn, "class=\"ring\""), 1U);
  EXPECT_THAT(drawn, HasSubstr("next hop"));
  EXPECT_THAT(drawn, HasSubstr("&lt;drop&gt;"));
  EXPECT_EQ(journey_svg({}, {}), "");
}

TEST(JourneyDrawing, MarksTheStepThatAFindingIsAbout) {
  auto own = finding_of("nic.duplex_half", checks::Severity::warning);
  own.subject = {{"netns", std::string("init")}, {"interface", std::string("eth0")}};
  auto other = finding_of("nic.rx_errors", checks::Severity::warning);
  other.subject = {{"netns", std::string("init")}, {"interface", std::string("eth1")}};
  auto refuted = finding_of("neigh.gateway_slow", checks::Severity::warning);
  refuted.status = checks::Status::refuted;
  const std::vector<checks::Finding> findings = {own, other, refuted};
  const std::string drawn = journey_svg(journey_of(), findings);
  EXPECT_EQ(count_of(drawn, "mark warn"), 1U);
  EXPECT_THAT(drawn, HasSubstr("href=\"#nic.duplex_half\""));
  EXPECT_THAT(drawn, Not(HasSubstr("nic.rx_errors")));
  EXPECT_THAT(drawn, Not(HasSubstr("neigh.gateway_slow")));
}

TEST(WayDrawing, MarksThePlacesThatFindingsAreAbout) {
  const std::vector<checks::Finding> findings = {finding_of("listen.accept_queue_overflow", checks::Severity::critical),
                                                 finding_of("route.rp_filter_drops", checks::Severity::warning),
                                                 finding_of("path.packet_loss", checks::Severity::warning)};
  const std::string drawn = way_of(findings);
  EXPECT_EQ(count_of(drawn, "mark bad"), 1U);
  EXPECT_EQ(count_of(drawn, "mark warn"), 2U);
  EXPECT_EQ(count_of(drawn, "href=\"#route.rp_filter_drops\""), 1U);  // on the way in, not on the way out too
  EXPECT_THAT(drawn, HasSubstr("step strong\">accept queue<"));
}

TEST(WayDrawing, IsNotThereWhereNothingIsWrong) {
  auto refuted = finding_of("path.packet_loss", checks::Severity::warning);
  refuted.status = checks::Status::refuted;
  const std::vector<checks::Finding> findings = {refuted, finding_of("neigh.x", checks::Severity::info)};
  EXPECT_EQ(way_of(findings), "");
}

TEST(WayDrawing, HasAPlaceForEveryAreaOfFindings) {
  for (const char* area : {"listen", "tcp", "udp", "socket", "conntrack", "netfilter", "route", "neigh", "nic", "mtu",
                           "path", "dns", "softnet", "limits", "sysctl", "kernel"}) {
    const std::vector<checks::Finding> findings = {finding_of(std::string(area) + ".fault", checks::Severity::warning)};
    EXPECT_EQ(count_of(way_of(findings), "mark warn"), 1U) << area;
  }
}

conclude::QueueRecord queue_of(std::vector<conclude::QueueRecord::Point> points) {
  return {"init", "0.0.0.0:443", "nginx", std::move(points)};
}

TEST(QueueDrawing, ShowsTheStretchesOverTheLimitAndWhatWasDropped) {
  const std::string drawn =
      queue_svg(queue_of({{0, 500, 21, 3, 8, {}, 0}, {525, 1000, 20, 9, 8, 2, 6}, {1025, 2000, 40, 2, 8, 2, 6}}), 2000);
  EXPECT_EQ(count_of(drawn, "class=\"full\""), 1U);
  EXPECT_THAT(drawn, HasSubstr("nginx on 0.0.0.0:443"));
  EXPECT_THAT(drawn, HasSubstr("at most 9 of 8"));
  EXPECT_THAT(drawn, HasSubstr("over it in 20 of 81"));
  EXPECT_THAT(drawn, HasSubstr("limit 8"));
  EXPECT_THAT(drawn, HasSubstr("half-open, at most 2"));
  EXPECT_THAT(drawn, HasSubstr("dropped by this listener: 6"));
  EXPECT_EQ(count_of(drawn, "bar bad"), 1U);
}

TEST(QueueDrawing, AQueueAtItsLimitIsNotOverIt) {
  const std::string drawn = queue_svg(queue_of({{0, 2000, 81, 8, 8, 0, 0}}), 2000);
  EXPECT_EQ(count_of(drawn, "class=\"full\""), 0U);
  EXPECT_THAT(drawn, Not(HasSubstr("over it")));
  EXPECT_THAT(drawn, Not(HasSubstr("dropped")));
  EXPECT_THAT(drawn, Not(HasSubstr("half-open")));
}

TEST(DropsDrawing, HasARowForEachReasonInWordsToo) {
  conclude::Timeline timeline;
  timeline.span_ms = 2000;
  timeline.drops = {{"init", "NETFILTER_DROP", "nf_hook_slow", 30, {{0, 50, 10}, {1000, 1050, 20}}},
                    {"init", "", "", 1, {{500, 550, 1}}}};
  const std::string drawn = drops_svg(timeline);
  EXPECT_THAT(drawn, HasSubstr("30 packets, at most 400/s, in nf_hook_slow"));
  EXPECT_THAT(drawn, HasSubstr("a full conntrack table"));
  EXPECT_THAT(drawn, HasSubstr("no reason told"));
  EXPECT_EQ(count_of(drawn, "bar bad"), 3U);
  EXPECT_EQ(drops_svg({}), "");
}

TEST(DropsDrawing, ALongSliceIsSharedAmongTheBarsItLiesOver) {
  conclude::Timeline timeline;
  timeline.span_ms = 2000;
  timeline.drops = {{"init", "NO_SOCKET", "", 100, {{500, 1500, 100}}}};
  const std::string drawn = drops_svg(timeline);
  EXPECT_EQ(count_of(drawn, "bar bad"), 20U);
  EXPECT_THAT(drawn, HasSubstr("at most 100/s"));
}

Row hop(std::int64_t ttl, double loss, bool carried) {
  return {{"target", std::string("203.0.113.7")},
          {"protocol", std::string("tcp")},
          {"ttl", number(ttl)},
          {"address", "198.51.100." + std::to_string(ttl)},
          {"loss", loss},
          {"carried", number(carried ? 1 : 0)},
          {"rtt_min_ms", 1.0},
          {"rtt_median_ms", 2.0},
          {"rtt_max_ms", 4.0}};
}

TEST(HopsDrawing, ShowsLossThatGoesOnApartFromSilence) {
  const std::string drawn = hops_svg({hop(2, 0.5, false), hop(1, 0, false), hop(3, 0.25, true)});
  EXPECT_EQ(count_of(drawn, "<svg"), 1U);
  EXPECT_EQ(count_of(drawn, "bar bad"), 1U);
  EXPECT_THAT(drawn, HasSubstr("25 % lost"));
  EXPECT_THAT(drawn, HasSubstr("median 2.00 ms"));
  EXPECT_LT(drawn.find("198.51.100.1"), drawn.find("198.51.100.2"));
  EXPECT_EQ(hops_svg({}), "");
}

TEST(HopsDrawing, EachProtocolHasItsOwn) {
  auto other = hop(1, 0, false);
  other[1].second = std::string("udp");
  EXPECT_EQ(count_of(hops_svg({hop(1, 0, false), other}), "<svg"), 2U);
}

TEST(SweepDrawing, HasAMarkForEachPortAndACrossForADeadOne) {
  std::vector<Row> rows;
  for (std::int64_t port = 33000; port < 33064; ++port) {
    rows.push_back({{"address", std::string("203.0.113.7")},
                    {"port", number(5432)},
                    {"source_port", number(port)},
                    {"sent", number(3)},
                    {"answered", number(port % 8 == 0 ? 0 : 3)},
                    {"verdict", std::string(port % 8 == 0 ? "dead" : "live")}});
  }
  const std::string drawn = sweep_svg(rows);
  EXPECT_EQ(count_of(drawn, "class=\"cross\""), 8U);
  EXPECT_EQ(count_of(drawn, "cell good"), 56U);
  EXPECT_THAT(drawn, HasSubstr("33008: dead, 0 of 3 answered"));
  EXPECT_THAT(drawn, HasSubstr("8 dead, 56 live"));
  EXPECT_THAT(drawn, HasSubstr("cross: dead"));
}

TEST(SweepDrawing, FillsAPortByTheShareThatWasAnswered) {
  const std::string drawn = sweep_svg({{{"address", std::string("2001:db8::7")},
                                        {"port", number(5432)},
                                        {"source_port", number(33000)},
                                        {"sent", number(4)},
                                        {"answered", number(1)},
                                        {"verdict", std::string("live")}}});
  EXPECT_THAT(drawn, HasSubstr("height=\"2.5\" class=\"level-in\""));
  EXPECT_THAT(drawn, Not(HasSubstr("cross")));
}

TEST(Drawings, ReadColumnsThatTheTablesHave) {
  for (const char* column : {"target", "protocol", "ttl", "address", "loss", "carried", "limited", "rtt_min_ms",
                             "rtt_median_ms", "rtt_max_ms", "as_name"}) {
    EXPECT_TRUE(facts::find_table("probe_hops")->column(column)) << column;
  }
  for (const char* column : {"address", "port", "source_port", "sent", "answered", "verdict"}) {
    EXPECT_TRUE(facts::find_table("probe_sweep_ports")->column(column)) << column;
  }
}

conclude::Report report_of(checks::Status status) {
  conclude::Report report;
  report.host.name = "web-17";
  report.verdict = conclude::Verdict::critical;
  checks::Finding& finding = report.findings.emplace_back();
  finding.id = "listen.accept_queue_overflow";
  finding.severity = checks::Severity::critical;
  finding.status = status;
  finding.summary = "<i>redis</i> turns connections away";
  finding.because = "a probe said so";
  finding.evidence = {{"dropped", number(57), "SYNs", "sock_diag", "delta over 2.0 s", false}};
  return report;
}

TEST(Html, ShowsAFindingWithItsEvidence) {
  const std::string page = as_html(report_of(checks::Status::confirmed), 2);
  EXPECT_THAT(page, HasSubstr("CRITICAL · confirmed"));
  EXPECT_THAT(page, HasSubstr("href=\"#listen.accept_queue_overflow\""));
  EXPECT_EQ(count_of(page, "id=\"listen.accept_queue_overflow\""), 1U);
  EXPECT_THAT(page, HasSubstr("&lt;i&gt;redis&lt;/i&gt; turns connections away"));
  EXPECT_THAT(page, HasSubstr("57 SYNs"));
  EXPECT_THAT(page, HasSubstr("delta over 2.0 s · sock_diag"));
  EXPECT_THAT(page, HasSubstr("exit 2"));
  EXPECT_THAT(page, Not(HasSubstr("<h2>Refuted</h2>")));
}

TEST(Html, ARefutedFindingIsNoFinding) {
  const std::string page = as_html(report_of(checks::Status::refuted), 0);
  EXPECT_THAT(page, HasSubstr("<h2>Refuted</h2>"));
  EXPECT_THAT(page, HasSubstr("listen.accept_queue_overflow: a probe said so"));
  EXPECT_THAT(page, Not(HasSubstr("CRITICAL")));
}

TEST(Html, OfManyLikeFindingsTheFirstAreOpen) {
  conclude::Report report = report_of(checks::Status::confirmed);
  for (int more = 0; more < 9; ++more) report.findings.push_back(report.findings.front());
  const std::string page = as_html(report, 2);
  EXPECT_EQ(count_of(page, "<article"), 1U);
  EXPECT_EQ(count_of(page, "<h3>&lt;i&gt;redis"), 10U);
  EXPECT_THAT(page, HasSubstr("and 5 more like these"));
}

TEST(Html, SaysWhatCouldNotBeJudged) {
  conclude::Report report;
  report.verdict = conclude::Verdict::unknown;
  report.unjudged = "no check could be run";
  checks::CheckResult& check = report.checks.emplace_back();
  check.id = "nic.partner_modes";
  check.outcome = checks::Outcome::unknown;
  check.reason = "the driver does not tell";
  check.remedy = "run as root";
  const std::string page = as_html(report, 3);
  EXPECT_THAT(page, HasSubstr("no check could be run"));
  EXPECT_THAT(page, HasSubstr("the driver does not tell; to see it: run as root"));
  EXPECT_THAT(page, HasSubstr("nic.partner_modes"));
}

}  // namespace
}  // namespace hostcheck::report
