// Files as one tar archive (POSIX ustar), compressed with Zstandard (RFC 8878): what `tar --zstd -xf` unpacks. Pure.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "core/base/result.h"

namespace hostcheck::report {

struct ArchiveFile {
  std::string name;  // in its folder; at most 50 bytes, no '/'
  std::string bytes;
};

// The files, mode 0600, in a folder of mode 0700 (at most 48 bytes, no '/'). Error: what the compressor says.
[[nodiscard]] Result<std::string> as_tar_zst(const std::string& folder, std::span<const ArchiveFile> files,
                                             std::chrono::system_clock::time_point modified);

}  // namespace hostcheck::report
