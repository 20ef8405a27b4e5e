#include "core/kernel/kernel_log.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/unique_fd.h"
#include "core/kernel/proc_text.h"

namespace hostcheck::kernel {
namespace {

constexpr std::string_view kDevice = "/dev/kmsg";
constexpr unsigned kMemoryMajor = 1;  // Documentation/admin-guide/devices.txt
constexpr unsigned kKmsgMinor = 11;
// SYSLOG_ACTION_READ_ALL and SYSLOG_ACTION_SIZE_BUFFER of syslog(2), which no header for programs has.
constexpr int kReadAll = 3;
constexpr int kSizeBuffer = 10;

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

void keep(KernelLog& log, const LogRecord& record, std::string text) {
  const facts::LogTopic topic = log_topic(record.text, record.level);
  if (topic == facts::LogTopic::none) return;
  log.messages.push_back({record.level, record.facility, record.seq, record.timestamp_us, topic, std::move(text),
                          std::string(record.device)});
}

// Takes "[...]" from the front, and the space behind it; "" where there is none.
std::string_view take_brackets(std::string_view& line) {
  const std::size_t end = line.find(']');
  if (!line.starts_with('[') || end == std::string_view::npos) return {};
  const std::string_view inside = trim(line.substr(1, end - 1));
  line.remove_prefix(end + 1);
  return inside;
}

// "5.140900", seconds and microseconds.
std::optional<std::uint64_t> microseconds(std::string_view time) {
  const std::size_t point = time.find('.');
  if (point == std::string_view::npos || time.size() - point != 7) return std::nullopt;
  const auto seconds = parse_number<std::uint64_t>(time.substr(0, point));
  const auto rest = parse_number<std::uint64_t>(time.substr(point + 1));
  if (!seconds || !rest) return std::nullopt;
  return *seconds * 1'000'000 + *rest;
}

bool is_caller(std::string_view inside) {
  return inside.size() > 1 && (inside[0] == 'T' || inside[0] == 'C') &&
         parse_number<std::uint32_t>(inside.substr(1)).has_value();
}

Result<KernelLog> read_syslog() {
  const int size = ::klogctl(kSizeBuffer, nullptr, 0);
  if (size < 0) return unexpected(errno_error(errno, "syslog", "kernel log"));
  // As text, with level and time before each line, it is longer than the buffer that the kernel keeps it in.
  std::string text(static_cast<std::size_t>(size) * 4, '\0');
  const int got = ::klogctl(kReadAll, text.data(), static_cast<int>(text.size()));
  if (got < 0) return unexpected(errno_error(errno, "syslog", "kernel log"));
  return parse_syslog({text.data(), static_cast<std::size_t>(got)});
}

// Containers have no /dev/kmsg, are refused it, or have another device in its place, which would look like an empty
// log.
Result<UniqueFd> open_device(const FileTree& files) {
  UniqueFd fd(::open(files.real_path(kDevice).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return unexpected(errno_error(errno, "open", kDevice));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return unexpected(errno_error(errno, "stat", kDevice));
  if (S_ISCHR(status.st_mode) && status.st_rdev != makedev(kMemoryMajor, kKmsgMinor)) {
    return unexpected(make_error(ErrorCode::unsupported, "open", kDevice,
                                 "it is another device here, " + std::to_string(major(status.st_rdev)) + ":" +
                                     std::to_string(minor(status.st_rdev))));
  }
  return fd;
}

}  // namespace

Result<KernelLog> parse_syslog(std::string_view text) {
  KernelLog log;
  while (!text.empty()) {
    const std::string_view whole = take_line(text);
    std::string_view line = whole;
    const std::size_t end = line.find('>');
    const auto priority = line.starts_with('<') && end != std::string_view::npos
                              ? parse_number<std::uint32_t>(line.substr(1, end - 1))
                              : std::nullopt;
    if (!priority) return unexpected(malformed("kernel log", "unknown line", whole));
    line.remove_prefix(end + 1);
    const auto time = microseconds(take_brackets(line));
    if (!time) {
      return unexpected(make_error(ErrorCode::unsupported, "syslog", "kernel log",
                                   "its lines have no time: the parameter time of printk is off"));
    }
    std::string_view rest = line;
    if (is_caller(take_brackets(rest))) line = rest;
    if (line.starts_with(' ')) line.remove_prefix(1);
    keep(log, {*priority & 7, *priority >> 3, log.records++, *time, line, {}}, std::string(line));
  }
  return log;
}

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
    keep(log, *record, unescape(record->text));
  }
  return unexpected(make_error(ErrorCode::limit, "read", kDevice, "more than " + std::to_string(kMost) + " records"));
}

Result<KernelLog> read_kernel_log(const FileTree& files) {
  const auto fd = open_device(files);
  if (!fd) {
    if (files.real_path(kDevice) != kDevice) return unexpected(fd.error());
    auto log = read_syslog();
    if (!log && fd.error().code == ErrorCode::denied) return unexpected(fd.error());
    return log;
  }
  return read_kernel_log([&](std::span<char> buffer) -> ssize_t {
    const ssize_t got = ::read(fd->get(), buffer.data(), buffer.size());
    return got < 0 ? -errno : got;
  });
}

std::uint64_t log_clock_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace hostcheck::kernel
