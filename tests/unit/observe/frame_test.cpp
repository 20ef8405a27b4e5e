#include "core/observe/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/packets.h"

namespace hostcheck::observe {
namespace {

using made::Bytes;

const IpAddress kServer = *IpAddress::parse("10.0.0.1");
const IpAddress kClient = *IpAddress::parse("10.0.0.2");
const IpAddress kServer6 = *IpAddress::parse("fd00::1");
const IpAddress kClient6 = *IpAddress::parse("fd00::2");
const Bytes kData(100, 0xaa);

TEST(Frame, ReadsASegmentAndWhereItsHeadersEnd) {
  const Bytes bytes =
      made::ethernet(made::ip(kClient, kServer, 6, made::tcp(40000, 80, kTcpSyn | kTcpAck, 7, 9, kData)), 0x0800);
  const auto frame = read_ethernet(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->header.source, kClient);
  EXPECT_EQ(frame->header.destination, kServer);
  EXPECT_EQ(frame->header.source_port, 40000);
  EXPECT_EQ(frame->header.destination_port, 80);
  EXPECT_EQ(frame->sequence, 7U);
  EXPECT_EQ(frame->acknowledgement, 9U);
  EXPECT_TRUE(frame->is_syn_ack());
  EXPECT_FALSE(frame->is_syn());
  EXPECT_EQ(frame->header_bytes, 14U + 20 + 20);
}

TEST(Frame, LooksPastTwoTags) {
  const Bytes tags = {0x88, 0xa8, 0, 8, 0x81, 0, 0, 7};
  const auto frame =
      read_ethernet(made::ethernet(made::ip(kClient6, kServer6, 6, made::tcp(1, 2, kTcpSyn, 3)), 0x86dd, tags));
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->is_syn());
  EXPECT_EQ(frame->header.source, kClient6);
  EXPECT_EQ(frame->header_bytes, 22U + 40 + 20);
}

TEST(Frame, LooksPastExtensionHeaders) {
  Bytes payload = {6, 0, 0, 0, 0, 0, 0, 0};  // a hop-by-hop header of 8 bytes
  made::put(payload, made::tcp(1, 2, kTcpRst, 3));
  const auto frame = read_network(made::ip(kClient6, kServer6, 0, payload), 0x86dd);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->has(kTcpRst));
  EXPECT_EQ(frame->header_bytes, 40U + 8 + 20);
}

TEST(Frame, KeepsOfAnErrorOnlyTheHeadersThatItQuotes) {
  const Bytes quoted = made::ip(kClient, kServer, 17, made::udp(5000, 53, kData));
  const auto frame = read_network(made::ip(kServer, kClient, 1, made::icmp(3, 3, 0, quoted)), 0x0800);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->icmp_error);
  EXPECT_EQ(frame->icmp_type, 3);
  EXPECT_EQ(frame->icmp_code, 3);
  ASSERT_TRUE(frame->quoted);
  EXPECT_EQ(frame->quoted->destination, kServer);
  EXPECT_EQ(frame->quoted->destination_port, 53);
  EXPECT_EQ(frame->quoted->source_port, 5000);
  EXPECT_EQ(frame->header_bytes, 20U + 8 + 20 + 8);
}

TEST(Frame, ReadsWhatARouterQuotesAtLeast) {
  Bytes quoted = made::ip(kClient6, kServer6, 6, made::tcp(5000, 443, kTcpSyn, 1));
  quoted.resize(40 + 8);
  const auto frame = read_network(made::ip(kServer6, kClient6, 58, made::icmp(2, 0, 1400, quoted)), 0x86dd);
  ASSERT_TRUE(frame && frame->quoted);
  EXPECT_TRUE(frame->icmp_error);
  EXPECT_EQ(frame->quoted->destination_port, 443);
  EXPECT_EQ(frame->header_bytes, 40U + 8 + 48);
}

TEST(Frame, ReadsEchoArpAndNeighbourDiscovery) {
  const auto echo = read_network(made::ip(kClient, kServer, 1, made::icmp(8, 0, 0x1234'0005, kData)), 0x0800);
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->header.echo_id, 0x1234);
  EXPECT_FALSE(echo->icmp_error);
  EXPECT_EQ(echo->header_bytes, 28U);

  Bytes arp = {0, 1, 8, 0, 6, 4, 0, 1, 1, 1, 1, 1, 1, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};
  const auto question = read_ethernet(made::ethernet(arp, 0x0806));
  ASSERT_TRUE(question);
  EXPECT_EQ(question->header.source, kClient);
  EXPECT_EQ(question->header.destination, kServer);
  EXPECT_EQ(question->header_bytes, 42U);

  Bytes target(kServer6.bytes().begin(), kServer6.bytes().end());
  const auto asked = read_network(made::ip(kClient6, kServer6, 58, made::icmp(135, 0, 0, target)), 0x86dd);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->neighbour, kServer6);
}

TEST(Frame, KnowsNoPortsOfALaterFragment) {
  const auto frame = read_network(made::ip(kClient, kServer, 17, kData, 100), 0x0800);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->header.later_fragment);
  EXPECT_EQ(frame->header.source_port, 0);
  EXPECT_EQ(frame->header_bytes, 20U);
}

// Whatever is cut off: no more is read than is there, and nothing is made up of what is not.
TEST(Frame, TakesPacketsThatEndAnywhere) {
  const Bytes quoted = made::ip(kClient, kServer, 6, made::tcp(5000, 53, kTcpSyn, 1));
  for (const Bytes& whole :
       {made::ip(kClient, kServer, 6, made::tcp(40000, 80, kTcpSyn, 7)),
        made::ip(kServer, kClient, 1, made::icmp(11, 0, 0, quoted)), made::ip(kClient, kServer, 17, made::udp(1, 2))}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::vector<std::uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const auto frame = read_network(part, 0x0800);
      EXPECT_LE(frame ? frame->header_bytes : 0, size);
      EXPECT_FALSE(frame && frame->is_tcp() && size < 40);
    }
  }
  EXPECT_FALSE(read_ethernet(Bytes(13, 0)));
  EXPECT_FALSE(read_network(Bytes(60, 0), 0x88cc));
}

}  // namespace
}  // namespace hostcheck::observe
