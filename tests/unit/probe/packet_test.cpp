#include "core/probe/packet.h"

#include <gtest/gtest.h>

#include "core/probe/answer.h"

namespace hostcheck::probe {
namespace {

Envelope envelope4() {
  Envelope out;
  out.source = *IpAddress::parse("192.0.2.1");
  out.destination = *IpAddress::parse("198.51.100.7");
  out.ttl = 9;
  out.id = 0x1234;
  return out;
}

Envelope envelope6() {
  Envelope out;
  out.source = *IpAddress::parse("2001:db8::1");
  out.destination = *IpAddress::parse("2001:db8:1::7");
  out.ttl = 9;
  out.flow_label = 0xabcde;
  return out;
}

// Sum of a transport part with its pseudo header: 0 where its checksum is right.
std::uint16_t rest_of(const Envelope& envelope, std::span<const std::uint8_t> part, std::uint32_t protocol) {
  std::uint32_t sum = protocol + static_cast<std::uint32_t>(part.size());
  for (const IpAddress& each : {envelope.source, envelope.destination}) {
    sum += static_cast<std::uint16_t>(~internet_checksum(each.bytes()));
  }
  return internet_checksum(part, sum);
}

// An ICMP error about a packet, as a router makes it.
Bytes error_about(std::uint8_t type, std::uint8_t code, std::uint32_t word, std::span<const std::uint8_t> packet) {
  Bytes out(8 + packet.size(), 0);
  out[0] = type;
  out[1] = code;
  for (std::size_t i = 0; i < 4; ++i) out[4 + i] = static_cast<std::uint8_t>(word >> (24 - 8 * i));
  std::copy(packet.begin(), packet.end(), out.begin() + 8);
  return out;
}

TEST(Packet, HasTheSizeThatWasAskedForAndARightHeader) {
  for (const std::size_t size : {60U, 576U, 1500U, 9000U}) {
    const Bytes packet = make_syn(envelope4(), {40000, 443}, 7, size);
    ASSERT_EQ(packet.size(), size);
    EXPECT_EQ(internet_checksum(std::span(packet).first(20)), 0);
    EXPECT_EQ(packet[2] << 8 | packet[3], static_cast<int>(size));
    EXPECT_EQ(packet[6], 0x40);
    EXPECT_EQ(packet[8], 9);
    EXPECT_EQ(rest_of(envelope4(), std::span(packet).subspan(20), 6), 0);
  }
  const Bytes packet = make_syn(envelope6(), {40000, 443}, 7, 1280);
  ASSERT_EQ(packet.size(), 1280U);
  EXPECT_EQ(packet[1], 0x0a);
  EXPECT_EQ(packet[2], 0xbc);
  EXPECT_EQ(packet[4] << 8 | packet[5], 1240);
  EXPECT_EQ(rest_of(envelope6(), std::span(packet).subspan(40), 6), 0);
}

TEST(Packet, IsNeverSmallerThanItsHeaders) {
  for (const Transport each : {Transport::tcp, Transport::udp, Transport::icmp}) {
    EXPECT_GE(smallest_packet(Family::ipv4, each), 30U);
  }
  EXPECT_EQ(make_syn(envelope4(), {1, 2}, 3, 0).size(), smallest_packet(Family::ipv4, Transport::tcp));
}

TEST(Packet, CarriesTheChecksumThatWasAskedForAndItIsRight) {
  for (const std::uint16_t wanted : {1, 2, 0x1234, 0x7fff, 0x8000, 0xfffe}) {
    for (const std::size_t size : {50U, 101U, 1400U}) {
      const Bytes udp4 = make_datagram(envelope4(), {33000, 33434}, wanted, size);
      EXPECT_EQ(udp4[26] << 8 | udp4[27], wanted);
      EXPECT_EQ(rest_of(envelope4(), std::span(udp4).subspan(20), 17), 0);
      const Bytes udp6 = make_datagram(envelope6(), {33000, 33434}, wanted, size);
      EXPECT_EQ(rest_of(envelope6(), std::span(udp6).subspan(40), 17), 0);
      const Bytes echo4 = make_echo(envelope4(), 77, 5, wanted, size);
      EXPECT_EQ(echo4[22] << 8 | echo4[23], wanted);
      EXPECT_EQ(internet_checksum(std::span(echo4).subspan(20)), 0);
      const Bytes echo6 = make_echo(envelope6(), 77, 5, wanted, size);
      EXPECT_EQ(rest_of(envelope6(), std::span(echo6).subspan(40), 58), 0);
    }
  }
}

TEST(Packet, InFragmentsHasAllItsBytes) {
  Envelope whole = envelope4();
  whole.dont_fragment = false;
  const Bytes packet = make_echo(whole, 77, 5, 99, 1000);
  const auto parts = cut_in_two(packet, 501, 0);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].size(), 20U + 496U);
  EXPECT_EQ(parts[0][6], 0x20);
  EXPECT_EQ(parts[1][6] << 8 | parts[1][7], 496 / 8);
  Bytes again(parts[0].begin() + 20, parts[0].end());
  again.insert(again.end(), parts[1].begin() + 20, parts[1].end());
  EXPECT_EQ(again, Bytes(packet.begin() + 20, packet.end()));
  for (const Bytes& each : parts) {
    EXPECT_EQ(internet_checksum(std::span(each).first(20)), 0);
    EXPECT_EQ(each[2] << 8 | each[3], static_cast<int>(each.size()));
  }
  const auto parts6 = cut_in_two(make_echo(envelope6(), 77, 5, 99, 1000), 504, 0xdeadbeef);
  EXPECT_EQ(parts6[0].size(), 40U + 8 + 504);
  EXPECT_EQ(parts6[0][6], 44);
  EXPECT_EQ(parts6[0][40], 58);
  EXPECT_EQ(parts6[0][43], 1);
  EXPECT_EQ(parts6[1][42] << 8 | parts6[1][43], 504);
}

