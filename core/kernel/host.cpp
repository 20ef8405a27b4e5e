#include "core/kernel/host.h"

#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "core/base/text.h"
#include "core/kernel/proc_text.h"

namespace hostcheck::kernel {
namespace {

struct Naming {
  std::string_view start;
  std::string_view name;
};

std::string find_by_start(std::span<const Naming> namings, std::string_view text) {
  for (const Naming& each : namings) {
    if (text.starts_with(each.start)) return std::string(each.name);
  }
  return {};
}

std::string read_line(const FileTree& files, std::string_view path) {
  const auto text = files.read(path, 64 * 1024);
  return text ? std::string(trim(*text)) : std::string{};
}

// The value of container= among the zero-separated words of an environment.
std::string container_variable(std::string_view environment) {
  constexpr std::string_view kKey = "container=";
  while (!environment.empty()) {
    const std::size_t end = std::min(environment.find('\0'), environment.size());
    const std::string_view word = environment.substr(0, end);
    if (word.starts_with(kKey)) return std::string(word.substr(kKey.size()));
    environment.remove_prefix(std::min(environment.size(), end + 1));
  }
  return {};
}

}  // namespace

Result<SystemNames> system_names() {
  utsname names{};
  if (uname(&names) != 0) return unexpected(errno_error(errno, "uname"));
  return SystemNames{names.nodename, names.release, names.version, names.machine};
}

HypervisorLeaf hypervisor_leaf() {
  HypervisorLeaf leaf;
#if defined(__x86_64__) || defined(__i386__)
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return leaf;
  leaf.known = true;
  constexpr unsigned kHypervisorPresent = 1U << 31;
  if ((ecx & kHypervisorPresent) == 0) return leaf;
  __cpuid(0x40000000, eax, ebx, ecx, edx);
  for (const unsigned part : {ebx, ecx, edx}) {
    for (unsigned shift = 0; shift < 32; shift += 8) leaf.signature += static_cast<char>((part >> shift) & 0xff);
  }
  while (leaf.signature.ends_with('\0')) leaf.signature.pop_back();
  if (leaf.signature.empty()) leaf.signature = "?";
#endif
  return leaf;
}

Firmware read_firmware(const FileTree& files) {
  constexpr std::string_view kFolder = "/sys/class/dmi/id/";
  Firmware firmware;
  if (!files.exists(kFolder)) return firmware;
  for (const auto& [file, member] : {std::pair{"sys_vendor", &Firmware::vendor},
                                     {"product_name", &Firmware::product},
                                     {"product_version", &Firmware::version},
                                     {"bios_vendor", &Firmware::bios_vendor},
                                     {"chassis_asset_tag", &Firmware::chassis_tag},
                                     {"board_vendor", &Firmware::board_vendor}}) {
    firmware.*member = read_line(files, std::string(kFolder) + file);
  }
  return firmware;
}

std::string virtualization(const FileTree& files, const HypervisorLeaf& leaf, const Firmware& firmware) {
  // VirtualBox may present the signature of KVM or Hyper-V, and Parallels that of others: the firmware is more exact.
  static constexpr std::array<Naming, 4> kFirmwareFirst = {
      {{"innotek GmbH", "virtualbox"}, {"VirtualBox", "virtualbox"}, {"Parallels", "parallels"}, {"BHYVE", "bhyve"}}};
  static constexpr std::array<Naming, 12> kSignatures = {{{"KVMKVMKVM", "kvm"},
                                                          {"Linux KVM Hv", "kvm"},
                                                          {"TCGTCGTCGTCG", "qemu"},
                                                          {"VMwareVMware", "vmware"},
                                                          {"Microsoft Hv", "hyperv"},
                                                          {"XenVMMXenVMM", "xen"},
                                                          {"bhyve bhyve ", "bhyve"},
                                                          {"VBoxVBoxVBox", "virtualbox"},
                                                          {"ACRNACRNACRN", "acrn"},
                                                          {"QNXQVMBSQG", "qnx"},
                                                          {"lrpepyh  vr", "parallels"},
                                                          {"Apple VZ", "apple"}}};
  static constexpr std::array<Naming, 11> kFirmware = {{{"QEMU", "qemu"},
                                                        {"KVM", "kvm"},
                                                        {"Amazon EC2", "kvm"},
                                                        {"Google", "kvm"},
                                                        {"VMware", "vmware"},
                                                        {"VMW", "vmware"},
                                                        {"Xen", "xen"},
                                                        {"Microsoft Corporation", "hyperv"},
                                                        {"Bochs", "bochs"},
                                                        {"OpenStack", "kvm"},
                                                        {"Apple Virtualization", "apple"}}};
  for (const std::string* text : {&firmware.vendor, &firmware.product, &firmware.bios_vendor}) {
    if (std::string name = find_by_start(kFirmwareFirst, *text); !name.empty()) return name;
  }
  if (leaf.known) {
    if (!leaf.signature.empty()) {
      std::string name = find_by_start(kSignatures, leaf.signature);
      return name.empty() ? "other" : name;
    }
    // A paravirtual Xen guest sees the real processor; so does the domain that controls the machine.
    if (read_line(files, "/sys/hypervisor/type") == "xen") {
      const bool controls = read_line(files, "/proc/xen/capabilities").find("control_d") != std::string::npos;
      return controls ? "none" : "xen";
    }
    return "none";
  }
  // The device tree of other architectures names its hypervisor.
  const std::string node = read_line(files, "/proc/device-tree/hypervisor/compatible");
  if (node.starts_with("linux,kvm")) return "kvm";
  if (node.find("xen") != std::string::npos) return "xen";
  if (node.find("vmware") != std::string::npos) return "vmware";
  for (const std::string* text : {&firmware.product, &firmware.vendor, &firmware.bios_vendor}) {
    // Amazon, Google and Microsoft sell metal under the same vendor's name, and then say so.
    if (firmware.product.find("metal") != std::string::npos) break;
    if (std::string name = find_by_start(kFirmware, *text); !name.empty()) return name;
  }
  return firmware.vendor.empty() && firmware.product.empty() ? "" : "none";
}

std::string cloud(const Firmware& firmware) {
  static constexpr std::array<Naming, 15> kVendors = {{{"Amazon EC2", "aws"},
                                                       {"Google", "gcp"},
                                                       {"DigitalOcean", "digitalocean"},
                                                       {"Hetzner", "hetzner"},
                                                       {"Alibaba Cloud", "alibaba"},
                                                       {"Tencent Cloud", "tencent"},
                                                       {"Huawei Cloud", "huawei"},
                                                       {"OpenStack", "openstack"},
                                                       {"Vultr", "vultr"},
                                                       {"Linode", "linode"},
                                                       {"Akamai", "linode"},
                                                       {"Scaleway", "scaleway"},
                                                       {"UpCloud", "upcloud"},
                                                       {"Exoscale", "exoscale"},
                                                       {"OVH", "ovh"}}};
  // Fixed tags that Microsoft and Oracle give their machines.
  if (firmware.chassis_tag == "7783-7084-3265-9085-8269-3286-77") return "azure";
  if (firmware.chassis_tag.starts_with("OracleCloud")) return "oracle";
  for (const std::string* text :
       {&firmware.vendor, &firmware.bios_vendor, &firmware.product, &firmware.board_vendor, &firmware.chassis_tag}) {
    if (std::string name = find_by_start(kVendors, *text); !name.empty()) return name;
  }
  // Xen instances of Amazon have Xen's vendor and a version of their own, "4.11.amazon".
  return firmware.version.ends_with(".amazon") ? "aws" : "";
}

std::string container(const FileTree& files) {
  const std::string cgroup = read_line(files, "/proc/1/cgroup");
  if (cgroup.find("kubepods") != std::string::npos) return "kubernetes";
  if (files.exists("/run/secrets/kubernetes.io") || files.exists("/var/run/secrets/kubernetes.io")) return "kubernetes";
  if (files.exists("/run/.containerenv")) return "podman";
  if (files.exists("/.dockerenv")) return "docker";
  if (const auto environment = files.read("/proc/1/environ", 1UL << 20)) {
    if (std::string name = container_variable(*environment); !name.empty()) return name;
  }
  // systemd as process 1 of a container leaves there what it was told.
  if (std::string name = read_line(files, "/run/systemd/container"); !name.empty()) return name;
  for (const auto& [part, name] :
       {std::pair{"/libpod", "podman"}, {"/docker", "docker"}, {"/lxc", "lxc"}, {"/nspawn", "systemd-nspawn"}}) {
    if (cgroup.find(part) != std::string::npos) return name;
  }
  return {};
}

std::string os_name(std::string_view os_release) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  while (!os_release.empty()) {
    std::string_view line = take_line(os_release);
    if (!line.starts_with(kKey)) continue;
    line = trim(line.substr(kKey.size()));
    const bool quoted =
        line.size() >= 2 && (line.front() == '"' || line.front() == '\'') && line.back() == line.front();
    return std::string(quoted ? line.substr(1, line.size() - 2) : line);
  }
  return {};
}

std::optional<std::uint64_t> parse_uptime(std::string_view text) {
  return parse_number<std::uint64_t>(text.substr(0, text.find('.')));
}

std::optional<std::uint64_t> parse_memory_total(std::string_view text) {
  constexpr std::string_view kKey = "MemTotal:";
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    const auto kibibytes = parse_number<std::uint64_t>(take_field(line));
    if (!kibibytes || take_field(line) != "kB" || *kibibytes > UINT64_MAX / 1024) return std::nullopt;
    return *kibibytes * 1024;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> online_processors() {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? std::optional(static_cast<std::uint32_t>(count)) : std::nullopt;
}

std::uint64_t page_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace hostcheck::kernel
