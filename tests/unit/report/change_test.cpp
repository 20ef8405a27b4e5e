#include "core/report/change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::report {
namespace {

using conclude::Change;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

Change change(Change::State state) {
  Change made;
  made.state = state;
  made.finding.id = "listen.not_accepting";
  made.finding.severity = checks::Severity::critical;
  made.finding.status = checks::Status::confirmed;
  made.finding.subject = {{"netns", std::string("init")}, {"local-port", std::int64_t{443}}};
  made.finding.summary = "bad\nname \x1b[31m";
  return made;
}

Round third() {
  return {std::chrono::system_clock::time_point(std::chrono::seconds(90)), std::chrono::milliseconds(30'000), 3};
}

TEST(ChangeText, IsOneLineThatATerminalDoesNotActOn) {
  const std::string line = change_as_text(change(Change::State::cleared), third(), false);
  EXPECT_THAT(line, HasSubstr("1970-01-01T00:01:30.000Z cleared CRITICAL listen.not_accepting confirmed: bad"));
  EXPECT_THAT(line, HasSubstr("[netns=init local-port=443] (for 90 s)"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(ChangeNdjson, HasTheFindingAsAReportHasIt) {
  const std::string line = change_as_ndjson(change(Change::State::found), third());
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, HasSubstr(R"("schema":"hostcheck.change/1")"));
  EXPECT_THAT(line, HasSubstr(R"("round":3,"span_ms":30000,"state":"new")"));
  EXPECT_THAT(line, HasSubstr(R"("subject":{"netns":"init","local-port":443})"));
}

TEST(ChangeFields, AreWhatTheJournalTakes) {
  const Fields fields = change_as_fields(change(Change::State::found), third());
  EXPECT_THAT(fields, Contains(Pair("PRIORITY", "2")));
  EXPECT_THAT(fields, Contains(Pair("HOSTCHECK_STATE", "new")));
  EXPECT_THAT(fields, Contains(Pair("HOSTCHECK_ID", "listen.not_accepting")));
  EXPECT_THAT(fields, Contains(Pair("HOSTCHECK_SUBJECT", "netns=init local-port=443")));
  EXPECT_THAT(fields, Contains(Pair("HOSTCHECK_SUBJECT_LOCAL_PORT", "443")));
  EXPECT_THAT(change_as_fields(change(Change::State::cleared), third()), Contains(Pair("PRIORITY", "5")));
}

}  // namespace
}  // namespace hostcheck::report
