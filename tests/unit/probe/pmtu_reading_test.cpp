#include "core/probe/pmtu_reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/text_pool.h"

namespace hostcheck::probe {
namespace {

using testing::HasSubstr;
using testing::Not;

class ReadPmtu : public testing::Test {
 protected:
  facts::ProbePmtu row(std::string_view method, std::string_view outcome, std::uint32_t path_mtu) {
    facts::ProbePmtu out;
    out.address = *IpAddress::parse("192.0.2.7");
    out.method = pool_.intern(method);
    out.outcome = pool_.intern(outcome);
    out.ifname = pool_.intern("eth0");
    out.device_mtu = 1500;
    if (path_mtu != 0) out.path_mtu = path_mtu;
    return out;
  }
  TextPool pool_;
};

TEST_F(ReadPmtu, AWayThatMayNotBeUsedIsNotAWayThatNothingAnswers) {
  const PmtuReading reading = read_pmtu({row("icmp", "not_tried", 0), row("udp", "full", 1500)});
  EXPECT_EQ(reading.outcome, "full");
  EXPECT_EQ(reading.decides, 1U);
  EXPECT_THAT(reading.words, Not(HasSubstr("nothing answers icmp")));
  EXPECT_THAT(read_pmtu({row("icmp", "unanswered", 0), row("udp", "full", 1500)}).words,
              HasSubstr("nothing answers icmp"));
}

TEST_F(ReadPmtu, NothingWasSentIsNotUnanswered) {
  const PmtuReading reading = read_pmtu({row("icmp", "not_tried", 0), row("tcp", "not_tried", 0)});
  EXPECT_EQ(reading.outcome, "not_tried");
  EXPECT_EQ(reading.decides, 2U);
  EXPECT_EQ(read_pmtu({row("icmp", "not_tried", 0), row("udp", "unanswered", 0)}).outcome, "unanswered");
}

}  // namespace
}  // namespace hostcheck::probe
