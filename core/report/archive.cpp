#include "core/report/archive.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <zstd.h>

namespace hostcheck::report {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kEndBlocks = 2;
constexpr int kLevel = 6;
constexpr std::uint64_t kLargestFile = 077777777777;  // what 11 octal digits hold

// A field of octal digits that ends with NUL.
void put_octal(std::string& header, std::size_t at, std::size_t width, std::uint64_t value) {
  header.replace(at, width - 1, fmt::format("{:0{}o}", value, width - 1));
}

// POSIX.1-1988 ustar: a header of 512 bytes.
std::string header_of(const std::string& name, std::uint64_t size, bool folder, std::uint64_t modified) {
  std::string header(kBlock, '\0');
  header.replace(0, name.size(), name);
  put_octal(header, 100, 8, folder ? 0700 : 0600);
  put_octal(header, 108, 8, 0);
  put_octal(header, 116, 8, 0);
  put_octal(header, 124, 12, size);
  put_octal(header, 136, 12, modified);
  header.replace(148, 8, 8, ' ');  // the checksum counts itself as blanks
  header[156] = folder ? '5' : '0';
  header.replace(257, 5, "ustar");
  header.replace(263, 2, "00");
  header.replace(265, 4, "root");
  header.replace(297, 4, "root");
  std::uint32_t sum = 0;
  for (const char each : header) sum += static_cast<unsigned char>(each);
  header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  return header;
}

class Compressor {
 public:
  Compressor() : context_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
    if (!context_) return;
    note(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel));
    note(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
  }
  void add(std::string_view bytes) { feed(bytes, ZSTD_e_continue); }
  [[nodiscard]] Result<std::string> finish() {
    feed({}, ZSTD_e_end);
    if (!context_) failure_ = "out of memory";
    if (!failure_.empty()) return unexpected(make_error(ErrorCode::failed, "compress", "zstd", failure_));
    return std::move(out_);
  }

 private:
  void note(std::size_t code) {
    if (ZSTD_isError(code) != 0 && failure_.empty()) failure_ = ZSTD_getErrorName(code);
  }
  void feed(std::string_view bytes, ZSTD_EndDirective how) {
    if (!context_ || !failure_.empty()) return;
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::string part(ZSTD_CStreamOutSize(), '\0');
    for (;;) {
      ZSTD_outBuffer room{part.data(), part.size(), 0};
      const std::size_t left = ZSTD_compressStream2(context_.get(), &room, &in, how);
      note(left);
      out_.append(part, 0, room.pos);
      if (!failure_.empty() || (how == ZSTD_e_end ? left == 0 : in.pos == in.size)) return;
    }
  }
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
  std::string out_;
  std::string failure_;
};

}  // namespace

Result<std::string> as_tar_zst(const std::string& folder, std::span<const ArchiveFile> files,
                               std::chrono::system_clock::time_point modified) {
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(modified.time_since_epoch()).count();
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0));
  const auto too_large = std::find_if(files.begin(), files.end(),
                                      [](const ArchiveFile& each) { return each.bytes.size() > kLargestFile; });
  if (too_large != files.end()) {
    return unexpected(make_error(ErrorCode::limit, "archive", too_large->name, "has more than 8 GiB"));
  }
  Compressor out;
  out.add(header_of(folder + '/', 0, true, time));
  for (const ArchiveFile& each : files) {
    out.add(header_of(folder + '/' + each.name, each.bytes.size(), false, time));
    out.add(each.bytes);
    out.add(std::string((kBlock - each.bytes.size() % kBlock) % kBlock, '\0'));
  }
  out.add(std::string(kEndBlocks * kBlock, '\0'));
  return out.finish();
}

}  // namespace hostcheck::report
