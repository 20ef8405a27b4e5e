#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/checks/rule.h"

namespace hostcheck::checks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RuleFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hostcheck-rules-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) {
    const std::filesystem::path path = std::filesystem::path(folder_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::string folder_;
};

constexpr std::string_view kHead = R"toml(
id       = "kernel.crowded"
title    = "Too many processes in a namespace"
severity = "warning"
claim    = "state"
query    = "SELECT netns, processes FROM namespaces WHERE processes > :most"
subject  = ["netns"]
summary  = "{netns} has {processes} processes, more than {most}"
[params]
most = { default = 10, unit = "processes", why = "a test" }
[doc]
why = "slow"
fix = [{ text = "stop some in {netns}" }]
false_alarms = "none"
)toml";

constexpr std::string_view kTests = R"toml(
[[test]]
name = "more than the limit is found"
facts.namespaces = [{ netns = "blue", processes = 11 }, { processes = 12 }, { netns = "red", processes = 3 }]
expect = [{ status = "confirmed", summary = "init has 12 processes, more than 10" }, { subject = { netns = "blue" } }]
[[test]]
name = "the limit itself is not"
facts.namespaces = [{ processes = 10 }]
[[test]]
name = "no namespace"
[[test]]
name = "not readable"
absent = [{ table = "namespaces", code = "denied", reason = "no /proc" }]
outcome = "unknown"
reason = "namespaces: no /proc"
[[test]]
name = "the limit can be set"
params = { most = 5 }
facts.namespaces = [{ processes = 6 }]
expect = [{ severity = "warning" }]
)toml";

TEST_F(RuleFile, PassesItsTests) {
  const TestReport report = test_rule_file(write("kernel/crowded.toml", std::string(kHead) + std::string(kTests)));
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_EQ(report.passed, 5U);
  EXPECT_EQ(report.fired, 2U);
}

