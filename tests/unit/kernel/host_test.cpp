#include "core/kernel/host.h"

#include <gtest/gtest.h>

#include "tests/support/fake_tree.h"

namespace hostcheck::kernel {
namespace {

HypervisorLeaf x86(std::string signature) {
  return {true, std::move(signature)};
}

Firmware firmware(std::string vendor, std::string product) {
  Firmware made;
  made.vendor = std::move(vendor);
  made.product = std::move(product);
  return made;
}

TEST(Virtualization, IsToldByTheProcessor) {
  const test::FakeTree tree;
  EXPECT_EQ("kvm", virtualization(tree.files(), x86("KVMKVMKVM"), {}));
  EXPECT_EQ("qemu", virtualization(tree.files(), x86("TCGTCGTCGTCG"), {}));
  EXPECT_EQ("hyperv", virtualization(tree.files(), x86("Microsoft Hv"), {}));
  EXPECT_EQ("other", virtualization(tree.files(), x86("SomethingNew"), {}));
  EXPECT_EQ("none", virtualization(tree.files(), x86(""), firmware("Dell Inc.", "PowerEdge R640")));
}

TEST(Virtualization, TheFirmwareKnowsVirtualBoxBetter) {
  const test::FakeTree tree;
  EXPECT_EQ("virtualbox", virtualization(tree.files(), x86("KVMKVMKVM"), firmware("innotek GmbH", "VirtualBox")));
}

TEST(Virtualization, XenWithoutASignature) {
  const test::FakeTree tree;
  tree.write("/sys/hypervisor/type", "xen\n");
  EXPECT_EQ("xen", virtualization(tree.files(), x86(""), {}));
  tree.write("/proc/xen/capabilities", "control_d\n");
  EXPECT_EQ("none", virtualization(tree.files(), x86(""), {}));
}

TEST(Virtualization, OtherProcessorsAskTheFirmware) {
  const test::FakeTree tree;
  EXPECT_EQ("", virtualization(tree.files(), {}, {}));
  EXPECT_EQ("kvm", virtualization(tree.files(), {}, firmware("QEMU", "KVM Virtual Machine")));
  EXPECT_EQ("qemu", virtualization(tree.files(), {}, firmware("QEMU", "QEMU Virtual Machine")));
  EXPECT_EQ("none", virtualization(tree.files(), {}, firmware("Ampere", "Altra")));
  EXPECT_EQ("none", virtualization(tree.files(), {}, firmware("Amazon EC2", "a1.metal")));
  EXPECT_EQ("kvm", virtualization(tree.files(), {}, firmware("Amazon EC2", "m6g.large")));
  tree.write("/proc/device-tree/hypervisor/compatible", std::string("linux,kvm\0", 10));
  EXPECT_EQ("kvm", virtualization(tree.files(), {}, {}));
}

TEST(Cloud, IsToldByTheFirmware) {
  EXPECT_EQ("aws", cloud(firmware("Amazon EC2", "m5.large")));
  EXPECT_EQ("gcp", cloud(firmware("Google", "Google Compute Engine")));
  EXPECT_EQ("", cloud(firmware("Dell Inc.", "PowerEdge R640")));
  EXPECT_EQ("", cloud(firmware("Microsoft Corporation", "Virtual Machine"))) << "Hyper-V on anybody's machine";
  Firmware azure = firmware("Microsoft Corporation", "Virtual Machine");
  azure.chassis_tag = "7783-7084-3265-9085-8269-3286-77";
  EXPECT_EQ("azure", cloud(azure));
  Firmware xen = firmware("Xen", "HVM domU");
  xen.version = "4.11.amazon";
  EXPECT_EQ("aws", cloud(xen));
}

TEST(Container, LeavesItsMark) {
  const test::FakeTree tree;
  tree.write("/proc/1/cgroup", "0::/init.scope\n");
  EXPECT_EQ("", container(tree.files()));
  tree.write("/proc/1/environ", std::string("PATH=/bin\0container=lxc\0", 24));
  EXPECT_EQ("lxc", container(tree.files()));
  tree.write("/.dockerenv", "");
  EXPECT_EQ("docker", container(tree.files()));
  tree.write("/proc/1/cgroup", "0::/kubepods.slice/x\n");
  EXPECT_EQ("kubernetes", container(tree.files()));
}

TEST(Host, ReadsNamesAndSizes) {
  EXPECT_EQ("Debian GNU/Linux 12 (bookworm)",
            os_name("NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"));
  EXPECT_EQ("Alpine", os_name("PRETTY_NAME=Alpine\n"));
  EXPECT_EQ("", os_name("NAME=x"));
  EXPECT_EQ(3039U, parse_uptime("3039.55 5000.00\n"));
  EXPECT_EQ(std::nullopt, parse_uptime("\n"));
  EXPECT_EQ(24684092416U, parse_memory_total("MemTotal:       24105559 kB\nMemFree: 1 kB\n"));
  EXPECT_EQ(std::nullopt, parse_memory_total("MemTotal: x kB\n"));
  EXPECT_EQ(std::nullopt, parse_memory_total("MemTotal: 18446744073709551615 kB\n"));
  EXPECT_EQ(std::nullopt, parse_memory_total("MemFree: 1 kB\n"));
}

}  // namespace
}  // namespace hostcheck::kernel
