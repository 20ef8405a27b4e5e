#include "core/gather/host.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/facts/host.h"
#include "core/kernel/host.h"

namespace hostcheck::gather {
namespace {

void gather_host(const Task& task) {
  const facts::TableRequest* request = task.asked("host");
  if (request == nullptr) return;
  facts::Host row;
  const auto mark_absent = [&](std::string_view column, const Error& error) {
    task.out.add_absence({"host", std::string(column), {}, {}, error.code, error.message(), {}});
  };
  if (auto names = kernel::system_names()) {
    row.name = std::move(names->name);
    row.kernel = std::move(names->kernel);
    row.kernel_version = std::move(names->version);
    row.machine = std::move(names->machine);
  } else {
    for (const char* column : {"name", "kernel", "kernel_version", "machine"}) mark_absent(column, names.error());
  }
  if (const auto text = task.files.read("/proc/sys/kernel/random/boot_id")) row.boot_id = trim(*text);
  if (const auto text = task.files.read("/etc/machine-id")) row.machine_id = trim(*text);
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    if (const auto text = task.files.read(path); text && row.os.empty()) row.os = kernel::os_name(*text);
  }
  const std::array<std::string_view, 3> of_firmware = {"virtualization", "cloud", "hardware"};
  if (std::any_of(of_firmware.begin(), of_firmware.end(),
                  [&](std::string_view each) { return request->wants(each); })) {
    const kernel::Firmware firmware = kernel::read_firmware(task.files);
    row.virtualization = kernel::virtualization(task.files, kernel::hypervisor_leaf(), firmware);
    row.cloud = kernel::cloud(firmware);
    row.hardware = trim(firmware.vendor + " " + firmware.product);
  }
  if (request->wants("container")) row.container = kernel::container(task.files);
  const auto uptime = task.files.read("/proc/uptime").map(kernel::parse_uptime);
  if (uptime && *uptime) {
    row.uptime_s = **uptime;
  } else {
    mark_absent("uptime_s",
                uptime ? make_error(ErrorCode::failed, "parse", "/proc/uptime", "no number") : uptime.error());
  }
  const auto memory = task.files.read("/proc/meminfo").map(kernel::parse_memory_total);
  if (memory && *memory) {
    row.memory_bytes = **memory;
  } else {
    mark_absent("memory_bytes",
                memory ? make_error(ErrorCode::failed, "parse", "/proc/meminfo", "no MemTotal in kB") : memory.error());
  }
  row.cpus = kernel::online_processors();
  if (!row.cpus) mark_absent("cpus", make_error(ErrorCode::failed, "sysconf", "_SC_NPROCESSORS_ONLN", "not told"));
  task.out.rows<facts::Host>().push_back(std::move(row));
}

void gather_namespaces(const Task& task) {
  auto& rows = task.out.rows<facts::Namespace>();
  for (const kernel::NetnsInfo& each : task.namespaces) {
    facts::Namespace row;
    row.netns = task.out.intern(each.name);
    row.inode = each.inode;
    row.processes = each.processes;
    if (each.first_pid != 0) row.first_pid = static_cast<std::uint32_t>(each.first_pid);
    row.first_command = task.out.intern(each.first_command);
    row.first = each.first;
    row.here = each.here;
    row.asked = each.asked;
    rows.push_back(row);
  }
}

}  // namespace

const Source& host_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"host"};
  static const Source source{"host", Where::once, kTables, gather_host};
  return source;
}

const Source& namespace_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"namespaces"};
  static const Source source{"namespaces", Where::once, kTables, gather_namespaces};
  return source;
}

}  // namespace hostcheck::gather