TEST_F(RuleFile, TheExampleOfTheReferencePasses) {
  const std::filesystem::path root =
      std::filesystem::path(TEST_DATA).parent_path().parent_path().parent_path().parent_path();
  std::ifstream file(root / "rules/README.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t start = text.find("```toml\n") + 8;
  const std::size_t end = text.find("```", start);
  ASSERT_NE(end, std::string::npos);
  const TestReport report = test_rule_file(write("conntrack/near_full.toml", text.substr(start, end - start)));
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_EQ(report.passed, 4U);
}

TEST_F(RuleFile, AWrongExpectationShowsBothSides) {
  std::string text = std::string(kHead) + std::string(kTests);
  text +=
      "[[test]]\nname = \"wrong\"\nfacts.namespaces = [{ processes = 11 }]\nexpect = [{ status = \"suspected\" }]\n";
  const TestReport report = test_rule_file(write("kernel/crowded.toml", text));
  EXPECT_EQ(report.passed, 5U);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_THAT(report.failures[0], HasSubstr("expected  suspected * [] *"));
  EXPECT_THAT(report.failures[0],
              HasSubstr("got       confirmed warning [netns=init] init has 11 processes, more than 10"));
}

TEST_F(RuleFile, NeedsATestOfEachKind) {
  const TestReport report = test_rule_file(write("kernel/crowded.toml", kHead));
  EXPECT_THAT(report.failures, ElementsAre(HasSubstr("no test makes it fire"), HasSubstr("no test is clear"),
                                           HasSubstr("no test is unknown"), HasSubstr("fewer than four")));
}

TEST_F(RuleFile, FactsOfATestAreChecked) {
  const auto failure = [&](std::string_view test) {
    const TestReport report =
        test_rule_file(write("kernel/crowded.toml", std::string(kHead) + std::string(kTests) +
                                                        "[[test]]\nname = \"x\"\n" + std::string(test)));
    return report.failures.empty() ? "none" : report.failures[0];
  };
  EXPECT_THAT(failure("facts.namespace = []"), HasSubstr("no such table: namespace (did you mean 'namespaces'?)"));
  EXPECT_THAT(failure("facts.namespaces = [{ process = 1 }]"),
              HasSubstr("has no column 'process' (did you mean 'processes'?)"));
  EXPECT_THAT(failure("facts.namespaces = [{ processes = \"1\" }]"), HasSubstr("namespaces.processes is integer"));
  EXPECT_THAT(failure("expects = []"), HasSubstr("unknown key 'test.expects' (did you mean 'expect'?)"));
  EXPECT_THAT(failure("params = { mots = 1 }"), HasSubstr("no parameter 'mots' (did you mean 'most'?)"));
  EXPECT_THAT(failure("expect = [{ subject = { netnss = \"x\" } }]"), HasSubstr("(did you mean 'netns'?)"));
}

TEST_F(RuleFile, OneBadFileDoesNotHideTheOthers) {
  write("kernel/crowded.toml", std::string(kHead) + std::string(kTests));
  write("kernel/broken.toml", "id = \n");
  write("kernel.crowded.toml", kHead);
  const RuleSet set = load_rules({folder_});
  ASSERT_EQ(set.rules.size(), 1U);
  EXPECT_EQ(set.rules[0].id, "kernel.crowded");
  ASSERT_EQ(set.errors.size(), 2U);
  EXPECT_THAT(set.errors[0].message(), HasSubstr("kernel/broken.toml:1"));
  EXPECT_THAT(set.errors[1].message(), HasSubstr("id 'kernel.crowded' is already that of"));
}

TEST_F(RuleFile, OnlyWhatIsWantedIsRead) {
  write("kernel/crowded.toml", kHead);
  write("tcp/broken.toml", "id = \n");
  const RuleSet set = load_rules({folder_}, [](std::string_view id) { return id.starts_with("kernel."); });
  EXPECT_EQ(set.rules.size(), 1U);
  EXPECT_THAT(set.errors, IsEmpty());
}

TEST_F(RuleFile, FoldersThatEverybodyMayWriteToAreRefused) {
  write("kernel/crowded.toml", kHead);
  ::chmod((folder_ + "/kernel").c_str(), 0777);
  const RuleSet set = load_rules({folder_});
  EXPECT_THAT(set.rules, IsEmpty());
  ASSERT_EQ(set.errors.size(), 1U);
  EXPECT_THAT(set.errors[0].message(), HasSubstr("everybody may write to it"));
}

TEST_F(RuleFile, AFolderThatIsNotThereIsAnError) {
  const RuleSet set = load_rules({folder_ + "/none"});
  ASSERT_EQ(set.errors.size(), 1U);
  EXPECT_EQ(set.errors[0].code, ErrorCode::vanished);
}

TEST_F(RuleFile, ThePageAndThePlaceholdersAreChecked) {
  const auto failures = [&](std::string_view from, std::string_view to) {
    std::string text = std::string(kHead) + std::string(kTests);
    text.replace(text.find(from), from.size(), to);
    return test_rule_file(write("kernel/crowded.toml", text)).failures;
  };
  EXPECT_THAT(failures("why = \"slow\"", ""), ElementsAre(HasSubstr("doc.why is missing")));
  EXPECT_THAT(failures("false_alarms = \"none\"", ""), ElementsAre(HasSubstr("doc.false_alarms is missing")));
  EXPECT_THAT(failures("fix = [{ text = \"stop some in {netns}\" }]", ""),
              ElementsAre(HasSubstr("doc.fix is missing")));
  EXPECT_THAT(failures("stop some in {netns}", "stop some in {netn}"),
              ElementsAre(HasSubstr("doc.fix: placeholder {netn} names no column of the answer and no parameter")));
  EXPECT_THAT(failures(", why = \"a test\"", ""), ElementsAre(HasSubstr("params.most.why is missing")));
  EXPECT_THAT(failures("[params]\n", "[params]\nunused = { default = 1, why = \"x\" }\n"),
              ElementsAre(HasSubstr("parameter 'unused' is used by no query")));
  EXPECT_THAT(failures("subject  =", "evidence = [{ what = \"x\", column = \"process\" }]\nsubject  ="),
              ElementsAre(HasSubstr("evidence 'process' is of no column of the answer (did you mean 'processes'?)")));
}

TEST_F(RuleFile, ALooseExpectationDoesNotTakeWhatAStrictOneNeeds) {
  std::string text = std::string(kHead) + std::string(kTests);
  text +=
      "[[test]]\nname = \"both\"\nfacts.namespaces = [{ processes = 11 }, { netns = \"b\", processes = 12 }]\n"
      "expect = [{}, { subject = { netns = \"init\" } }]\n";
  EXPECT_THAT(test_rule_file(write("kernel/crowded.toml", text)).failures, IsEmpty());
}

TEST_F(RuleFile, KeysAfterTheTestsCountToo) {
  const std::string text = std::string(kHead.substr(0, kHead.find("[doc]"))) + std::string(kTests) +
                           std::string(kHead.substr(kHead.find("[doc]")));
  const auto rule = load_rule(write("kernel/crowded.toml", text));
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->why, "slow");
}

}  // namespace
}  // namespace hostcheck::checks
