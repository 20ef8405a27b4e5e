// The machine itself, and the network namespaces on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One row: this machine.
struct Host {
  std::string name;            // uname(2) nodename
  std::string kernel;          // uname(2) release
  std::string kernel_version;  // uname(2) version
  std::string machine;         // uname(2) machine, e.g. "x86_64"
  std::string boot_id;         // /proc/sys/kernel/random/boot_id
  std::string machine_id;      // /etc/machine-id
  std::string os;              // /etc/os-release PRETTY_NAME
  std::string
      virtualization;     // "none" (metal), "kvm", "qemu", "xen", "vmware", "hyperv", ...; NULL where it cannot be told
  std::string container;  // "docker", "podman", "lxc", "kubernetes", ... when this process is in one; else NULL
  std::string hardware;   // DMI vendor and product, e.g. "Dell Inc. PowerEdge R640"
  std::string cloud;      // "aws", "gcp", "azure", ... by DMI; NULL where it is none that is known
  std::optional<std::uint64_t> uptime_s;      // /proc/uptime
  std::optional<std::uint32_t> cpus;          // online processors
  std::optional<std::uint64_t> memory_bytes;  // MemTotal
  static const TableInfo& table();
};

// A network namespace and who lives in it.
struct Namespace {
  Symbol netns;                            // name that the report uses
  std::uint64_t inode = 0;                 // number of the nsfs inode, as in /proc/PID/ns/net
  std::uint32_t processes = 0;             // processes in it that could be seen
  std::optional<std::uint32_t> first_pid;  // lowest such process
  Symbol first_command;                    // its name
  bool first = false;                      // the namespace of process 1 (where global values are kept)
  bool here = false;                       // the one hostcheck was started in
  bool asked = false;                      // the run looks at it
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
