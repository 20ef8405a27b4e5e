#include "core/facts/host.h"

namespace hostcheck::facts {

const TableInfo& Host::table() {
  static const TableInfo info =
      TableBuilder<Host>("host", "This machine, one row")
          .key<&Host::name>("name", "", "uname(2) nodename", "Host name")
          .column<&Host::kernel>("kernel", "", "uname(2) release", "Kernel release")
          .column<&Host::kernel_version>("kernel_version", "", "uname(2) version", "Kernel build")
          .column<&Host::machine>("machine", "", "uname(2) machine", "Processor architecture")
          .column<&Host::boot_id>("boot_id", "", "/proc/sys/kernel/random/boot_id", "Identity of this boot")
          .column<&Host::machine_id>("machine_id", "", "/etc/machine-id", "Identity of this installation")
          .column<&Host::os>("os", "", "/etc/os-release PRETTY_NAME", "Distribution")
          .column<&Host::virtualization>("virtualization", "",
                                         "CPUID hypervisor leaf, /sys/class/dmi/id, /sys/hypervisor",
                                         "none on metal; else kvm, qemu, xen, vmware, hyperv, ...")
          .column<&Host::container>("container", "", "/proc/1/cgroup, /proc/1/environ, /.dockerenv, /run/.containerenv",
                                    "Kind of container that hostcheck runs in; NULL outside of one")
          .column<&Host::hardware>("hardware", "", "/sys/class/dmi/id", "Vendor and product by the firmware")
          .column<&Host::cloud>("cloud", "", "/sys/class/dmi/id", "Cloud provider, where the firmware names one")
          .column<&Host::uptime_s>("uptime_s", "s", "/proc/uptime", "Time since boot")
          .column<&Host::cpus>("cpus", "", "sysconf(_SC_NPROCESSORS_ONLN)", "Processors online")
          .column<&Host::memory_bytes>("memory_bytes", "bytes", "/proc/meminfo MemTotal", "Memory")
          .build();
  return info;
}

const TableInfo& Namespace::table() {
  static const TableInfo info =
      TableBuilder<Namespace>("namespaces", "Network namespaces that could be found, and who lives in them")
          .key<&Namespace::netns>("netns", "", "/run/netns, /proc/PID/ns/net", "Name used in this report")
          .key<&Namespace::inode>("inode", "", "nsfs inode", "Identity of the namespace")
          .column<&Namespace::processes>("processes", "", "/proc/PID/ns/net", "Processes in it that could be seen")
          .column<&Namespace::first_pid>("first_pid", "", "/proc", "Lowest process in it")
          .column<&Namespace::first_command>("first_command", "", "/proc/PID/comm", "That process's name")
          .column<&Namespace::first>("first", "", "/proc/1/ns/net", "Whether it is the first namespace")
          .column<&Namespace::here>("here", "", "/proc/self/ns/net", "Whether hostcheck was started in it")
          .column<&Namespace::asked>("asked", "", "--netns", "Whether this run looks at it")
          .build();
  return info;
}

}  // namespace hostcheck::facts
