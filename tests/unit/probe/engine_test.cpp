#include "core/probe/engine.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/kernel/packet_socket.h"
#include "core/kernel/socket_address.h"
#include "core/probe/kind.h"

namespace hostcheck::probe {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::Field;
using testing::HasSubstr;

const IpAddress kLoopback = *IpAddress::parse("127.0.0.1");

// What the test kinds do and see, since a kind is a plain function.
struct World {
  std::uint16_t port = 0;
  std::vector<Clock::time_point> turns;
  int open = 0;
  int most_open = 0;
  int left_behind = 0;
};
World world;

// Sends datagrams to a socket that returns them, one a turn, and waits for each.
Task<void> echo(Context& context) {
  const auto count = context.number("count", 1, 1, 1000);
  if (!count) co_return context.fail(count.error());
  auto fd = context.socket(AF_INET, SOCK_DGRAM, 0);
  if (!fd) co_return;
  Socket socket(context.io, std::move(*fd));
  (void)kernel::ask_timestamps(socket.fd());
  const auto to = kernel::socket_address(kLoopback, world.port);
  std::int64_t answered = 0;
  for (std::int64_t each = 0; each < *count; ++each) {
    if (!co_await context.turn(kLoopback)) break;
    world.turns.push_back(Clock::now());
    const auto sent = kernel::wall_clock();
    if (sendto(socket.fd(), "x", 1, 0, to.get(), to.length) != 1) break;
    context.note_socket(socket.fd(), IPPROTO_UDP, kLoopback, world.port);
    if (!co_await socket.readable(context.within(milliseconds(2000)))) break;
    std::array<std::uint8_t, 16> buffer{};
    const auto got = kernel::receive(socket.fd(), buffer);
    if (got && *got && (*got)->bytes.size() == 1 && (*got)->at >= sent) ++answered;
  }
  context.result.outcome = context.out.intern(answered == *count ? "all" : "some");
}

Task<void> returner(Socket& socket, int expected) {
  for (int each = 0; each < expected; ++each) {
    if (!co_await socket.readable(Clock::now() + milliseconds(3000))) co_return;
    std::array<std::uint8_t, 16> buffer{};
    const auto got = kernel::receive(socket.fd(), buffer);
    if (!got || !*got) continue;
    const auto to = kernel::socket_address((*got)->from, (*got)->from_port);
    sendto(socket.fd(), buffer.data(), (*got)->bytes.size(), 0, to.get(), to.length);
  }
}

// The other end of echo, as a probe of its own.
Task<void> serve(Context& context) {
  auto fd = context.socket(AF_INET, SOCK_DGRAM, 0);
  if (!fd) co_return;
  Socket socket(context.io, std::move(*fd));
  const int room = 400'000;  // for all that may come before it has its turn
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  const auto any = kernel::socket_address(kLoopback, 0);
  if (bind(socket.fd(), any.get(), any.length) != 0) co_return;
  world.port = kernel::local_endpoint(socket.fd())->port;
  co_await returner(socket, static_cast<int>(*context.number("count", 1, 1, 100000)));
}

Task<void> hold(Context& context, milliseconds time) {
  const auto place = co_await context.half_open(kLoopback);
  if (!place) co_return;
  world.most_open = std::max(world.most_open, ++world.open);
  co_await context.sleep_until(Clock::now() + time);
  --world.open;
}

Task<void> many(Context& context) {
  std::vector<Task<void>> tasks;
  for (int each = 0; each < 40; ++each) tasks.push_back(hold(context, milliseconds(20)));
  co_await context.together(std::move(tasks));
  context.result.outcome = context.out.intern("done");
}

// Waits for what never comes, within the deadline.
Task<void> patient(Context& context) {
  co_await context.sleep_until(Clock::now() + std::chrono::hours(1));
  context.result.complete = false;
  context.result.outcome = context.out.intern("gave_up");
}

struct Guard {
  Guard() { ++world.left_behind; }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { --world.left_behind; }
};

// Waits past the deadline with a timer of its own.
Task<void> stubborn(Context& context) {
  const Guard guard;
  asio::steady_timer timer(context.io, std::chrono::hours(1));
  co_await timer.async_wait(asio::use_awaitable);
}

Task<void> stubborn_children(Context& context) {
  std::vector<Task<void>> tasks;
  for (int each = 0; each < 3; ++each) tasks.push_back(stubborn(context));
  for (int each = 0; each < 3; ++each) tasks.push_back(hold(context, std::chrono::hours(1)));
  co_await context.together(std::move(tasks));
}

Task<void> thrower(Context& context) {
  std::vector<Task<void>> tasks;
  tasks.push_back([](Context&) -> Task<void> {
    throw std::runtime_error("thrown in a part");
    co_return;
  }(context));
  co_await context.together(std::move(tasks));
}

constexpr std::array<std::string_view, 2> kArgs = {"count=how many", "tag=whatever"};
const Kind kEcho = {{"echo", "nothing", "test", kArgs, {}}, echo};
const Kind kServe = {{"serve", "nothing", "test", kArgs, {}}, serve};
const Kind kMany = {{"many", "nothing", "test", {}, {}}, many};
const Kind kPatient = {{"patient", "nothing", "test", {}, {}}, patient};
const Kind kStubborn = {{"stubborn", "nothing", "test", {}, {}}, stubborn_children};
const Kind kThrower = {{"thrower", "nothing", "test", {}, {}}, thrower};
const std::array<const Kind*, 6> kKinds = {&kEcho, &kServe, &kMany, &kPatient, &kStubborn, &kThrower};

class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    world = {};
    here_ = kernel::current_namespace().value();
    limits_.deadline = Clock::now() + std::chrono::seconds(20);
    limits_.gap = std::chrono::microseconds(0);
  }
  Ask ask(std::string kind, std::map<std::string, std::string> args = {}, std::string who = "test") {
    return {std::move(kind), "x", here_.name, std::move(args), {std::move(who)}};
  }
  std::vector<facts::ProbeResult> run(const std::vector<Ask>& asks) {
    Engine engine(limits_, {here_}, kKinds);
    engine.run(asks, facts_);
    sent_ = engine.packets_sent();
    return facts_.rows<facts::ProbeResult>();
  }
  kernel::NetnsInfo here_;
  Limits limits_;
  facts::Facts facts_;
  std::uint32_t sent_ = 0;
};

