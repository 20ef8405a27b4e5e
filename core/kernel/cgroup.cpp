#include "core/kernel/cgroup.h"

#include <algorithm>
#include <cerrno>
#include <functional>

#include "core/base/text.h"
#include "core/kernel/proc_text.h"

namespace hostcheck::kernel {
namespace {

using facts::Counter;

constexpr std::string_view kMount = "/sys/fs/cgroup";

// Paths of one process in the hierarchies that matter here.
struct Paths {
  std::string_view unified, cpu, memory, named;
};

bool has_controller(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view each = list.substr(0, list.find(','));
    if (each == name) return true;
    list.remove_prefix(std::min(list.size(), each.size() + 1));
  }
  return false;
}

Paths parse_paths(std::string_view text) {
  Paths paths;
  for (const std::string_view line : split_lines(text)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (controllers.empty()) paths.unified = path;
    if (has_controller(controllers, "cpu")) paths.cpu = path;
    if (has_controller(controllers, "memory")) paths.memory = path;
    if (controllers == "name=systemd") paths.named = path;
  }
  return paths;
}

// The folder of a path; "" where it lies outside of this cgroup namespace.
std::string folder(std::string_view mount, std::string_view path) {
  if (path.empty() || path.starts_with("/..")) return {};
  std::string out(mount);
  if (path != "/") out += path;
  return out;
}

// The path above; "" above the root.
std::string_view above(std::string_view path) {
  if (path.size() <= 1) return {};
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? std::string_view("/") : path.substr(0, slash);
}

bool vanished(const Error& error) {
  return error.sys_errno == ENOENT || error.sys_errno == ENODEV || error.sys_errno == EOPNOTSUPP ||
         error.sys_errno == ENOTDIR;
}

class Reading {
 public:
  explicit Reading(const FileTree& files) : files_(files) {}

