#include "core/gather/host.h"

#include <array>

#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/facts/host.h"

namespace hostcheck::gather {
namespace {

void gather_host(const Task& task) {
  facts::Host row;
  utsname names{};
  if (uname(&names) == 0) {
    row.name = names.nodename;
    row.kernel = names.release;
    row.kernel_version = names.version;
    row.machine = names.machine;
  }
  if (const auto text = task.files.read("/proc/sys/kernel/random/boot_id")) row.boot_id = trim(*text);
  if (const auto text = task.files.read("/etc/machine-id")) row.machine_id = trim(*text);
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
