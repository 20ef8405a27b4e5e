#include "core/kernel/capability.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/unique_fd.h"
#include "core/kernel/ethtool.h"
#include "core/kernel/nfnetlink.h"

namespace hostcheck::kernel {
namespace {

std::string reason(int err) {
  return errno_error(err, {}).message();
}

Capability root() {
  const bool is_root = ::geteuid() == 0;
  return {"root", is_root, is_root ? "user 0" : "user " + std::to_string(::geteuid()),
          "what only root may read is absent; each check that needs it says so"};
}

// Effective capabilities as a bit set; none when the kernel does not tell.
std::uint64_t effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return data[0].effective | static_cast<std::uint64_t>(data[1].effective) << 32;
}

Capability privilege(std::string_view name, unsigned bit, std::uint64_t effective, std::string_view lost) {
  const bool has = (effective >> bit & 1U) != 0;
  return {std::string(name), has, has ? "effective" : "not among the effective capabilities", std::string(lost)};
}

Capability first_namespace(const FileTree& files) {
  const auto link = files.read_link("/proc/1/ns/net");
  return {"first_namespace", link.has_value(), link ? *link : link.error().message(),
          "which namespace is the first; values that exist only there, when hostcheck runs in another"};
}

Capability enter_namespace() {
  const UniqueFd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  // Entering the namespace that one is in needs the same privilege as entering another and changes nothing.
  const int error = !here.valid() ? errno : ::setns(here.get(), CLONE_NEWNET) == 0 ? 0 : errno;
  return {"enter_namespaces", error == 0, error == 0 ? "setns(2) works" : "setns(2): " + reason(error),
          "--netns: other namespaces than the present one"};
}

Capability sock_diag() {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  return {"sock_diag", socket.valid(),
          socket.valid() ? "NETLINK_SOCK_DIAG opens" : "NETLINK_SOCK_DIAG: " + reason(errno),
          "listeners, connections and UDP sockets"};
}

Capability ping_socket() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP));
  return {"ping_sockets", socket.valid(),
          socket.valid() ? "an unprivileged ICMP socket opens" : "net.ipv4.ping_group_range: " + reason(errno),
          "probes by ICMP echo without CAP_NET_RAW; they fall back to UDP and TCP and say so"};
}

Capability ethtool() {
  const auto socket = EthtoolSocket::open();
  return {"ethtool_netlink", socket.has_value(), socket ? "family ethtool is there" : socket.error().message(),
          "part of what drivers tell; the rest comes by ioctl"};
}

Capability module(const FileTree& files, std::string_view name, std::string_view lost) {
  const auto present = module_present(files, name);
  if (!present) return {std::string(name), false, present.error().message(), std::string(lost)};
  return {std::string(name), *present, *present ? "in the kernel" : "not loaded (and hostcheck loads nothing)",
          std::string(lost)};
}

Capability kernel_log() {
  const UniqueFd log(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return {"kernel_log", log.valid(), log.valid() ? "/dev/kmsg opens" : "/dev/kmsg: " + reason(errno),
          "the kernel's own messages on networking"};
}

Capability bpf() {
  // r0 = 0; exit: the smallest program, loaded, attached to nothing and gone when its descriptor is closed.
  const std::array<bpf_insn, 2> program = {bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
                                           bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  constexpr const char* kLicence = "GPL";
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<std::uint64_t>(program.data());
  attributes.insn_cnt = program.size();
  attributes.license = reinterpret_cast<std::uint64_t>(kLicence);
  const UniqueFd loaded(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes)));
  return {"bpf", loaded.valid(), loaded.valid() ? "a program loads" : "bpf(2): " + reason(errno),
          "handshakes, drops and resets one by one as they happen; counters still tell how many"};
}

Capability btf() {
  const bool readable = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  return {"btf", readable,
          readable ? std::string("/sys/kernel/btf/vmlinux") : "/sys/kernel/btf/vmlinux: " + reason(errno),
          "the same as without bpf: its programs need the kernel's own types"};
}

}  // namespace

std::vector<Capability> probe_capabilities(const FileTree& files) {
  const std::uint64_t effective = effective_capabilities();
  return {
      root(),
      privilege("CAP_NET_ADMIN", CAP_NET_ADMIN, effective,
                "packet filter rules; entries and counters of connection tracking"),
      privilege("CAP_NET_RAW", CAP_NET_RAW, effective,
                "the exact probes: ARP and NDP to a next hop, half-open connections, SYNs with data, fragments, labels "
                "of MPLS; other ways are used instead where there are any, and say so"),
      privilege("CAP_SYS_ADMIN", CAP_SYS_ADMIN, effective, "other namespaces"),
      privilege("CAP_SYS_PTRACE", CAP_SYS_PTRACE, effective, "which process owns a socket, for other users' processes"),
      privilege("CAP_SYSLOG", CAP_SYSLOG, effective, "the kernel's messages where kernel.dmesg_restrict is 1"),
      first_namespace(files),
      enter_namespace(),
      sock_diag(),
      ping_socket(),
      ethtool(),
      module(files, "nf_tables", "nothing: without it there are no nftables rules"),
      module(files, "nf_conntrack", "nothing: without it connections are not tracked"),
      module(files, "ip_tables", "nothing: without it there are no legacy iptables rules"),
      kernel_log(),
      bpf(),
      btf(),
  };
}

bool may_trace_processes() {
  return (effective_capabilities() >> CAP_SYS_PTRACE & 1U) != 0;
}

}  // namespace hostcheck::kernel
