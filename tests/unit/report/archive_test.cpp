#include "core/report/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

namespace hostcheck::report {
namespace {

std::string unpacked(const std::string& archive) {
  std::string out;
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::string part(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{archive.data(), archive.size(), 0};
  std::size_t left = 1;
  while (left != 0) {
    ZSTD_outBuffer room{part.data(), part.size(), 0};
    left = ZSTD_decompressStream(context, &room, &in);
    if (ZSTD_isError(left) != 0) {
      ADD_FAILURE() << ZSTD_getErrorName(left);
      break;
    }
    out.append(part, 0, room.pos);
    if (left != 0 && in.pos == in.size && room.pos < part.size()) {
      ADD_FAILURE() << "cut short";
      break;
    }
  }
  ZSTD_freeDCtx(context);
  return out;
}

// The sum of a header's bytes, its own field counted as blanks.
unsigned sum_of(const std::string& header) {
  unsigned sum = 0;
  for (std::size_t at = 0; at < header.size(); ++at) {
    sum += at >= 148 && at < 156 ? ' ' : static_cast<unsigned char>(header[at]);
  }
  return sum;
}

constexpr std::chrono::system_clock::time_point kTime{std::chrono::seconds(1'700'000'000)};

TEST(Archive, HoldsEachFileWithItsHeaderAndPadding) {
  const std::vector<ArchiveFile> files = {{"report.txt", "hello"}, {"empty", ""}, {"block", std::string(512, 'b')}};
  const auto archive = as_tar_zst("host-1", files, kTime);
  ASSERT_TRUE(archive);
  const std::string tar = unpacked(*archive);
  ASSERT_EQ(tar.size(), 512U * (1 + 2 + 1 + 2 + 2));
  const std::string folder = tar.substr(0, 512);
  EXPECT_STREQ(folder.c_str(), "host-1/");
  EXPECT_EQ(folder[156], '5');
  EXPECT_STREQ(folder.c_str() + 100, "0000700");
  const std::string header = tar.substr(512, 512);
  EXPECT_STREQ(header.c_str(), "host-1/report.txt");
  EXPECT_STREQ(header.c_str() + 100, "0000600");
  EXPECT_STREQ(header.c_str() + 124, "00000000005");
  EXPECT_EQ(std::stoull(header.substr(136, 11), nullptr, 8), 1'700'000'000U);
  EXPECT_EQ(std::stoul(header.substr(148, 6), nullptr, 8), sum_of(header));
  EXPECT_EQ(header.substr(257, 8), std::string("ustar\0"
                                               "00",
                                               8));
  EXPECT_EQ(tar.substr(1024, 5), "hello");
  EXPECT_EQ(tar.substr(1029, 507), std::string(507, '\0'));
  EXPECT_STREQ(tar.c_str() + 1536, "host-1/empty");
  EXPECT_STREQ(tar.c_str() + 2048, "host-1/block");
  EXPECT_EQ(tar.substr(2560, 512), std::string(512, 'b'));
  EXPECT_EQ(tar.substr(3072), std::string(1024, '\0'));
}

TEST(Archive, IsWholeWhateverTheSize) {
  std::string large(3'000'001, '\0');
  unsigned state = 1;
  for (char& each : large) each = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
  const std::vector<ArchiveFile> files = {{"large", large}};
  const auto archive = as_tar_zst("host-1", files, kTime);
  ASSERT_TRUE(archive);
  const std::string tar = unpacked(*archive);
  ASSERT_GE(tar.size(), 1024 + large.size());
  EXPECT_TRUE(tar.compare(1024, large.size(), large) == 0);
  EXPECT_EQ(tar.size() % 512, 0U);
}

}  // namespace
}  // namespace hostcheck::report
