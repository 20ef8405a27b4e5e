#include "core/kernel/packet_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/packets.h"

namespace hostcheck::kernel {
namespace {

using made::Bytes;

const IpAddress kHere = *IpAddress::parse("10.0.0.1");
const IpAddress kPeer = *IpAddress::parse("10.0.0.2");
const IpAddress kOther = *IpAddress::parse("10.0.0.3");
const IpAddress kHere6 = *IpAddress::parse("fd00::1");
const IpAddress kPeer6 = *IpAddress::parse("fd00::2");
const IpAddress kOther6 = *IpAddress::parse("fd00::3");
constexpr std::uint8_t kFin = 1;
constexpr std::uint8_t kSyn = 2;
constexpr std::uint8_t kRst = 4;
constexpr std::uint8_t kAck = 16;
constexpr std::uint32_t kEthernet = 1;
constexpr std::uint32_t kNoHeader = 0xfffe;  // ARPHRD_NONE, as tun devices have
const Bytes kData(40, 0xaa);

// Classic BPF as Documentation/networking/filter.rst has it, as far as the programs use it.
class Machine {
 public:
  Machine(Bytes packet, std::uint32_t hardware, std::uint16_t protocol)
      : packet_(std::move(packet)), hardware_(hardware), protocol_(protocol) {}

  std::uint32_t run(const std::vector<sock_filter>& program) {
    for (std::size_t at = 0; at < program.size(); ++at) {
      const sock_filter& each = program[at];
      if (BPF_CLASS(each.code) == BPF_RET) return each.k;
      if (BPF_CLASS(each.code) == BPF_JMP) {
        at += jump(each);
      } else if (!step(each)) {
        return 0;  // read past the packet's end: it is dropped
      }
    }
    ADD_FAILURE() << "no end";
    return 0;
  }

 private:
  [[nodiscard]] std::size_t jump(const sock_filter& each) const {
    if (BPF_OP(each.code) == BPF_JA) return each.k;
    const std::uint32_t with = BPF_SRC(each.code) == BPF_X ? x_ : each.k;
    const bool holds = BPF_OP(each.code) == BPF_JSET ? (a_ & with) != 0 : a_ == with;
    return holds ? each.jt : each.jf;
  }
  bool load(const sock_filter& each) {
    if (BPF_MODE(each.code) == BPF_ABS && each.k == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_HATYPE)) {
      a_ = hardware_;
      return true;
    }
    if (BPF_MODE(each.code) == BPF_ABS && each.k == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL)) {
      a_ = protocol_;
      return true;
    }
    const std::size_t size = BPF_SIZE(each.code) == BPF_W ? 4 : BPF_SIZE(each.code) == BPF_H ? 2 : 1;
    const std::size_t from = each.k + (BPF_MODE(each.code) == BPF_IND ? x_ : 0);
    if (from + size > packet_.size()) return false;
    a_ = 0;
    for (std::size_t i = 0; i < size; ++i) a_ = a_ << 8U | packet_[from + i];
    return true;
  }
  bool step(const sock_filter& each) {
    switch (BPF_CLASS(each.code)) {
      case BPF_LD:
        return load(each);
      case BPF_LDX:
        x_ = BPF_MODE(each.code) == BPF_MEM ? memory_.at(each.k) : each.k;
        return true;
      case BPF_ST:
        memory_.at(each.k) = a_;
        return true;
      case BPF_STX:
        memory_.at(each.k) = x_;
        return true;
      case BPF_MISC:
        x_ = a_;
        return true;
      default:
        break;
    }
    const std::uint32_t with = BPF_SRC(each.code) == BPF_X ? x_ : each.k;
    switch (BPF_OP(each.code)) {
      case BPF_AND:
        a_ &= with;
        return true;
      case BPF_LSH:
        a_ <<= with;
        return true;
      case BPF_RSH:
        a_ >>= with;
        return true;
      case BPF_ADD:
        a_ += with;
        return true;
      default:
        ADD_FAILURE() << "instruction " << each.code;
        return false;
    }
  }
  Bytes packet_;
  std::uint32_t hardware_;
  std::uint16_t protocol_;
  std::uint32_t a_ = 0;
  std::uint32_t x_ = 0;
  std::array<std::uint32_t, 16> memory_{};
};

