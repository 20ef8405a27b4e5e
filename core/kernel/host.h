// What machine this is: names, versions, virtual or metal, whose cloud.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

struct SystemNames {
  std::string name;    // uname(2) nodename
  std::string kernel;  // release
  std::string version;
  std::string machine;
};
[[nodiscard]] Result<SystemNames> system_names();

// What CPUID says of a hypervisor. signature: of leaf 0x40000000, "" where the processor says there is none.
struct HypervisorLeaf {
  bool known = false;  // false: not an x86 processor
  std::string signature;
};
[[nodiscard]] HypervisorLeaf hypervisor_leaf();

// What the firmware says: /sys/class/dmi/id. Empty texts where it does not.
struct Firmware {
  std::string vendor;
  std::string product;
  std::string version;
  std::string bios_vendor;
  std::string chassis_tag;
  std::string board_vendor;
};
[[nodiscard]] Firmware read_firmware(const FileTree& files);

// "none", "kvm", "qemu", "xen", "vmware", "hyperv", ...; "" where nothing tells.
[[nodiscard]] std::string virtualization(const FileTree& files, const HypervisorLeaf& leaf, const Firmware& firmware);
// "aws", "gcp", "azure", ...; "" where it is none that is known.
[[nodiscard]] std::string cloud(const Firmware& firmware);
// Kind of container that this process is in; "" outside of one.
[[nodiscard]] std::string container(const FileTree& files);

// PRETTY_NAME of os-release(5).
[[nodiscard]] std::string os_name(std::string_view os_release);
// Seconds of "/proc/uptime", bytes of MemTotal in "/proc/meminfo".
[[nodiscard]] std::optional<std::uint64_t> parse_uptime(std::string_view text);
[[nodiscard]] std::optional<std::uint64_t> parse_memory_total(std::string_view text);

// Processors online, nullopt where sysconf(3) does not tell; bytes of a memory page.
[[nodiscard]] std::optional<std::uint32_t> online_processors();
[[nodiscard]] std::uint64_t page_bytes();

}  // namespace hostcheck::kernel