TEST_F(EngineTest, RunsHundredsAtOnce) {
  std::vector<Ask> asks = {ask("serve", {{"count", "1500"}})};
  for (int each = 0; each < 300; ++each) asks.push_back(ask("echo", {{"count", "5"}, {"tag", std::to_string(each)}}));
  const auto results = run(asks);
  ASSERT_EQ(results.size(), 301U);
  EXPECT_EQ(
      std::count_if(results.begin(), results.end(), [](const auto& each) { return each.outcome.view() == "all"; }),
      300);
  EXPECT_EQ(sent_, 1500U);
  EXPECT_EQ(results[7].packets, 5U);
  EXPECT_EQ(results[7].id, 8U);
}

TEST_F(EngineTest, KeepsTheGapBetweenPacketsToOneAddress) {
  limits_.gap = milliseconds(5);
  run({ask("serve", {{"count", "20"}}), ask("echo", {{"count", "10"}}), ask("echo", {{"count", "10"}, {"tag", "b"}})});
  ASSERT_EQ(world.turns.size(), 20U);
  std::sort(world.turns.begin(), world.turns.end());
  // Turns are given 5 ms apart; a late wake-up may bring two of them nearer to each other but never more of them.
  EXPECT_GE(world.turns.back() - world.turns.front(), milliseconds(5 * 19 - 1));
}

TEST_F(EngineTest, EndsAtThePacketBudgetWithWhatIsKnown) {
  limits_.packets = 12;
  const auto results = run({ask("serve", {{"count", "12"}}), ask("echo", {{"count", "1000"}})});
  EXPECT_EQ(sent_, 12U);
  EXPECT_EQ(results[1].packets, 12U);
  EXPECT_FALSE(results[1].complete);
  EXPECT_EQ(results[1].outcome.view(), "some");
}

TEST_F(EngineTest, EndsAtTheDeadlineWithWhatIsKnown) {
  limits_.deadline = Clock::now() + milliseconds(100);
  const auto results = run({ask("patient")});
  EXPECT_LT(Clock::now(), limits_.deadline + milliseconds(2000));
  EXPECT_EQ(results[0].outcome.view(), "gave_up");
  EXPECT_FALSE(results[0].complete);
  EXPECT_GE(results[0].duration_ms, 99U);
}

TEST_F(EngineTest, CutsOffAProbeThatDoesNotEnd) {
  limits_.deadline = Clock::now() + milliseconds(50);
  limits_.half_open = 1;
  const auto results = run({ask("stubborn"), ask("echo", {{"count", "x"}})});
  EXPECT_FALSE(results[0].complete);
  EXPECT_EQ(world.left_behind, 0);
  EXPECT_THAT(results[1].error, HasSubstr("count=x"));
  EXPECT_TRUE(results[1].complete);
}