bool hears(const std::vector<sock_filter>& program, const Bytes& packet, std::uint16_t type) {
  return Machine(made::ethernet(packet, type), kEthernet, type).run(program) != 0;
}
bool hears4(const std::vector<sock_filter>& program, const Bytes& packet) {
  return hears(program, packet, 0x0800);
}
bool hears6(const std::vector<sock_filter>& program, const Bytes& packet) {
  return hears(program, packet, 0x86dd);
}

TEST(HandshakeFilter, HearsSynsResetsAndErrors) {
  const auto program = handshake_filter(PacketStart::ethernet);
  for (const std::uint8_t flags : {kSyn, std::uint8_t(kSyn | kAck), kRst, std::uint8_t(kRst | kAck)}) {
    EXPECT_TRUE(hears4(program, made::ip(kHere, kPeer, 6, made::tcp(1, 2, flags, 3)))) << int{flags};
    EXPECT_TRUE(hears6(program, made::ip(kHere6, kPeer6, 6, made::tcp(1, 2, flags, 3)))) << int{flags};
  }
  for (const std::uint8_t flags : {kAck, std::uint8_t(kFin | kAck)}) {
    EXPECT_FALSE(hears4(program, made::ip(kHere, kPeer, 6, made::tcp(1, 2, flags, 3, 4, kData)))) << int{flags};
    EXPECT_FALSE(hears6(program, made::ip(kHere6, kPeer6, 6, made::tcp(1, 2, flags, 3, 4, kData)))) << int{flags};
  }
  for (const std::uint8_t type : {3, 11, 12})
    EXPECT_TRUE(hears4(program, made::ip(kHere, kPeer, 1, made::icmp(type, 0, 0))));
  for (const std::uint8_t type : {0, 8})
    EXPECT_FALSE(hears4(program, made::ip(kHere, kPeer, 1, made::icmp(type, 0, 0))));
  for (const std::uint8_t type : {1, 2, 3, 4})
    EXPECT_TRUE(hears6(program, made::ip(kHere6, kPeer6, 58, made::icmp(type, 0, 0))));
  for (const std::uint8_t type : {128, 134, 135})
    EXPECT_FALSE(hears6(program, made::ip(kHere6, kPeer6, 58, made::icmp(type, 0, 0))));
  EXPECT_FALSE(hears4(program, made::ip(kHere, kPeer, 17, made::udp(1, 2))));
  EXPECT_FALSE(hears4(program, made::ip(kHere, kPeer, 6, made::tcp(1, 2, kSyn, 3), 100)));
  EXPECT_FALSE(hears(program, Bytes(28, 0), 0x0806));
}

TEST(HandshakeFilter, LooksBehindTags) {
  const auto program = handshake_filter(PacketStart::ethernet);
  const auto run = [&](const Bytes& tags, std::uint8_t flags) {
    const Bytes packet = made::ip(kHere, kPeer, 6, made::tcp(1, 2, flags, 3));
    return Machine(made::ethernet(packet, 0x0800, tags), kEthernet, 0x8100).run(program) != 0;
  };
  const Bytes one = {0x81, 0, 0, 7};
  const Bytes two = {0x88, 0xa8, 0, 8, 0x81, 0, 0, 7};
  for (const Bytes& tags : {one, two}) {
    EXPECT_TRUE(run(tags, kSyn));
    EXPECT_FALSE(run(tags, kAck));
  }
}

TEST(HandshakeFilter, BeginsWhereTheDevicesPacketsBegin) {
  const Bytes syn = made::ip(kHere, kPeer, 6, made::tcp(1, 2, kSyn, 3));
  const Bytes framed = made::ethernet(syn, 0x0800);
  EXPECT_NE(Machine(syn, kNoHeader, 0x0800).run(handshake_filter(PacketStart::network)), 0U);
  EXPECT_EQ(Machine(syn, kEthernet, 0x0800).run(handshake_filter(PacketStart::network)), 0U);
  EXPECT_EQ(Machine(framed, kNoHeader, 0x0800).run(handshake_filter(PacketStart::ethernet)), 0U);
  EXPECT_NE(Machine(framed, 772, 0x0800).run(handshake_filter(PacketStart::ethernet)), 0U);
}

