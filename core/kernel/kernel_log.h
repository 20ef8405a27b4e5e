// The kernel's log as /dev/kmsg gives it (Documentation/ABI/testing/dev-kmsg), or syslog(2).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "core/base/result.h"
#include "core/facts/kernel_log.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

// One record; the texts are views into it.
struct LogRecord {
  std::uint32_t level = 0;
  std::uint32_t facility = 0;
  std::uint64_t seq = 0;
  std::uint64_t timestamp_us = 0;  // since boot, by the kernel's local clock
  std::string_view text;
  std::string_view device;  // of its dictionary: DEVICE=
};
// "6,339,5140900,-;NET: Registered PF_INET\n DEVICE=+pci:0000:00:03.0\n"; nullopt for anything else.
[[nodiscard]] std::optional<LogRecord> parse_log_record(std::string_view record);

// What a message is about; none for those that are not about networking. The patterns are in kernel_log_topics.cpp.
[[nodiscard]] facts::LogTopic log_topic(std::string_view text, std::uint32_t level);
// The interface that a message of the topic names: "eth0" of "... unregister_netdevice: waiting for eth0 to become
// free", "" for none.
[[nodiscard]] std::string_view log_ifname(std::string_view text);
// The port of "Possible SYN flooding on port 443" and "... on port [::]:443".
[[nodiscard]] std::optional<std::uint16_t> log_port(std::string_view text);

// A message that is about networking, kept.
struct LogMessage {
  std::uint32_t level = 0;
  std::uint32_t facility = 0;
  std::uint64_t seq = 0;
  std::uint64_t timestamp_us = 0;
  facts::LogTopic topic = facts::LogTopic::none;
  std::string text;
  std::string device;
};

struct KernelLog {
  std::vector<LogMessage> messages;
  std::uint64_t records = 0;    // read, of whatever subject
  std::uint64_t first_seq = 0;  // of the oldest record that is still there; above 0 when older ones were overwritten
  bool overwritten = false;     // records were overwritten while they were read
};

// The text that syslog(2) gives, lines like "<6>[    5.140900] NET: Registered PF_INET", with "[    T1]" or "[    C0]"
// of the caller before the message where the kernel is built so. Such lines have no number: seq counts them from 0, and
// first_seq stays 0. Error code unsupported: no time in them (printk.time is off), so nobody knows how old they are.
[[nodiscard]] Result<KernelLog> parse_syslog(std::string_view text);

// One read(2): bytes of one record, or -errno.
using ReadRecord = std::function<ssize_t(std::span<char> buffer)>;
// All records that there are, without waiting for more.
[[nodiscard]] Result<KernelLog> read_kernel_log(const ReadRecord& read);
// The same of /dev/kmsg, or, where that is missing or another device as in containers, of syslog(2). Error code denied:
// kernel.dmesg_restrict without CAP_SYSLOG.
[[nodiscard]] Result<KernelLog> read_kernel_log(const FileTree& files);

// Now, on the clock of the records' timestamps.
[[nodiscard]] std::uint64_t log_clock_us();

}  // namespace hostcheck::kernel
