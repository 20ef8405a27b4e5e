// Every parser of /proc files on texts that no kernel writes: cut at each place, and with bytes changed at random
// (always in the same way). None may crash or read past its text; what they say is tested elsewhere. Run it under ASan.
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "core/kernel/host.h"
#include "core/kernel/kernel_log.h"
#include "core/kernel/proc_net.h"
#include "core/kernel/proc_system.h"
#include "core/kernel/resolv_conf.h"
#include "core/kernel/sysctl.h"

namespace hostcheck::kernel {
namespace {

void parse_everything(const std::string& source) {
  // A buffer of exactly this size, so that a read past its end is seen.
  const std::vector<char> bytes(source.begin(), source.end());
  const std::string_view text(bytes.data(), bytes.size());
  const auto any = [](auto...) { return true; };
  (void)parse_counter_lines(text, "f", any);
  (void)parse_snmp6(text, "f", any);
  (void)parse_sockstat(text, "f");
  (void)parse_protocols(text, "f");
  (void)parse_cpu_list(text, "f");
  (void)parse_softnet(text, "f", {0, 1});
  (void)parse_softirqs(text, "f", any);
  (void)parse_interrupts(text, "f");
  (void)parse_numbers(text, "f", 3);
  (void)parse_resolv_conf(text);
  (void)parse_log_record(text);
  (void)log_topic(text, 4);
  (void)log_ifname(text);
  (void)log_port(text);
  (void)os_name(text);
  (void)parse_uptime(text);
  (void)parse_memory_total(text);
  facts::Sysctl row;
  parse_sysctl(text, row);
  (void)sysctl_ifname(text);
}

const char* const kTexts[] = {
    "Ip: Forwarding InReceives\nIp: 2 664\nTcp: MaxConn\nTcp: -1\n",
    "Ip6InReceives                   \t20\nIcmp6OutType135                 \t4\n",
    "sockets: used 17\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 224\n",
    "protocol  size sockets  memory press maxhdr  slab module\nTCPv6     2432      5     224   no     192   yes  "
    "kernel y n\n",
    "0-3,8,10-11\n",
    "0000272d 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000003 00000004 0 1 2 3\n",
    "                    CPU0       CPU1       \n      NET_RX:        318        488\n",
    "           CPU0       CPU1       \n 38:          0        487 PCI-MSIX-0000:00:03.0   1-edge      "
    "virtio2-input.0\nERR:          5\n",
    "1184\t0\t9223372036854775807\n",
    "nameserver fe80::1%eth0\nsearch a b\noptions ndots:3 timeout:99\n",
    "30,339,5140900,-,caller=T1;virtio_net virtio2 eth0: NETDEV WATCHDOG: CPU: 1: timed out\n DEVICE=+virtio:virtio2\n",
    "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
    "br0: port 1(veth1) entered blocking state",
    "TCP: Possible SYN flooding on port [::]:80. Dropping request.",
    "MemTotal:       24105559 kB\nPRETTY_NAME=\"Debian\"\n",
    "net.ipv4.conf.eth0/5.rp_filter",
};

TEST(HostileFiles, CutAtEachPlace) {
  for (const std::string text : kTexts) {
    for (std::size_t size = 0; size <= text.size(); ++size) parse_everything(text.substr(0, size));
  }
}

TEST(HostileFiles, WithChangedBytes) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same texts in every run
  const std::string letters("\0\n\t :-,;.%()=09afx\x7f\xff", 20);
  for (const std::string original : kTexts) {
    for (int round = 0; round < 500; ++round) {
      std::string text = original;
      for (unsigned change = 0; change < 1 + random() % 4; ++change) {
        const std::size_t at = random() % text.size();
        switch (random() % 3) {
          case 0:
            text[at] = letters[random() % letters.size()];
            break;
          case 1:
            text.insert(at, 1 + random() % 30, letters[random() % letters.size()]);
            break;
          default:
            text.erase(at, 1 + random() % 10);
            if (text.empty()) text = "x";
        }
      }
      parse_everything(text);
    }
  }
}

}  // namespace
}  // namespace hostcheck::kernel
