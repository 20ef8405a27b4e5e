#include "core/observe/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/packets.h"

namespace hostcheck::observe {
namespace {

using made::Bytes;

const IpAddress kHere = *IpAddress::parse("10.0.0.1");
const IpAddress kPeer = *IpAddress::parse("10.0.0.2");
const IpAddress kRouter = *IpAddress::parse("10.0.0.9");

class Flows : public testing::Test {
 protected:
  Flows() {
    flows_.add("init", {6, kPeer, 40000, 443}, 1);
    flows_.add("init", {17, kPeer, 5000, 0}, 2);
    flows_.add("init", {1, kPeer, 77, 0}, 3);
    flows_.add("init", {0, kPeer, 0, 0}, 4);
    flows_.add("init", {6, kPeer, 40000, 443}, 9);  // the same again
  }
  [[nodiscard]] std::optional<std::uint32_t> probe_of(const Bytes& packet, std::uint16_t type = 0x0800,
                                                      const std::string& netns = "init") const {
    const auto frame = read_network(packet, type);
    EXPECT_TRUE(frame);
    return frame ? flows_.probe_of(netns, *frame) : std::nullopt;
  }
  ProbeFlows flows_;
};

TEST_F(Flows, KnowBothDirections) {
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 6, made::tcp(40000, 443, kTcpSyn, 1))), 1U);
  EXPECT_EQ(probe_of(made::ip(kPeer, kHere, 6, made::tcp(443, 40000, kTcpSyn | kTcpAck, 1))), 1U);
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 17, made::udp(5000, 33434))), 2U);
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 1, made::icmp(8, 0, 77U << 16U))), 3U);
  EXPECT_EQ(probe_of(made::ip(kPeer, kHere, 1, made::icmp(0, 0, 77U << 16U))), 3U);
}

TEST_F(Flows, KnowErrorsAboutThemWhoeverSendsThem) {
  const Bytes quoted = made::ip(kHere, kPeer, 6, made::tcp(40000, 443, kTcpSyn, 1));
  EXPECT_EQ(probe_of(made::ip(kRouter, kHere, 1, made::icmp(11, 0, 0, quoted))), 1U);
  const Bytes other = made::ip(kHere, kPeer, 6, made::tcp(40001, 443, kTcpSyn, 1));
  EXPECT_EQ(probe_of(made::ip(kRouter, kHere, 1, made::icmp(11, 0, 0, other))), std::nullopt);
}

TEST_F(Flows, LeaveOutOthersWithThePeer) {
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 6, made::tcp(40001, 443, kTcpSyn, 1))), std::nullopt);
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 6, made::tcp(40000, 80, kTcpSyn, 1))), std::nullopt);
  EXPECT_EQ(probe_of(made::ip(kHere, kRouter, 6, made::tcp(40000, 443, kTcpSyn, 1))), std::nullopt);
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 1, made::icmp(8, 0, 78U << 16U))), std::nullopt);
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 6, made::tcp(40000, 443, kTcpSyn, 1)), 0x0800, "web"), std::nullopt);
}

TEST_F(Flows, KnowLaterFragmentsByThePeer) {
  EXPECT_EQ(probe_of(made::ip(kHere, kPeer, 17, Bytes(64, 1), 100)), 2U);
  EXPECT_EQ(probe_of(made::ip(kHere, kRouter, 17, Bytes(64, 1), 100)), std::nullopt);
}

TEST_F(Flows, KnowArpForThePeer) {
  const Bytes question = {0, 1, 8, 0, 6, 4, 0, 1, 1, 1, 1, 1, 1, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
  EXPECT_EQ(probe_of(question, 0x0806), 4U);
  Bytes other = question;
  other.back() = 9;
  EXPECT_EQ(probe_of(other, 0x0806), std::nullopt);
}

CapturedPacket heard(const Bytes& packet, std::uint32_t ifindex = 2) {
  CapturedPacket out;
  out.ifindex = ifindex;
  out.start = kernel::PacketStart::network;
  out.ethertype = 0x0800;
  out.bytes = packet;
  return out;
}
CapturedPacket syn(std::uint16_t port, std::uint32_t sequence) {
  return heard(made::ip(kPeer, kHere, 6, made::tcp(port, 80, kTcpSyn, sequence)));
}
CapturedPacket syn_ack(std::uint16_t port, std::uint32_t acknowledgement) {
  return heard(made::ip(kHere, kPeer, 6, made::tcp(80, port, kTcpSyn | kTcpAck, 1, acknowledgement)));
}

TEST(GiveUpAnswered, TakesHandshakesThatWereAnsweredAtOnceOnly) {
  const auto reset = heard(made::ip(kHere, kPeer, 6, made::tcp(80, 40005, kTcpRst | kTcpAck, 0, 51)));
  std::vector<CapturedPacket> packets = {
      syn(40001, 10),     syn_ack(40001, 11),  // answered
      syn(40002, 20),                          // not answered
      syn(40003, 30),     syn(40003, 30),
      syn_ack(40003, 31),  // answered after it was repeated
      syn(40004, 40),     syn_ack(40004, 41),
      syn_ack(40004, 41),         // the last ACK never came
      syn(40005, 50),     reset,  // refused
      syn(40001, 99),             // the first one's ports again
  };
  EXPECT_EQ(give_up_answered(packets), 2U);
  ASSERT_EQ(packets.size(), 10U);
  EXPECT_EQ(packets.front().frame()->header.source_port, 40002);
  EXPECT_EQ(packets.back().frame()->sequence, 99U);
}

TEST(GiveUpAnswered, CountsOneInterfacesPacketsAlone) {
  std::vector<CapturedPacket> packets = {syn(40001, 10), syn_ack(40001, 11), syn(40001, 10), syn_ack(40001, 11)};
  packets[2].ifindex = packets[3].ifindex = 3;  // the bridge that its port belongs to
  EXPECT_EQ(give_up_answered(packets), 4U);
}

}  // namespace
}  // namespace hostcheck::observe
