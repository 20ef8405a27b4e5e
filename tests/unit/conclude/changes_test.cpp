#include "core/conclude/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::conclude {
namespace {

using checks::CheckResult;
using checks::Finding;
using checks::Outcome;
using checks::Severity;
using checks::Status;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Finding finding(const std::string& subject, Status status = Status::confirmed, Severity severity = Severity::warning) {
  Finding made;
  made.id = "nic.link_flaps";
  made.severity = severity;
  made.status = status;
  made.subject = {{"ifname", subject}};
  return made;
}

CheckResult check(Outcome outcome, const std::string& reason = {}, const std::string& id = "nic.link_flaps") {
  CheckResult made;
  made.id = id;
  made.outcome = outcome;
  made.reason = reason;
  return made;
}

// A round with these findings of one check; its outcome follows from them unless it is given.
Report round_of(std::vector<Finding> findings, std::vector<CheckResult> checks = {}) {
  Report report;
  report.findings = std::move(findings);
  if (checks.empty()) checks = {check(report.findings.empty() ? Outcome::clear : Outcome::finding)};
  report.checks = std::move(checks);
  return report;
}

// "new eth0", "unjudged a.b,c.d"
std::vector<std::string> words(const std::vector<Change>& changes) {
  std::vector<std::string> out;
  for (const Change& each : changes) {
    std::string word(name_of(each.state));
    if (each.checks.empty()) word += " " + std::get<std::string>(each.finding.subject.at(0).second);
    for (const std::string& id : each.checks) word += (&id == &each.checks.front() ? " " : ",") + id;
    out.push_back(word);
  }
  return out;
}

TEST(Changes, TellsAFindingOnceAndThatItIsOverAfterTwoRoundsWithoutIt) {
  Changes changes;
  EXPECT_THAT(words(changes.next(round_of({finding("eth0")}))), ElementsAre("new eth0"));
  EXPECT_THAT(words(changes.next(round_of({finding("eth0")}))), IsEmpty());
  EXPECT_THAT(words(changes.next(round_of({}))), IsEmpty());
  EXPECT_EQ(changes.open(), 1U);
  EXPECT_THAT(words(changes.next(round_of({}))), ElementsAre("cleared eth0"));
  EXPECT_EQ(changes.open(), 0U);
  EXPECT_THAT(words(changes.next(round_of({}))), IsEmpty());
}

TEST(Changes, SaysNothingOfWhatIsAwayForOneRound) {
  Changes changes;
  static_cast<void>(changes.next(round_of({finding("eth0")})));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(words(changes.next(round_of({}))), IsEmpty());
    EXPECT_THAT(words(changes.next(round_of({finding("eth0")}))), IsEmpty());
  }
}

TEST(Changes, KnowsFindingsByTheirSubject) {
  Changes changes;
  static_cast<void>(changes.next(round_of({finding("eth0")})));
  EXPECT_THAT(words(changes.next(round_of({finding("eth0"), finding("eth1")}))), ElementsAre("new eth1"));
}

TEST(Changes, TellsWorseAtOnceAndMilderAfterTwoRounds) {
  Changes changes;
  static_cast<void>(changes.next(round_of({finding("eth0", Status::suspected)})));
  EXPECT_THAT(words(changes.next(round_of({finding("eth0", Status::confirmed)}))), ElementsAre("changed eth0"));
  EXPECT_THAT(words(changes.next(round_of({finding("eth0", Status::confirmed, Severity::critical)}))),
              ElementsAre("changed eth0"));
  EXPECT_THAT(words(changes.next(round_of({finding("eth0", Status::suspected)}))), IsEmpty());
  EXPECT_THAT(words(changes.next(round_of({finding("eth0", Status::confirmed, Severity::critical)}))), IsEmpty());
  EXPECT_THAT(words(changes.next(round_of({finding("eth0", Status::suspected)}))), IsEmpty());
  EXPECT_THAT(words(changes.next(round_of({finding("eth0", Status::suspected)}))), ElementsAre("changed eth0"));
}

TEST(Changes, ClearsNothingThatCouldNotBeJudged) {
  Changes changes;
  static_cast<void>(changes.next(round_of({finding("eth0")})));
  const Report blind = round_of({}, {check(Outcome::unknown, "needs CAP_NET_ADMIN")});
  EXPECT_THAT(words(changes.next(blind)), ElementsAre("unjudged nic.link_flaps"));
  EXPECT_THAT(words(changes.next(blind)), IsEmpty());
  EXPECT_THAT(words(changes.next(blind)), IsEmpty());
  EXPECT_THAT(words(changes.next(round_of({}))), IsEmpty());
  EXPECT_THAT(words(changes.next(round_of({}))), ElementsAre("cleared eth0", "judged nic.link_flaps"));
}

TEST(Changes, ClearsWhatItsCheckCouldJudgeNoBetterWhenItFoundIt) {
  Changes changes;
  static_cast<void>(changes.next(round_of({finding("eth0")}, {check(Outcome::finding, "eth9 does not tell")})));
  const Report partly = round_of({}, {check(Outcome::unknown, "eth9 does not tell")});
  EXPECT_THAT(words(changes.next(partly)), ElementsAre("unjudged nic.link_flaps"));
  EXPECT_THAT(words(changes.next(partly)), ElementsAre("cleared eth0"));
}

TEST(Changes, TellsChecksThatShareAReasonTogetherAndOnce) {
  Changes changes;
  const Report blind = round_of({}, {check(Outcome::unknown, "no BPF", "a.b"), check(Outcome::clear, "", "a.c"),
                                     check(Outcome::unknown, "no BPF", "a.d"), check(Outcome::error, "broken", "a.e")});
  EXPECT_THAT(words(changes.next(blind)), ElementsAre("unjudged a.b,a.d", "unjudged a.e"));
  EXPECT_THAT(words(changes.next(blind)), IsEmpty());
}

TEST(Changes, ClearsWhatACheckFoundThatIsNoLongerThere) {
  Changes changes;
  static_cast<void>(changes.next(round_of({finding("eth0")})));
  const Report without = round_of({}, {check(Outcome::clear, "", "tcp.other")});
  EXPECT_THAT(words(changes.next(without)), IsEmpty());
  EXPECT_THAT(words(changes.next(without)), ElementsAre("cleared eth0"));
}

TEST(Changes, TakesARefutedFindingForNone) {
  Changes changes;
  EXPECT_THAT(words(changes.next(round_of({finding("eth0", Status::refuted)}))), IsEmpty());
}

Report probed(Report report) {
  report.probes.emplace_back();
  return report;
}

TEST(Changes, KeepsWhatAProbeShowedUntilOneIsSentAgain) {
  Changes changes;
  EXPECT_THAT(words(changes.next(probed(round_of({finding("eth0"), finding("eth1", Status::refuted)})))),
              ElementsAre("new eth0"));
  const Report without = round_of({finding("eth0", Status::suspected), finding("eth1", Status::suspected)});
  for (int i = 0; i < 3; ++i) EXPECT_THAT(words(changes.next(without)), IsEmpty());
  EXPECT_THAT(words(changes.next(probed(round_of({finding("eth1")})))), ElementsAre("new eth1"));
}

}  // namespace
}  // namespace hostcheck::conclude
