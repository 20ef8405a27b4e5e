#include "core/probe/link_frames.h"

#include <gtest/gtest.h>

namespace hostcheck::probe {
namespace {

LinkAddress mac(std::uint8_t last) {
  const std::array<std::uint8_t, 6> bytes = {2, 0, 0, 0, 0, last};
  return LinkAddress::from_bytes(bytes);
}
IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

// The answer that a host gives to a frame of ours: addresses swapped.
Frame arp_reply(const Frame& question, const LinkAddress& from, const LinkAddress& claimed) {
  Frame reply = question;
  std::copy_n(question.begin() + 6, 6, reply.begin());
  std::copy(from.bytes().begin(), from.bytes().end(), reply.begin() + 6);
  reply[21] = 2;
  std::copy(claimed.bytes().begin(), claimed.bytes().end(), reply.begin() + 22);
  std::copy_n(question.begin() + 38, 4, reply.begin() + 28);
  std::copy_n(question.begin() + 28, 4, reply.begin() + 38);
  return reply;
}

TEST(ArpQuestion, IsWhatTheKernelSends) {
  const Frame frame = neighbour_question({mac(1), ip("10.0.0.2")}, ip("10.0.0.1"));
  const Frame expected = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                          1,    2,    0,    0,    0,    0,    1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};
  EXPECT_EQ(frame, expected);
}

TEST(ArpAnswer, TellsWhatItClaimsAndWhereItCameFrom) {
  const Frame question = neighbour_question({mac(1), ip("10.0.0.2")}, ip("10.0.0.1"), mac(9));
  EXPECT_EQ(question[5], 9);
  EXPECT_FALSE(parse_neighbour_answer(question)) << "a question is no answer";
  const Frame reply = arp_reply(question, mac(9), mac(7));
  const auto answer = parse_neighbour_answer(reply);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->address, ip("10.0.0.1"));
  EXPECT_EQ(answer->lladdr, mac(7));
  EXPECT_EQ(answer->frame_source, mac(9));
  for (std::size_t size = 0; size < 42; ++size) {
    EXPECT_FALSE(parse_neighbour_answer(std::span(reply).first(size))) << size;
  }
}

TEST(Solicitation, GoesToTheGroupOfItsTarget) {
  const Frame frame = neighbour_question({mac(1), ip("fd00::2")}, ip("fd00::12:3456"));
  EXPECT_EQ(Frame(frame.begin(), frame.begin() + 6), (Frame{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}));
  EXPECT_EQ(IpAddress::from_bytes(std::span(frame).subspan(38, 16)), ip("ff02::1:ff12:3456"));
  EXPECT_EQ(frame[21], 255) << "hop limit";
  EXPECT_EQ(frame.size(), 14U + 40 + 32);
  // A sum over pseudo-header and message with the right checksum in it is zero.
  Frame pseudo(frame.begin() + 22, frame.begin() + 54);
  pseudo.insert(pseudo.end(), {0, 0, 0, 32, 0, 0, 0, 58});
  pseudo.insert(pseudo.end(), frame.begin() + 54, frame.end());
  EXPECT_EQ(internet_checksum(pseudo), 0);
}

TEST(Solicitation, ForDuplicatesCarriesNoLinkAddress) {
  const Frame frame = neighbour_question({mac(1), IpAddress::any(Family::ipv6)}, ip("fd00::1"));
  EXPECT_EQ(frame.size(), 14U + 40 + 24);
}

Frame advertisement(Frame options) {
  Frame frame = neighbour_question({mac(4), ip("fd00::1")}, ip("fd00::2"), mac(1));
  frame.resize(14 + 40);
  Frame message = {136, 0, 0, 0, 0x60, 0, 0, 0};
  const IpAddress target = ip("fd00::1");
  message.insert(message.end(), target.bytes().begin(), target.bytes().end());
  message.insert(message.end(), options.begin(), options.end());
  frame[19] = static_cast<std::uint8_t>(message.size());
  frame.insert(frame.end(), message.begin(), message.end());
  return frame;
}

TEST(Advertisement, TellsWhatItClaims) {
  const auto answer = parse_neighbour_answer(advertisement({2, 1, 2, 0, 0, 0, 0, 8}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->address, ip("fd00::1"));
  EXPECT_EQ(answer->lladdr, mac(8));
  EXPECT_EQ(answer->frame_source, mac(4));
  const auto bare = parse_neighbour_answer(advertisement({}));
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->lladdr, mac(4)) << "without the option it is the frame's own";
}

TEST(Advertisement, ThatIsMalformedIsNone) {
  EXPECT_FALSE(parse_neighbour_answer(advertisement({2, 0, 2, 0, 0, 0, 0, 8}))) << "an option without length";
  EXPECT_FALSE(parse_neighbour_answer(advertisement({2, 9, 2, 0, 0, 0, 0, 8}))) << "an option beyond the end";
  Frame routed = advertisement({});
  routed[21] = 254;
  EXPECT_FALSE(parse_neighbour_answer(routed)) << "one that a router passed on";
  const Frame whole = advertisement({2, 1, 2, 0, 0, 0, 0, 8});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_neighbour_answer(std::span(whole).first(size))) << size;
  }
}

TEST(Echo, IsAnsweredWithItsNumbers) {
  for (const auto& [own, target] : {std::pair{"10.0.0.2", "10.0.0.1"}, std::pair{"fd00::2", "fd00::1"}}) {
    Frame frame = echo_question({mac(1), ip(own)}, {mac(9), ip(target), 0x1234, 7});
    EXPECT_FALSE(parse_echo_answer(frame)) << "a question is no answer";
    const bool four = ip(target).family() == Family::ipv4;
    if (four) {
      EXPECT_EQ(internet_checksum(std::span(frame).subspan(14, 20)), 0);
      EXPECT_EQ(internet_checksum(std::span(frame).subspan(34)), 0);
    }
    frame[four ? 34 : 54] = four ? 0 : 129;
    const auto answer = parse_echo_answer(frame);
    ASSERT_TRUE(answer) << target;
    EXPECT_EQ(answer->id, 0x1234);
    EXPECT_EQ(answer->sequence, 7);
    EXPECT_EQ(answer->from, ip(own));
    EXPECT_EQ(answer->ip_id.has_value(), four);
    for (std::size_t size = 0; size < 14 + 28; ++size) {
      EXPECT_FALSE(parse_echo_answer(std::span(frame).first(size))) << size;
    }
  }
}

}  // namespace
}  // namespace hostcheck::probe