TEST_F(EngineTest, TellsWhoLooksOnOfPeersBeforeTheirPacketsAndOfConversations) {
  std::vector<std::pair<IpAddress, std::size_t>> peers;
  std::set<std::pair<std::uint32_t, Flow>> flows;
  Engine engine(limits_, {here_}, kKinds);
  engine.tell({[&](const kernel::NetnsInfo& netns, const IpAddress& peer) {
                 EXPECT_EQ(netns.name, here_.name);
                 peers.emplace_back(peer, world.turns.size());
               },
               [&](const kernel::NetnsInfo&, std::uint32_t probe, const Flow& flow) { flows.emplace(probe, flow); },
               {}});
  engine.run(std::vector<Ask>{ask("serve", {{"count", "3"}}), ask("echo", {{"count", "3"}}), ask("many")}, facts_);
  // Once, before the first packet to it.
  EXPECT_THAT(peers, testing::ElementsAre(testing::Pair(kLoopback, 0U)));
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows.begin()->first, 2U);
  const Flow& flow = flows.begin()->second;
  EXPECT_EQ(flow.protocol, IPPROTO_UDP);
  EXPECT_EQ(flow.peer, kLoopback);
  EXPECT_EQ(flow.peer_port, world.port);
  EXPECT_NE(flow.own_port, 0);
}

TEST_F(EngineTest, TicksWhileProbesAreUnderWayAndNoLonger) {
  int ticks = 0;
  limits_.deadline = Clock::now() + milliseconds(600);
  Engine engine(limits_, {here_}, kKinds);
  engine.tell({{}, {}, [&] { ++ticks; }});
  engine.run(std::vector<Ask>{ask("patient")}, facts_);
  EXPECT_GE(ticks, 3);
  EXPECT_LE(ticks, 31);
  const int before = ticks;
  const auto start = Clock::now();
  limits_.deadline = start + std::chrono::seconds(20);
  Engine another(limits_, {here_}, kKinds);
  another.tell({{}, {}, [&] { ++ticks; }});
  another.run(std::vector<Ask>{ask("many")}, facts_);  // done within 20 ms
  another.run({}, facts_);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
  EXPECT_LE(ticks - before, 100);
}

TEST_F(EngineTest, NothingIsSentAfterTheDeadline) {
  limits_.deadline = Clock::now() - milliseconds(1);
  const auto results = run({ask("echo")});
  EXPECT_EQ(sent_, 0U);
  EXPECT_FALSE(results[0].complete);
}

TEST_F(EngineTest, MergesEqualAsks) {
  const auto results =
      run({ask("echo", {}, "a.b"), ask("echo", {{"tag", "1"}}, "c.d"), ask("echo", {}, "e.f"), ask("echo", {}, "a.b")});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].asked_by, "a.b, e.f");
  EXPECT_EQ(results[1].asked_by, "c.d");
}

TEST_F(EngineTest, BoundsHalfOpenConnectionsToAnAddress) {
  limits_.half_open = 7;
  const auto results = run({ask("many")});
  EXPECT_EQ(results[0].outcome.view(), "done");
  EXPECT_EQ(world.most_open, 7);
}

TEST_F(EngineTest, NamesWhatIsWrongWithAnAsk) {
  const auto results = run({ask("ecko"), ask("echo", {{"cuont", "1"}}), {"echo", "x", "elsewhere", {}, {}}});
  EXPECT_THAT(results[0].error, AllOf(HasSubstr("no such kind"), HasSubstr("echo")));
  EXPECT_THAT(results[1].error, AllOf(HasSubstr("no such argument"), HasSubstr("count")));
  EXPECT_THAT(results[2].error, HasSubstr("elsewhere: no such namespace"));
}

TEST_F(EngineTest, TellsAnAskThatCannotBeUsedFromAProbeThatFailed) {
  Engine engine(limits_, {here_}, kKinds);
  const std::vector<Ask> asks = {ask("echo", {{"count", "many"}}), ask("thrower"), ask("many")};
  engine.run(asks, facts_);
  const auto& results = facts_.rows<facts::ProbeResult>();
  EXPECT_THAT(results[0].error, AllOf(HasSubstr("count=many"), HasSubstr("from 1 to 1000")));
  EXPECT_TRUE(engine.is_unusable(results[0].id));
  EXPECT_FALSE(engine.is_unusable(results[1].id));
  EXPECT_FALSE(engine.is_unusable(results[2].id));
}

TEST_F(EngineTest, KeepsAnExceptionInItsRow) {
  const auto results = run({ask("thrower"), ask("many")});
  EXPECT_EQ(results[0].error, "thrown in a part");
  EXPECT_EQ(results[1].outcome.view(), "done");
}

}  // namespace
}  // namespace hostcheck::probe
