#include "core/gather/kernel_log.h"

#include <array>
#include <string>

#include "core/facts/kernel_log.h"
#include "core/kernel/kernel_log.h"

namespace hostcheck::gather {
namespace {

constexpr std::array<std::string_view, 8> kPriorities = {"emerg",   "alert",  "crit", "err",
                                                         "warning", "notice", "info", "debug"};

void gather_kernel_log(const Task& task) {
  auto& rows = task.out.rows<facts::LogMessage>();
  auto log = kernel::read_kernel_log(task.files);
  if (!log) {
    const std::string remedy =
        log.error().code == ErrorCode::denied ? "run as root, or with CAP_SYSLOG (kernel.dmesg_restrict is 1)" : "";
    return task.out.add_absence("kernel_log", {}, log.error(), remedy);
  }
  const std::uint64_t now_us = kernel::log_clock_us();
  rows.reserve(log->messages.size());
  for (kernel::LogMessage& message : log->messages) {
    facts::LogMessage& row = rows.emplace_back();
    row.seq = message.seq;
    row.level = message.level;
    row.priority = task.out.intern(kPriorities[message.level & 7]);
    row.facility = message.facility;
    row.age_ms = now_us > message.timestamp_us ? (now_us - message.timestamp_us) / 1000 : 0;
    row.topic = message.topic;
    row.ifname = task.out.intern(kernel::log_ifname(message.text));
    if (message.topic == facts::LogTopic::possible_syn_flooding) row.port = kernel::log_port(message.text);
    row.device = std::move(message.device);
    row.text = std::move(message.text);
  }
  if (log->overwritten) {
    task.out.add_absence({"kernel_log",
                          {},
                          {},
                          "overwritten records",
                          ErrorCode::vanished,
                          "the kernel wrote faster than its log could be read",
                          {}});
  }
}

}  // namespace

const Source& kernel_log_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"kernel_log"};
  static const Source source{"kernel_log", Where::once, kTables, gather_kernel_log};
  return source;
}

}  // namespace hostcheck::gather
