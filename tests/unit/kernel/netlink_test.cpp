// Dumps against a kernel that is played: what is interrupted is done again, what is cut short is an error.
#include "core/kernel/netlink.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "tests/support/fake_netlink.h"

namespace hostcheck::kernel {
namespace {

using test::FakeKernel;
using test::Message;

Message link_message(std::uint32_t ifindex) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  request.header<ifinfomsg>().ifi_index = static_cast<int>(ifindex);
  const nlmsghdr* built = request.message();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(built);
  return {bytes, bytes + NLMSG_ALIGN(built->nlmsg_len)};
}

struct Outcome {
  Result<void> result;
  std::vector<int> seen;
  int restarts = 0;
};

Outcome dump_links(FakeKernel& kernel) {
  Outcome outcome;
  NetlinkRequest request(RTM_GETLINK, 0);
  (void)request.header<ifinfomsg>();
  outcome.result = kernel.socket().dump(
      request, "RTM_GETLINK dump",
      [&](const nlmsghdr& message) -> Result<void> {
        outcome.seen.push_back(header_of<ifinfomsg>(message)->ifi_index);
        return {};
      },
      [&] {
        ++outcome.restarts;
        outcome.seen.clear();
      });
  return outcome;
}

TEST(NetlinkDump, HandsOnEveryMessageOfEveryDatagram) {
  FakeKernel kernel;
  kernel.answer(1, {link_message(1), link_message(2)});
  kernel.answer(1, {link_message(3)});
  kernel.done(1);
  const Outcome outcome = dump_links(kernel);
  EXPECT_TRUE(outcome.result);
  EXPECT_EQ(outcome.seen, (std::vector{1, 2, 3}));
  EXPECT_EQ(outcome.restarts, 0);
}

TEST(NetlinkDump, AsksForADumpOfTheKernel) {
  FakeKernel kernel;
  kernel.done(1);
  ASSERT_TRUE(dump_links(kernel).result);
  Message request = kernel.request();
  ASSERT_GE(request.size(), sizeof(nlmsghdr));
  EXPECT_EQ(test::header(request).nlmsg_type, RTM_GETLINK);
  EXPECT_EQ(test::header(request).nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
}

TEST(NetlinkDump, DoesAnInterruptedDumpAgainFromTheStart) {
  FakeKernel kernel;
  kernel.answer(1, {link_message(1)}, NLM_F_MULTI | NLM_F_DUMP_INTR);
  kernel.done(1);
  kernel.answer(2, {link_message(1), link_message(2)});
  kernel.done(2);
  const Outcome outcome = dump_links(kernel);
  EXPECT_TRUE(outcome.result);
  EXPECT_EQ(outcome.restarts, 1);
  EXPECT_EQ(outcome.seen, (std::vector{1, 2}));
}

TEST(NetlinkDump, SeesAnInterruptionInTheLastMessageOnly) {
  FakeKernel kernel;
  kernel.answer(1, {link_message(1)});
  kernel.done(1, NLM_F_MULTI | NLM_F_DUMP_INTR);
  kernel.done(2);
  const Outcome outcome = dump_links(kernel);
  EXPECT_TRUE(outcome.result);
  EXPECT_EQ(outcome.restarts, 1);
  EXPECT_TRUE(outcome.seen.empty());
}

TEST(NetlinkDump, GivesUpWhenEveryAttemptIsInterrupted) {
  FakeKernel kernel;
  for (std::uint32_t attempt = 1; attempt <= 8; ++attempt) {
    kernel.answer(attempt, {link_message(1)}, NLM_F_MULTI | NLM_F_DUMP_INTR);
    kernel.done(attempt);
  }
  const Outcome outcome = dump_links(kernel);
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, ErrorCode::failed);
  EXPECT_EQ(outcome.restarts, 4);
}

TEST(NetlinkDump, PassesOverLeftoversOfAnotherRequest) {
  FakeKernel kernel;
  kernel.answer(77, {link_message(9)});
  kernel.answer(1, {link_message(1)});
  kernel.done(1);
  EXPECT_EQ(dump_links(kernel).seen, (std::vector{1}));
}

TEST(NetlinkDump, TellsTheKernelsError) {
  FakeKernel kernel;
  kernel.answer(1, {link_message(1)});
  kernel.error(1, EPERM);
  const Outcome outcome = dump_links(kernel);
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, ErrorCode::denied);
  EXPECT_EQ(outcome.result.error().message(), "RTM_GETLINK dump: Operation not permitted");
}

TEST(NetlinkDump, TellsAnErrorThatComesWithTheEnd) {
  FakeKernel kernel;
  Message end(NLMSG_SPACE(sizeof(int)));
  test::header(end) = {static_cast<std::uint32_t>(end.size()), NLMSG_DONE, NLM_F_MULTI, 1, 0};
  const int code = -EOPNOTSUPP;
  std::memcpy(end.data() + NLMSG_HDRLEN, &code, sizeof code);
  kernel.send_raw(end);
  const Outcome outcome = dump_links(kernel);
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, ErrorCode::unsupported);
}

TEST(NetlinkDump, ADumpThatNeverEndsIsAnError) {
  FakeKernel kernel;
  kernel.answer(1, {link_message(1)});
  EXPECT_FALSE(dump_links(kernel).result);
}

TEST(NetlinkDump, ADatagramThatEndsWithinAMessageIsAnError) {
  for (std::size_t cut = 1; cut < 2 * 32; ++cut) {
    FakeKernel kernel;
    Message datagram = link_message(1);
    const Message second = link_message(2);
    ASSERT_EQ(datagram.size(), 32U);
    datagram.insert(datagram.end(), second.begin(), second.end());
    test::header(datagram).nlmsg_seq = 1;
    reinterpret_cast<nlmsghdr*>(datagram.data() + 32)->nlmsg_seq = 1;
    if (cut == 32) continue;
    datagram.resize(cut);
    kernel.send_raw(datagram);
    kernel.done(1);
    EXPECT_FALSE(dump_links(kernel).result) << cut;
  }
}

TEST(NetlinkAttributes, ATableHasWhatFitsAndRefusesWhatDoesNot) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  (void)request.header<ifinfomsg>();
  request.add_u32(3, 42);
  request.add_u32(900, 1);
  request.add_text(1, "abc");
  const auto attributes = attributes_of(*request.message(), sizeof(ifinfomsg));
  std::array<std::span<const std::uint8_t>, 4> table;
  ASSERT_TRUE(parse_attributes(attributes, table));
  EXPECT_EQ(read_number<std::uint32_t>(table[3]), 42U);
  EXPECT_EQ(read_text(table[1]), "abc");
  EXPECT_EQ(table[2].data(), nullptr);
  const std::vector<std::uint8_t> too_long = {200, 0, 1, 0, 'x', 'y'};
  EXPECT_FALSE(parse_attributes(too_long, table));
  const std::vector<std::uint8_t> too_short = {2, 0, 1, 0};
  EXPECT_FALSE(parse_attributes(too_short, table));
}

}  // namespace
}  // namespace hostcheck::kernel