TEST(ProbeFilter, HearsPeersOnly) {
  const std::vector<IpAddress> peers = {kPeer, kPeer6};
  const auto program = probe_filter(PacketStart::ethernet, peers);
  for (const std::uint8_t flags : {kSyn, kAck, std::uint8_t(kFin | kAck), kRst}) {
    const Bytes segment = made::tcp(1, 2, flags, 3);
    EXPECT_TRUE(hears4(program, made::ip(kHere, kPeer, 6, segment))) << int{flags};
    EXPECT_TRUE(hears4(program, made::ip(kPeer, kHere, 6, segment))) << int{flags};
    EXPECT_TRUE(hears6(program, made::ip(kHere6, kPeer6, 6, segment))) << int{flags};
    EXPECT_TRUE(hears6(program, made::ip(kPeer6, kHere6, 6, segment))) << int{flags};
    EXPECT_FALSE(hears4(program, made::ip(kHere, kOther, 6, segment))) << int{flags};
    EXPECT_FALSE(hears6(program, made::ip(kOther6, kHere6, 6, segment))) << int{flags};
  }
  // What a bulk transfer to the same peer is made of.
  EXPECT_FALSE(hears4(program, made::ip(kHere, kPeer, 6, made::tcp(1, 2, kAck, 3, 4, kData))));
  EXPECT_FALSE(hears6(program, made::ip(kHere6, kPeer6, 6, made::tcp(1, 2, kAck, 3, 4, kData))));
  EXPECT_TRUE(hears4(program, made::ip(kHere, kPeer, 6, made::tcp(1, 2, kSyn, 3, 4, kData))));
  EXPECT_TRUE(hears4(program, made::ip(kHere, kPeer, 17, made::udp(1, 2, kData))));
  EXPECT_TRUE(hears6(program, made::ip(kPeer6, kHere6, 17, made::udp(1, 2, kData))));
  EXPECT_FALSE(hears4(program, made::ip(kHere, kOther, 17, made::udp(1, 2, kData))));
  EXPECT_TRUE(hears4(program, made::ip(kHere, kPeer, 17, kData, 100)));
}

TEST(ProbeFilter, HearsErrorsEchoAndNeighboursOfEverybody) {
  const auto program = probe_filter(PacketStart::ethernet, {});
  for (const std::uint8_t type : {0, 3, 8, 11, 12})
    EXPECT_TRUE(hears4(program, made::ip(kOther, kHere, 1, made::icmp(type, 0, 0))));
  for (const std::uint8_t type : {1, 2, 3, 4, 128, 129, 135, 136}) {
    EXPECT_TRUE(hears6(program, made::ip(kOther6, kHere6, 58, made::icmp(type, 0, 0))));
  }
  EXPECT_TRUE(hears(program, Bytes(28, 0), 0x0806));
  EXPECT_FALSE(hears4(program, made::ip(kHere, kPeer, 6, made::tcp(1, 2, kSyn, 3))));
}

// Conditions reach no further than 255 instructions. The kernel's own program has at most two for each, of 8 bytes.
TEST(ProbeFilter, StaysAProgramWithMorePeersThanItTakes) {
  std::vector<IpAddress> peers;
  for (unsigned number = 0; number < 1000; ++number) {
    const std::array<std::uint8_t, 4> bytes = {10, 1, static_cast<std::uint8_t>(number >> 8U),
                                               static_cast<std::uint8_t>(number)};
    peers.push_back(IpAddress::from_bytes(bytes));
    std::array<std::uint8_t, 16> longer{0xfd};
    std::copy(bytes.begin(), bytes.end(), longer.begin() + 12);
    peers.push_back(IpAddress::from_bytes(longer));
  }
  const auto program = probe_filter(PacketStart::ethernet, peers);
  EXPECT_LT(program.size() * 8 * 2, 20480U);
  const Bytes syn = made::tcp(1, 2, kSyn, 3);
  EXPECT_TRUE(hears4(program, made::ip(kHere, *IpAddress::parse("10.1.0.0"), 6, syn)));
  EXPECT_TRUE(hears4(program, made::ip(kHere, *IpAddress::parse("10.1.0.63"), 6, syn)));
  EXPECT_TRUE(hears6(program, made::ip(*IpAddress::parse("fd00::a01:3f"), kHere6, 6, syn)));
  EXPECT_FALSE(hears4(program, made::ip(kHere, *IpAddress::parse("10.1.0.64"), 6, syn)));
}

}  // namespace
}  // namespace hostcheck::kernel
