#include "core/plugin/wire.h"

#include <gtest/gtest.h>

namespace hostcheck::plugin {
namespace {

hostcheck_text text(std::string_view words) {
  return {words.data(), words.size()};
}

std::string whole_answer() {
  const hostcheck_field subject{text("ifname"), {HOSTCHECK_TEXT, 0, 0, 0, text("eth0")}};
  const hostcheck_evidence evidence{
      text("errors"), {HOSTCHECK_INTEGER, 0, 57, 0, {}}, text("packets"), text("kernel"), 1, 0};
  const hostcheck_exclusion excluded{text("nic.rx_errors"), text("none")};
  const hostcheck_fix fix{text("mend"), text("ip link"), {}};
  hostcheck_finding finding{};
  finding.size = sizeof(finding);
  finding.severity = HOSTCHECK_WARNING;
  finding.status = HOSTCHECK_BY_CLAIM;
  finding.id = text("nic.slow");
  finding.summary = text("eth0 is slow: 57 µs");
  finding.subjects = 1, finding.subject = &subject;
  finding.evidences = 1, finding.evidence = &evidence;
  finding.exclusions = 1, finding.exclusion = &excluded;
  finding.fixes = 1, finding.fix = &fix;
  hostcheck_probe probe{};
  probe.size = sizeof(probe);
  probe.id = text("nic.slow"), probe.kind = text("connect"), probe.target = text("10.0.0.1:80");
  std::string out;
  write_finding(out, finding);
  write_unknown(out, text("nic.other"), text("cannot say"));
  write_row(out, text("mine"), 1, &subject);
  write_probe(out, probe);
  write_text_frame(out, Frame::done, "0.1.0");
  return out;
}

TEST(Wire, CarriesAWholeAnswer) {
  const auto said = read_frames(whole_answer());
  ASSERT_TRUE(said) << said.error().message();
  EXPECT_TRUE(said->done);
  ASSERT_EQ(said->findings.size(), 1U);
  const SaidFinding& finding = said->findings.front();
  EXPECT_EQ(finding.id, "nic.slow");
  EXPECT_EQ(finding.severity, static_cast<std::uint32_t>(HOSTCHECK_WARNING));
  EXPECT_EQ(finding.summary, "eth0 is slow: 57 µs");
  EXPECT_EQ(finding.subject, (Fields{{"ifname", std::string("eth0")}}));
  ASSERT_EQ(finding.evidence.size(), 1U);
  EXPECT_EQ(finding.evidence.front().value, facts::Value(std::int64_t{57}));
  EXPECT_TRUE(finding.evidence.front().over_window);
  ASSERT_EQ(finding.excluded.size(), 1U);
  ASSERT_EQ(finding.fixes.size(), 1U);
  EXPECT_EQ(finding.fixes.front().command, "ip link");
  ASSERT_EQ(said->unknown.size(), 1U);
  ASSERT_EQ(said->rows.size(), 1U);
  EXPECT_EQ(said->rows.front().table, "mine");
  ASSERT_EQ(said->probes.size(), 1U);
  EXPECT_EQ(said->probes.front().target, "10.0.0.1:80");
}

TEST(Wire, RefusesEveryTruncation) {
  const std::string whole = whole_answer();
  const std::string done = [] {
    std::string frame;
    write_text_frame(frame, Frame::done, "0.1.0");
    return frame;
  }();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto said = read_frames(std::string_view(whole).substr(0, size));
    // Cut between two frames it is well formed, and not done.
    EXPECT_FALSE(said && said->done) << size;
  }
  EXPECT_TRUE(read_frames(done)->done);
}

// No byte that a plugin changes may make the reader read beyond its input, allocate without bound or throw: what
// comes is an answer or an error. Under the sanitizers this looks at every access.
TEST(Wire, SurvivesAnyChangedByte) {
  const std::string whole = whole_answer();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned char value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const auto said = read_frames(changed);
      EXPECT_TRUE(!said || said->findings.size() <= 2U);
    }
  }
}

TEST(Wire, RefusesWhatComesAfterTheLastWord) {
  std::string bytes = whole_answer();
  write_unknown(bytes, text("nic.slow"), text("late"));
  const auto said = read_frames(bytes);
  ASSERT_FALSE(said);
  EXPECT_NE(said.error().detail.find("after its last word"), std::string::npos);
}

TEST(Wire, RefusesTextThatIsNotClean) {
  std::string bytes;
  write_unknown(bytes, text("nic.slow"), text("\x1b[2J"));
  EXPECT_FALSE(read_frames(bytes));
}

}  // namespace
}  // namespace hostcheck::plugin