TEST(Answer, KnowsTheProbeThatAnErrorQuotes) {
  const Bytes syn = make_syn(envelope4(), {40001, 443}, 0xcafe0001, 60);
  // RFC 792 asks for the IP header and 8 bytes only.
  const auto seen = parse_icmp(Family::ipv4, error_about(11, 0, 0, std::span(syn).first(28)));
  ASSERT_TRUE(seen && seen->quoted);
  EXPECT_EQ(seen->type, IcmpType::time_exceeded);
  EXPECT_EQ(seen->quoted->ports.source, 40001);
  EXPECT_EQ(seen->quoted->sequence, 0xcafe0001);
  EXPECT_EQ(seen->quoted->destination.to_string(), "198.51.100.7");
  const Bytes datagram = make_datagram(envelope6(), {40001, 33434}, 0x4321, 60);
  const auto seen6 = parse_icmp(Family::ipv6, error_about(3, 0, 0, datagram));
  ASSERT_TRUE(seen6 && seen6->quoted);
  EXPECT_EQ(seen6->quoted->checksum, 0x4321);
  const Bytes echo = make_echo(envelope4(), 77, 5, 99, 60);
  const auto seen_echo = parse_icmp(Family::ipv4, error_about(3, 1, 0, echo));
  ASSERT_TRUE(seen_echo && seen_echo->quoted);
  EXPECT_EQ(seen_echo->type, IcmpType::unreachable);
  EXPECT_EQ(seen_echo->quoted->echo_id, 77);
  EXPECT_EQ(seen_echo->quoted->echo_sequence, 5);
}

TEST(Answer, ReadsTheMtuOfTooBig) {
  const Bytes echo = make_echo(envelope4(), 77, 5, 99, 1500);
  EXPECT_EQ(parse_icmp(Family::ipv4, error_about(3, 4, 1400, echo))->mtu, 1400U);
  const Bytes echo6 = make_echo(envelope6(), 77, 5, 99, 1500);
  const auto seen = parse_icmp(Family::ipv6, error_about(2, 0, 65576, echo6));
  EXPECT_EQ(seen->type, IcmpType::too_big);
  EXPECT_EQ(seen->mtu, 65576U);
}

TEST(Answer, TellsWhoRefuses) {
  const Bytes syn = make_syn(envelope4(), {40001, 443}, 1, 60);
  EXPECT_EQ(parse_icmp(Family::ipv4, error_about(3, 13, 0, syn))->type, IcmpType::prohibited);
  EXPECT_EQ(parse_icmp(Family::ipv4, error_about(3, 3, 0, syn))->type, IcmpType::port_unreachable);
  EXPECT_EQ(parse_icmp(Family::ipv6, error_about(1, 1, 0, syn))->type, IcmpType::prohibited);
  EXPECT_EQ(parse_icmp(Family::ipv6, error_about(1, 4, 0, syn))->type, IcmpType::port_unreachable);
  // Time exceeded in reassembly is not a hop's answer.
  EXPECT_EQ(parse_icmp(Family::ipv4, error_about(11, 1, 0, syn))->type, IcmpType::other);
}

// RFC 4950: a label stack in an extension structure behind the quoted packet, padded to 128 bytes.
Bytes labelled(std::uint8_t length_in_words) {
  Bytes packet = make_syn(envelope4(), {40001, 443}, 1, 128);
  Bytes out = error_about(11, 0, static_cast<std::uint32_t>(length_in_words) << 16U, packet);
  Bytes extension = {0x20, 0, 0, 0, 0, 12, 1, 1, 0x03, 0xe8, 0x12, 0x01, 0x05, 0xdc, 0x1b, 0x02};
  const std::uint16_t sum = internet_checksum(extension);
  extension[2] = static_cast<std::uint8_t>(sum >> 8U);
  extension[3] = static_cast<std::uint8_t>(sum);
  out.insert(out.end(), extension.begin(), extension.end());
  return out;
}

TEST(Answer, ReadsMplsLabels) {
  const std::vector<MplsLabel> expected = {{16001, 1, 1}, {24001, 5, 2}};
  EXPECT_EQ(parse_icmp(Family::ipv4, labelled(32))->mpls, expected);
  EXPECT_EQ(parse_icmp(Family::ipv4, labelled(0))->mpls, expected) << "routers before RFC 4884";
}

TEST(Answer, TrustsNoBrokenExtension) {
  Bytes wrong_sum = labelled(32);
  wrong_sum.back() ^= 1U;
  EXPECT_TRUE(parse_icmp(Family::ipv4, wrong_sum)->mpls.empty());
  EXPECT_TRUE(parse_icmp(Family::ipv4, labelled(255))->mpls.empty());
}

TEST(Answer, SurvivesEveryTruncationAndEveryFlippedByte) {
  const Bytes whole = labelled(32);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    (void)parse_icmp(Family::ipv4, std::span(whole).first(size));
    (void)parse_icmp(Family::ipv6, std::span(whole).first(size));
    (void)parse_tcp(std::span(whole).first(size));
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const std::uint8_t value : {0, 1, 0x7f, 0xff}) {
      Bytes broken = whole;
      broken[at] = value;
      (void)parse_icmp(Family::ipv4, broken);
      (void)parse_icmp(Family::ipv6, broken);
    }
  }
}

}  // namespace
}  // namespace hostcheck::probe
