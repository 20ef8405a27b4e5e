// Packets by plain sockets, over loopback.
#include "core/probe/plain_wire.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/kernel/socket_address.h"
#include "core/probe/kind.h"

namespace hostcheck::probe {
namespace {

// Coroutines run in an engine; what they see is kept here, since a kind is a plain function.
struct Seen {
  IpAddress target;
  std::uint16_t open_port = 0;
  std::uint16_t closed_port = 0;
  std::uint16_t own_port = 0;
  std::vector<Answer> answers;
  std::string error;
};
Seen seen;

Task<void> collect(Wire& wire, std::size_t wanted) {
  const auto until = Clock::now() + std::chrono::seconds(5);
  while (seen.answers.size() < wanted) {
    if (!co_await wire.readable(until)) co_return;
    for (Answer& each : wire.read()) seen.answers.push_back(std::move(each));
  }
}

Result<std::unique_ptr<Wire>> open(Context& context) {
  const auto way = way_out(context, seen.target, 0);
  if (!way) return unexpected(way.error());
  return PlainWire::open(context, seen.target, *way, "as asked for");
}

Envelope envelope_of(const Wire& wire) {
  Envelope out;
  out.source = wire.source();
  out.destination = wire.target();
  return out;
}

Task<void> datagrams(Context& context) {
  auto wire = open(context);
  const auto port = (*wire)->hold_port(context, Transport::udp);
  seen.own_port = *port;
  for (const std::uint16_t mark : {7, 8, 9}) {
    const auto packet = make_datagram(envelope_of(**wire), {*port, seen.closed_port}, mark, 100 * mark);
    if (const auto sent = (*wire)->send(packet); !sent) seen.error = sent.error().message();
  }
  co_await collect(**wire, 3);
}

Task<void> syns(Context& context) {
  auto wire = open(context);
  for (const std::uint16_t to : {seen.open_port, seen.closed_port}) {
    const auto port = (*wire)->hold_port(context, Transport::tcp);
    // The same source port may be used again once it was answered.
    for (const std::uint32_t sequence : {100U, 200U}) {
      const std::size_t before = seen.answers.size();
      const auto sent = (*wire)->send(make_syn(envelope_of(**wire), {*port, to}, sequence, 0));
      if (!sent) seen.error = sent.error().message();
      co_await collect(**wire, before + 1);
    }
  }
}

Task<void> refusals(Context& context) {
  auto wire = open(context);
  seen.error = (*wire)->can_send(Transport::tcp, true) ? "" : "refused";
  if (!(*wire)->can_send(Transport::tcp, false) || !(*wire)->can_send(Transport::udp, true)) seen.error += " too much";
  if ((*wire)->can_cut()) seen.error += " cuts";
  co_return;
}

const Kind kDatagrams = {{"datagrams", "nothing", "test", {}, {}}, datagrams};
const Kind kSyns = {{"syns", "nothing", "test", {}, {}}, syns};
const Kind kRefusals = {{"refusals", "nothing", "test", {}, {}}, refusals};

UniqueFd bound_socket(const IpAddress& address, int type) {
  UniqueFd out(socket(kernel::domain_of(address), type, 0));
  const auto any = kernel::socket_address(address, 0);
  EXPECT_EQ(bind(out.get(), any.get(), any.length), 0);
  return out;
}

class PlainWireTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    seen = {};
    seen.target = *IpAddress::parse(GetParam());
    listener_ = bound_socket(seen.target, SOCK_STREAM);
    listen(listener_.get(), 8);
    seen.open_port = kernel::local_endpoint(listener_.get())->port;
    seen.closed_port = kernel::local_endpoint(bound_socket(seen.target, SOCK_STREAM).get())->port;
  }
  void run(const Kind& kind) {
    const std::array<const Kind*, 1> kinds = {&kind};
    Limits limits;
    limits.deadline = Clock::now() + std::chrono::seconds(10);
    Engine engine(limits, {*kernel::current_namespace()}, kinds);
    const Ask ask{std::string(kind.info.name), "x", kernel::current_namespace()->name, {}, {}};
    facts::Facts out;
    engine.run(std::span(&ask, 1), out);
    EXPECT_EQ(out.rows<facts::ProbeResult>()[0].error, "");
  }
  UniqueFd listener_;
};

TEST_P(PlainWireTest, TellsWhichDatagramAClosedPortRefused) {
  run(kDatagrams);
  EXPECT_EQ(seen.error, "");
  ASSERT_EQ(seen.answers.size(), 3U);
  std::vector<int> marks;
  for (const Answer& each : seen.answers) {
    ASSERT_TRUE(each.icmp && each.icmp->quoted);
    EXPECT_EQ(each.icmp->type, IcmpType::port_unreachable);
    EXPECT_EQ(each.from, seen.target);
    EXPECT_EQ(each.icmp->quoted->ports.source, seen.own_port);
    EXPECT_EQ(each.icmp->quoted->destination, seen.target);
    marks.push_back(each.icmp->quoted->checksum);
  }
  EXPECT_EQ(marks, (std::vector<int>{7, 8, 9}));
}

TEST_P(PlainWireTest, ConnectsTwiceFromOnePortAndTellsOpenFromClosed) {
  run(kSyns);
  EXPECT_EQ(seen.error, "");
  ASSERT_EQ(seen.answers.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& tcp = seen.answers[i].tcp;
    ASSERT_TRUE(tcp);
    EXPECT_EQ(tcp->syn, i < 2);
    EXPECT_EQ(tcp->rst, i >= 2);
    EXPECT_EQ(tcp->acknowledged, i % 2 == 0 ? 101U : 201U);
    EXPECT_EQ(tcp->ports.source, i < 2 ? seen.open_port : seen.closed_port);
  }
}

TEST_P(PlainWireTest, SaysWhatItCannotSend) {
  run(kRefusals);
  EXPECT_EQ(seen.error, "refused");
}

INSTANTIATE_TEST_SUITE_P(Families, PlainWireTest, testing::Values("127.0.0.1", "::1"));

}  // namespace
}  // namespace hostcheck::probe