  // The file's text; "" where the controller does not have it.
  std::string text(const std::string& folder, std::string_view file) {
    if (folder.empty()) return {};
    auto content = files_.read(folder + "/" + std::string(file));
    if (content) return std::move(*content);
    if (!vanished(content.error()) && error_.operation.empty()) error_ = content.error();
    return {};
  }
  // A number alone in its file; absent for "max" and for what v1 calls no limit.
  std::optional<std::uint64_t> number(const std::string& folder, std::string_view file) {
    constexpr std::uint64_t kNoLimit = 0x7fffffff00000000;  // PAGE_COUNTER_MAX in bytes, rounded down
    const auto value = parse_number<std::uint64_t>(trim(text(folder, file)));
    return value && *value < kNoLimit ? value : std::nullopt;
  }
  // "name value" lines.
  void flat(const std::string& folder, std::string_view file,
            const std::function<void(std::string_view name, std::uint64_t value)>& take) {
    const std::string content = text(folder, file);
    for (std::string_view line : split_lines(content)) {
      const std::string_view name = take_field(line);
      if (const auto value = parse_number<std::uint64_t>(take_field(line))) take(name, *value);
    }
  }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  const FileTree& files_;
  Error error_;
};

void read_cpu(Reading& reading, const CgroupFolders& folders, facts::CgroupLimits& out) {
  const std::string& from = folders.cpu.empty() ? folders.unified : folders.cpu;
  reading.flat(from, "cpu.stat", [&](std::string_view name, std::uint64_t value) {
    if (name == "nr_periods") out.cpu_periods = Counter{value};
    if (name == "nr_throttled") out.cpu_throttled_periods = Counter{value};
    if (name == "throttled_usec") out.cpu_throttled_ms = Counter{value / 1000};
    if (name == "throttled_time") out.cpu_throttled_ms = Counter{value / 1'000'000};
    if (name == "usage_usec") out.cpu_ms = Counter{value / 1000};
  });
  if (!folders.cpu.empty()) {
    out.cpu_quota_us = reading.number(folders.cpu, "cpu.cfs_quota_us");  // -1: no limit
    out.cpu_period_us = reading.number(folders.cpu, "cpu.cfs_period_us");
    return;
  }
  const std::string most = reading.text(folders.unified, "cpu.max");
  std::string_view line = most;
  const std::string_view quota = take_field(line);
  out.cpu_quota_us = parse_number<std::uint64_t>(quota);
  out.cpu_period_us = parse_number<std::uint64_t>(trim(take_field(line)));
}

void read_memory(Reading& reading, const CgroupFolders& folders, facts::CgroupLimits& out) {
  if (!folders.memory.empty()) {
    out.memory_bytes = reading.number(folders.memory, "memory.usage_in_bytes");
    out.memory_max_bytes = reading.number(folders.memory, "memory.limit_in_bytes");
    if (const auto failed = reading.number(folders.memory, "memory.failcnt")) {
      out.memory_max_events = Counter{*failed};
    }
    reading.flat(folders.memory, "memory.oom_control", [&](std::string_view name, std::uint64_t value) {
      if (name == "oom_kill") out.oom_kills = Counter{value};
    });
    return;
  }
  out.memory_bytes = reading.number(folders.unified, "memory.current");
  out.memory_max_bytes = reading.number(folders.unified, "memory.max");
  out.memory_high_bytes = reading.number(folders.unified, "memory.high");
  reading.flat(folders.unified, "memory.events", [&](std::string_view name, std::uint64_t value) {
    if (name == "high") out.memory_high_events = Counter{value};
    if (name == "max") out.memory_max_events = Counter{value};
    if (name == "oom_kill") out.oom_kills = Counter{value};
  });
}

void read_pressure(Reading& reading, const CgroupFolders& folders, facts::CgroupLimits& out) {
  const auto lines = [&](std::string_view file) {
    const std::string text = reading.text(folders.unified, file);
    return text.empty() ? std::optional<PressureLines>{} : [&]() -> std::optional<PressureLines> {
      const auto parsed = parse_pressure(text, file);
      return parsed ? std::optional(*parsed) : std::nullopt;
    }();
  };
  if (const auto cpu = lines("cpu.pressure")) out.cpu_some_ms = Counter{cpu->some_ms};
  if (const auto memory = lines("memory.pressure")) {
    out.memory_some_ms = Counter{memory->some_ms};
    if (memory->full_ms) out.memory_full_ms = Counter{*memory->full_ms};
  }
  if (const auto io = lines("io.pressure")) {
    out.io_some_ms = Counter{io->some_ms};
    if (io->full_ms) out.io_full_ms = Counter{*io->full_ms};
  }
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::vector<CgroupFolders> cgroup_folders(const FileTree& files, std::string_view text) {
  const bool unified_only = files.exists(std::string(kMount) + "/cgroup.controllers");
  const std::string unified_mount = unified_only ? std::string(kMount) : std::string(kMount) + "/unified";
  const bool hybrid = !unified_only && files.exists(unified_mount);
  Paths at = parse_paths(text);
  // Of a hierarchy that has controllers, the one whose limits bind names the group.
  std::string_view name = !at.cpu.empty() && at.cpu != "/" ? at.cpu : !at.unified.empty() ? at.unified : at.named;
  std::vector<CgroupFolders> all;
  constexpr std::size_t kDeepest = 32;
  while (all.size() < kDeepest) {
    CgroupFolders each;
    each.name = name;
    if (unified_only || hybrid) each.unified = folder(unified_mount, at.unified);
    if (!unified_only) {
      each.cpu = folder(std::string(kMount) + "/cpu", at.cpu);
      each.memory = folder(std::string(kMount) + "/memory", at.memory);
    }
    all.push_back(std::move(each));
    at = {above(at.unified), above(at.cpu), above(at.memory), above(at.named)};
    name = above(name);
    if (name.size() <= 1) break;
  }
  return all;
}

Result<facts::CgroupLimits> read_cgroup(const FileTree& files, const CgroupFolders& folders, const CgroupWants& wants) {
  Reading reading(files);
  facts::CgroupLimits out;
  if (wants.cpu) read_cpu(reading, folders, out);
  if (wants.memory) read_memory(reading, folders, out);
  if (wants.pressure) read_pressure(reading, folders, out);
  if (!reading.error().operation.empty()) return unexpected(reading.error());
  return out;
}

Result<PressureLines> parse_pressure(std::string_view text, std::string_view file) {
  PressureLines lines;
  bool some = false;
  for (const std::string_view whole : split_lines(text)) {
    std::string_view line = whole;
    const std::string_view kind = take_field(line);
    std::optional<double> avg10;
    std::optional<std::uint64_t> total_us;
    for (std::string_view field = take_field(line); !field.empty(); field = take_field(line)) {
      if (field.starts_with("avg10=")) avg10 = parse_real(field.substr(6));
      if (field.starts_with("total=")) total_us = parse_number<std::uint64_t>(field.substr(6));
    }
    if (!avg10 || !total_us) return unexpected(malformed(file, "no avg10 and total", whole));
    if (kind == "some") {
      some = true;
      lines.some_avg10 = *avg10;
      lines.some_ms = *total_us / 1000;
    } else if (kind == "full") {
      lines.full_avg10 = avg10;
      lines.full_ms = *total_us / 1000;
    }
  }
  if (!some) return unexpected(malformed(file, "no line \"some\""));
  return lines;
}

}  // namespace hostcheck::kernel
