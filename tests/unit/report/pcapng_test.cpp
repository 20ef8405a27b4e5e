#include "core/report/pcapng.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::report {
namespace {

std::uint32_t word_at(const std::string& file, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, file.data() + at, sizeof(word));
  return word;
}

struct Block {
  std::uint32_t type = 0;
  std::string body;
};

// The blocks of a file; each has to end with the length that it begins with.
std::vector<Block> blocks_of(const std::string& file) {
  std::vector<Block> blocks;
  std::size_t at = 0;
  while (at < file.size()) {
    const std::uint32_t length = word_at(file, at + 4);
    EXPECT_EQ(length % 4, 0U);
    EXPECT_LE(at + length, file.size());
    EXPECT_EQ(word_at(file, at + length - 4), length);
    blocks.push_back({word_at(file, at), file.substr(at + 8, length - 12)});
    at += length;
  }
  return blocks;
}

// Options from an offset of a block's body on, as code and value.
std::vector<std::pair<std::uint16_t, std::string>> options_of(const std::string& body, std::size_t at) {
  std::vector<std::pair<std::uint16_t, std::string>> options;
  while (at + 4 <= body.size()) {
    std::uint16_t code = 0;
    std::uint16_t length = 0;
    std::memcpy(&code, body.data() + at, 2);
    std::memcpy(&length, body.data() + at + 2, 2);
    if (code == 0) break;
    options.emplace_back(code, body.substr(at + 4, length));
    at += 4 + (length + 3U) / 4 * 4;
  }
  return options;
}

PcapFile two_packets() {
  static constexpr std::array<std::uint8_t, 5> kBytes = {1, 2, 3, 4, 5};
  PcapFile file;
  file.os = "Linux 6.1.0";
  file.application = "hostcheck 0.1.0";
  file.comment = "of web-17";
  file.snap_length = 320;
  file.interfaces = {{"eth0", "network namespace init", kLinkEthernet}, {"wg0", "network namespace init", kLinkRawIp}};
  file.packets = {{0, std::chrono::nanoseconds(0x123456789abcdef), 60, kBytes, false, "resets: RST"},
                  {1, std::chrono::nanoseconds(7), 2, kBytes, true, ""}};
  return file;
}

TEST(Pcapng, BeginsWithASectionThatSaysWhoWroteIt) {
  const auto blocks = blocks_of(as_pcapng(two_packets()));
  ASSERT_EQ(blocks.size(), 5U);
  EXPECT_EQ(blocks[0].type, 0x0a0d0d0aU);
  EXPECT_EQ(word_at(blocks[0].body, 0), 0x1a2b3c4dU);
  EXPECT_THAT(options_of(blocks[0].body, 16),
              testing::ElementsAre(testing::Pair(3, "Linux 6.1.0"), testing::Pair(4, "hostcheck 0.1.0"),
                                   testing::Pair(1, "of web-17")));
}

TEST(Pcapng, DescribesEachInterfaceWithTimesInNanoseconds) {
  const auto blocks = blocks_of(as_pcapng(two_packets()));
  ASSERT_EQ(blocks.size(), 5U);
  EXPECT_EQ(blocks[1].type, 1U);
  EXPECT_EQ(word_at(blocks[1].body, 0), 1U);
  EXPECT_EQ(word_at(blocks[1].body, 4), 320U);
  EXPECT_EQ(word_at(blocks[2].body, 0), 101U);
  EXPECT_THAT(options_of(blocks[2].body, 8),
              testing::ElementsAre(testing::Pair(2, "wg0"), testing::Pair(3, "network namespace init"),
                                   testing::Pair(9, "\x09")));
}

TEST(Pcapng, KeepsThePacketsTimeLengthsDirectionAndComment) {
  const auto blocks = blocks_of(as_pcapng(two_packets()));
  ASSERT_EQ(blocks.size(), 5U);
  const Block& first = blocks[3];
  EXPECT_EQ(first.type, 6U);
  EXPECT_EQ(word_at(first.body, 0), 0U);
  EXPECT_EQ(word_at(first.body, 4), 0x1234567U);
  EXPECT_EQ(word_at(first.body, 8), 0x89abcdefU);
  EXPECT_EQ(word_at(first.body, 12), 5U);
  EXPECT_EQ(word_at(first.body, 16), 60U);
  EXPECT_EQ(first.body.substr(20, 8), std::string("\1\2\3\4\5\0\0\0", 8));
  const auto options = options_of(first.body, 28);
  ASSERT_EQ(options.size(), 2U);
  EXPECT_EQ(word_at(options[0].second, 0), 1U);
  EXPECT_EQ(options[1], (std::pair<std::uint16_t, std::string>(1, "resets: RST")));
  // A length that is less than what is there cannot be.
  EXPECT_EQ(word_at(blocks[4].body, 16), 5U);
  EXPECT_EQ(word_at(options_of(blocks[4].body, 28)[0].second, 0), 2U);
}

TEST(Pcapng, CutsACommentThatNoOptionHolds) {
  PcapFile file = two_packets();
  file.packets.resize(1);
  file.packets[0].comment = std::string(70000, 'x');
  const auto blocks = blocks_of(as_pcapng(file));
  EXPECT_EQ(options_of(blocks[3].body, 28)[1].second.size(), 65535U);
}

}  // namespace
}  // namespace hostcheck::report
