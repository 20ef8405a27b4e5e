#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/fleet/run_rows.h"

namespace hostcheck::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string report(std::string_view host, std::string_view more = "") {
  return fmt::format(
      R"({{"schema": "hostcheck.report/1", "hostcheck": "0.1.0", "started": "2026-01-02T03:04:05.678Z",)"
      R"("host": {{"name": "{}", "kernel": "6.1", "netns": "init", "boot_id": "", "machine_id": ""}},)"
      R"("duration_ms": 1, "observed_ms": 0, "verdict": "ok", "checks": [], "probes": [], "capabilities": [])"
      R"({}{}}})",
      host, more, more.find("findings") == std::string_view::npos ? R"(, "findings": [])" : "");
}

struct Read {
  std::vector<std::string> hosts;
  std::vector<std::string> errors;
  RowSet rows;
};

Read read(const std::string& text, bool wanted = true) {
  Read out;
  read_reports(
      "f.json", text, [&](RunHead&) { return wanted; },
      [&](RunRows&& run) {
        out.hosts.push_back(run.head.host);
        for (auto& [statement, rows] : run.rows) out.rows[statement].append(rows);
      },
      [&](const Error& error) { out.errors.push_back(error.message()); });
  return out;
}

std::string text_of(const RowSet& rows, std::string_view table) {
  for (const auto& [statement, each] : rows) {
    if (statement.find(fmt::format("COPY \"{}\" ", table)) == 0) return each.text();
  }
  return {};
}

TEST(ReadReports, TakesOneReportOrManyInEachForm) {
  EXPECT_THAT(read(report("a")).hosts, ElementsAre("a"));
  EXPECT_THAT(read(report("a") + "\n" + report("b") + "\n").hosts, ElementsAre("a", "b"));
  EXPECT_THAT(read("[" + report("a") + "," + report("b") + "]").hosts, ElementsAre("a", "b"));
  EXPECT_THAT(read("{\n" + report("a").substr(1, report("a").size() - 2) + "\n}\n{\n" +
                   report("b").substr(1, report("b").size() - 2) + "\n}\n")
                  .hosts,
              ElementsAre("a", "b"));
}

TEST(ReadReports, LeavesOutTheBrokenLineAndNamesIt) {
  for (const std::string& text : {"{\n" + report("b") + "\n" + report("c"), report("b") + "\n{\n" + report("c")}) {
    const Read got = read(text);
    EXPECT_THAT(got.hosts, ElementsAre("b", "c"));
    ASSERT_THAT(got.errors, SizeIs(1));
    EXPECT_THAT(got.errors[0], testing::ContainsRegex("f.json:[12]: is no JSON, or cut off"));
  }
}

TEST(ReadReports, DoesNotReadWhatIsNotWanted) {
  const Read got = read(report("a", R"(, "findings": 7)"), false);
  EXPECT_THAT(got.hosts, IsEmpty());
  EXPECT_THAT(got.errors, IsEmpty());
}

TEST(ReadReports, SaysWhatIsWrong) {
  const std::map<std::string, std::string> wrong = {
      {"", "is empty"},
      {"7", "is no report of hostcheck"},
      {"{}", "it has no schema"},
      {"[7]", "f.json, report 1: is no report"},
      {R"({"schema": "hostcheck.report/2"})", "this version reads hostcheck.report/1"},
      {report(""), "of which host"},
      {report("a", R"(, "findings": 7)"), "'findings' is no list"},
      {report("a", R"(, "findings": [7])"), "'findings' has something that is no object"},
      {report("a", R"(, "findings": [{}])"), "it has no 'id'"},
      {report("a", R"(, "findings": [{"id": "x.y", "subject": []}])"), "'subject' is array"},
      {report("a", R"(, "suppressed": [{"id": "x.y"}])"), "does not say by what"},
  };
  for (const auto& [text, words] : wrong) {
    const Read got = read(text);
    EXPECT_THAT(got.hosts, IsEmpty()) << text;
    ASSERT_THAT(got.errors, SizeIs(1)) << text;
    EXPECT_THAT(got.errors[0], HasSubstr(words));
    EXPECT_THAT(got.rows, IsEmpty());
  }
}

TEST(ReadReports, KnowsTimesThatThereAre) {
  EXPECT_TRUE(is_time("2026-01-02T03:04:05.678Z"));
  EXPECT_TRUE(is_time("2024-02-29T23:59:60.000Z"));
  for (const char* text : {"2026-02-29T00:00:00.000Z", "2026-01-02T24:00:00.000Z", "2026-01-02 03:04:05.678Z",
                           "2026-01-02T03:04:05Z", "0000-01-02T03:04:05.678Z", ""}) {
    EXPECT_FALSE(is_time(text)) << text;
  }
}

TEST(ReadReports, GivesFindingsTheirRankAndKeepsSuppressedOnesApart) {
  const Read got = read(report("a", R"(, "findings": [{"id": "x.a"}, {"id": "x.b"}],
      "suppressed": [{"id": "x.c", "suppressed": {"by": "f:1", "reason": "known"}}])"));
  EXPECT_THAT(text_of(got.rows, "findings"), HasSubstr("a\t1\tx.a\t"));
  EXPECT_THAT(text_of(got.rows, "findings"), HasSubstr("a\t2\tx.b\t"));
  EXPECT_THAT(text_of(got.rows, "findings"), testing::Not(HasSubstr("x.c")));
  EXPECT_THAT(text_of(got.rows, "suppressed_findings"), HasSubstr("f:1\tknown\t\\N\n"));
}

TEST(ReadReports, TakesTheRowsOfProbesIntoTheirTables) {
  const std::string probe =
      R"(, "probes": [{"result": {"rows": {"probe_results": [{"probe": 1, "kind": "sweep", "complete": true}],
      "no_such_table": [{"x": 1}]}}}])";
  const Read got = read(report("a", probe));
  EXPECT_THAT(got.errors, IsEmpty());
  EXPECT_THAT(text_of(got.rows, "probe_results"), HasSubstr("a\t1\t"));
  const Read wrong = read(report("a", R"(, "probes": [{"result": {"rows": {"probe_results": [{"probe": "one"}]}}}])"));
  ASSERT_THAT(wrong.errors, SizeIs(1));
  EXPECT_THAT(wrong.errors[0], HasSubstr("probe_results.probe is integer and has another value"));
}

}  // namespace
}  // namespace hostcheck::fleet
