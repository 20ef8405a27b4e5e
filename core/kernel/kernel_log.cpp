#include "core/kernel/kernel_log.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/unique_fd.h"
#include "core/kernel/proc_text.h"

namespace hostcheck::kernel {
namespace {

constexpr std::string_view kDevice = "/dev/kmsg";

// "\x1b" for each byte that is not printable, "\x5c" for a backslash.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size() && text[at + 1] == 'x') {
      if (const auto byte = parse_number<std::uint8_t>(text.substr(at + 2, 2), 16)) {
        plain += static_cast<char>(*byte);
        at += 3;
        continue;
      }
    }
    plain += text[at];
  }
  return plain;
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  const std::size_t end = text.find(',');
  const auto number = parse_number<std::uint64_t>(text.substr(0, end));
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return number;
}

}  // namespace

std::optional<LogRecord> parse_log_record(std::string_view record) {
  const std::size_t prefix_end = record.find(';');
  if (prefix_end == std::string_view::npos) return std::nullopt;
  std::string_view prefix = record.substr(0, prefix_end);
  const auto priority = take_number(prefix);
  const auto seq = take_number(prefix);
  const auto timestamp = take_number(prefix);
  if (!priority || !seq || !timestamp) return std::nullopt;
  LogRecord parsed;
  parsed.level = static_cast<std::uint32_t>(*priority & 7);
  parsed.facility = static_cast<std::uint32_t>(*priority >> 3);
  parsed.seq = *seq;
  parsed.timestamp_us = *timestamp;
  std::string_view rest = record.substr(prefix_end + 1);
  parsed.text = take_line(rest);
  while (!rest.empty()) {
    constexpr std::string_view kKey = " DEVICE=";
    const std::string_view line = take_line(rest);
    if (line.starts_with(kKey)) parsed.device = line.substr(kKey.size());
  }
  return parsed;
}

Result<KernelLog> read_kernel_log(const ReadRecord& read) {
  KernelLog log;
  // PRINTK_MESSAGE_MAX, CONSOLE_EXT_LOG_MAX: no record is longer than 8 KiB.
  std::array<char, 8192> buffer;
  constexpr std::uint64_t kMost = 1'000'000;  // a kernel that logs faster than it is read must not hold a run up
  while (log.records < kMost) {
    const ssize_t got = read(buffer);
    if (got == -EINTR) continue;
    if (got == -EPIPE) {
      log.overwritten = true;
      continue;
    }
    if (got == -EAGAIN || got == 0) return log;
    if (got < 0) return unexpected(errno_error(static_cast<int>(-got), "read", kDevice));
    const auto record = parse_log_record({buffer.data(), static_cast<std::size_t>(got)});
    if (!record)
      return unexpected(malformed(kDevice, "unknown record", {buffer.data(), static_cast<std::size_t>(got)}));
    if (log.records++ == 0) log.first_seq = record->seq;
    const facts::LogTopic topic = log_topic(record->text, record->level);
    if (topic == facts::LogTopic::none) continue;
    log.messages.push_back({record->level, record->facility, record->seq, record->timestamp_us, topic,
                            unescape(record->text), std::string(record->device)});
  }
  return unexpected(make_error(ErrorCode::limit, "read", kDevice, "more than " + std::to_string(kMost) + " records"));
}

Result<KernelLog> read_kernel_log(const FileTree& files) {
  const UniqueFd fd(::open(files.real_path(kDevice).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return unexpected(errno_error(errno, "open", kDevice));
  return read_kernel_log([&](std::span<char> buffer) -> ssize_t {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    return got < 0 ? -errno : got;
  });
}

std::uint64_t log_clock_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace hostcheck::kernel
