#include "core/gather/system.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "core/facts/cgroup.h"
#include "core/facts/system.h"
#include "core/kernel/cgroup.h"
#include "core/kernel/host.h"
#include "core/kernel/proc_net.h"
#include "core/kernel/proc_system.h"

namespace hostcheck::gather {
namespace {

// Processors that are online; empty where the kernel does not tell.
std::vector<std::uint32_t> online_cpus(const kernel::FileTree& files) {
  constexpr std::string_view kPath = "/sys/devices/system/cpu/online";
  const auto text = files.read(kPath);
  if (!text) return {};
  return kernel::parse_cpu_list(*text, kPath).value_or(std::vector<std::uint32_t>{});
}

void gather_softnet(const Task& task) {
  constexpr std::string_view kPath = "/proc/net/softnet_stat";
  auto& rows = task.out.rows<facts::Softnet>();
  auto lines = task.files.read(kPath).and_then(
      [&](const std::string& text) { return kernel::parse_softnet(text, kPath, online_cpus(task.files)); });
  if (!lines) return task.out.add_absence("softnet", {}, lines.error());
  rows = std::move(*lines);
}

void gather_softirqs(const Task& task) {
  constexpr std::string_view kPath = "/proc/softirqs";
  const facts::TableRequest* request = task.asked("softirqs");
  if (request == nullptr) return;
  auto& rows = task.out.rows<facts::Softirq>();
  const auto types = request->only_text("type");
  const auto wanted = [&](std::string_view type) {
    return !types || std::find(types->begin(), types->end(), type) != types->end();
  };
  const auto text = task.files.read(kPath);
  const auto cells =
      text.and_then([&](const std::string& content) { return kernel::parse_softirqs(content, kPath, wanted); });
  if (!cells) return task.out.add_absence("softirqs", {}, cells.error());
  // The file has a column for every processor that could ever be; most of a virtual machine's never are.
  const std::vector<std::uint32_t> online = online_cpus(task.files);
  for (const kernel::InterruptCount& cell : *cells) {
    if (!online.empty() && !std::binary_search(online.begin(), online.end(), *cell.cpu)) continue;
    rows.push_back({task.out.intern(cell.label), *cell.cpu, cell.count});
  }
}

void gather_interrupts(const Task& task) {
  constexpr std::string_view kPath = "/proc/interrupts";
  auto& rows = task.out.rows<facts::Interrupt>();
  const auto text = task.files.read(kPath);
  const auto cells =
      text.and_then([&](const std::string& content) { return kernel::parse_interrupts(content, kPath); });
  if (!cells) return task.out.add_absence("interrupts", {}, cells.error());
  rows.reserve(cells->size());
  for (const kernel::InterruptCount& cell : *cells) {
    rows.push_back(
        {task.out.intern(cell.label), cell.cpu, task.out.intern(cell.chip), task.out.intern(cell.name), cell.count});
  }
}

Result<std::vector<std::uint64_t>> read_numbers(const kernel::FileTree& files, std::string_view path,
                                                std::size_t at_least) {
  return files.read(path).and_then(
      [&](const std::string& text) { return kernel::parse_numbers(text, path, at_least); });
}

void gather_file_handles(const Task& task) {
  auto& rows = task.out.rows<facts::FileHandles>();
  const auto handles = read_numbers(task.files, "/proc/sys/fs/file-nr", 3);
  if (!handles) return task.out.add_absence("file_handles", {}, handles.error());
  facts::FileHandles row;
  row.allocated = (*handles)[0];
  row.free = (*handles)[1];
  row.max = (*handles)[2];
  const auto add_column_absence = [&](std::string_view column, const Error& error) {
    task.out.add_absence({"file_handles",
                          std::string(column),
                          {},
                          {},
                          error.code,
                          error.message(),
                          error.code == ErrorCode::denied ? "run as root" : ""});
  };
  if (const auto inodes = read_numbers(task.files, "/proc/sys/fs/inode-nr", 2)) {
    row.inodes = (*inodes)[0];
    row.free_inodes = (*inodes)[1];
  } else {
    for (const char* column : {"inodes", "free_inodes"}) add_column_absence(column, inodes.error());
  }
  if (const auto most = read_numbers(task.files, "/proc/sys/fs/nr_open", 1)) {
    row.process_max = (*most)[0];
  } else {
    add_column_absence("process_max", most.error());
  }
  rows.push_back(row);
}

Result<facts::TcpMemory> read_tcp_memory(const kernel::FileTree& files) {
  constexpr std::string_view kSockets = "/proc/net/sockstat";
  const auto limits = read_numbers(files, "/proc/sys/net/ipv4/tcp_mem", 3);
  if (!limits) return unexpected(limits.error());
  const auto most_orphans = read_numbers(files, "/proc/sys/net/ipv4/tcp_max_orphans", 1);
  if (!most_orphans) return unexpected(most_orphans.error());
  const auto text = files.read(kSockets);
  const auto sockets =
      text.and_then([&](const std::string& content) { return kernel::parse_sockstat(content, kSockets); });
  if (!sockets) return unexpected(sockets.error());
  facts::TcpMemory row;
  row.low_pages = (*limits)[0];
  row.pressure_pages = (*limits)[1];
  row.high_pages = (*limits)[2];
  row.max_orphans = (*most_orphans)[0];
  row.page_bytes = kernel::page_bytes();
  unsigned found = 0;
  for (const kernel::SocketStatisticValue& each : *sockets) {
    if (each.protocol != "TCP") continue;
    // A sum over processors that is read while they count may be below zero for a moment.
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(each.value, 0));
    for (const auto& [name, member] :
         {std::pair{"mem", &row.pages_used}, {"orphan", &row.orphans}, {"alloc", &row.sockets}}) {
      if (each.name != name) continue;
      *member = value;
      ++found;
    }
  }
  if (found != 3) return unexpected(make_error(ErrorCode::failed, "parse", kSockets, "no TCP orphan, alloc and mem"));
  return row;
}

void gather_tcp_memory(const Task& task) {
  auto& rows = task.out.rows<facts::TcpMemory>();
  const auto row = read_tcp_memory(task.files);
  if (!row) return task.out.add_absence("tcp_memory", {}, row.error());
  rows.push_back(*row);
}

void gather_pressure(const Task& task) {
  auto& rows = task.out.rows<facts::Pressure>();
  for (const std::string_view resource : {"cpu", "memory", "io"}) {
    const std::string path = "/proc/pressure/" + std::string(resource);
    const auto text = task.files.read(path);
    const auto lines = text.and_then([&](const std::string& content) { return kernel::parse_pressure(content, path); });
    if (!lines) {
      const int error = lines.error().sys_errno;
      const bool without = error == ENOENT || error == EOPNOTSUPP;
      task.out.add_absence({"pressure",
                            {},
                            {},
                            std::string(resource),
                            without ? ErrorCode::unsupported : lines.error().code,
                            without ? "this kernel does not measure it (CONFIG_PSI, psi=1)" : lines.error().message(),
                            {}});
      continue;
    }
    facts::Pressure row;
    row.resource = task.out.intern(resource);
    row.some_avg10 = lines->some_avg10;
    row.some_ms = facts::Counter{lines->some_ms};
    row.full_avg10 = lines->full_avg10;
    if (lines->full_ms) row.full_ms = facts::Counter{*lines->full_ms};
    rows.push_back(row);
  }
}

}  // namespace

const Source& pressure_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"pressure"};
  static const Source source{"pressure", Where::once, kTables, gather_pressure};
  return source;
}

const Source& softnet_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"softnet"};
  static const Source source{"softnet", Where::once, kTables, gather_softnet};
  return source;
}

const Source& softirq_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"softirqs"};
  static const Source source{"softirqs", Where::once, kTables, gather_softirqs};
  return source;
}

const Source& interrupt_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"interrupts"};
  static const Source source{"interrupts", Where::once, kTables, gather_interrupts};
  return source;
}

const Source& file_handle_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"file_handles"};
  static const Source source{"file_handles", Where::once, kTables, gather_file_handles};
  return source;
}

const Source& tcp_memory_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"tcp_memory"};
  static const Source source{"tcp_memory", Where::first_namespace, kTables, gather_tcp_memory};
  return source;
}

}  // namespace hostcheck::gather
