#include "core/kernel/kernel_log.h"

#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::kernel {
namespace {

using facts::LogTopic;

TEST(LogRecord, PrefixTextAndDevice) {
  const auto record = parse_log_record(
      "30,339,5140900,-,caller=T1;virtio_net virtio2 eth0: a; b\n SUBSYSTEM=virtio\n DEVICE=+virtio:virtio2\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(6U, record->level);
  EXPECT_EQ(3U, record->facility);
  EXPECT_EQ(339U, record->seq);
  EXPECT_EQ(5140900U, record->timestamp_us);
  EXPECT_EQ("virtio_net virtio2 eth0: a; b", record->text);
  EXPECT_EQ("+virtio:virtio2", record->device);
}

TEST(LogRecord, AnythingElseIsNone) {
  for (const char* text :
       {"", ";", "6;x", "6,1;x", "6,1,x,-;x", "a,1,2,-;x", "6,1,2,-", "-1,1,2,-;x", "99999999999999999999,1,2,-;x"}) {
    EXPECT_FALSE(parse_log_record(text)) << text;
  }
}

// Messages as kernels and drivers print them.
TEST(LogTopic, IsToldByTheWordsOfTheKernel) {
  const std::pair<const char*, LogTopic> messages[] = {
      {"nf_conntrack: nf_conntrack: table full, dropping packet", LogTopic::conntrack_table_full},
      {"nf_conntrack: table full, dropping packet", LogTopic::conntrack_table_full},
      {"nf_conntrack: expectation table full", LogTopic::conntrack_other},
      {"nf_conntrack: default automatic helper assignment has been turned off for security reasons",
       LogTopic::conntrack_other},
      {"neighbour: arp_cache: neighbor table overflow!", LogTopic::neighbour_table_overflow},
      {"ipv4: Neighbour table overflow.", LogTopic::neighbour_table_overflow},
      {"TCP: out of memory -- consider tuning tcp_mem", LogTopic::tcp_out_of_memory},
      {"TCP: too many orphaned sockets", LogTopic::tcp_too_many_orphans},
      {"TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.  Check SNMP counters.",
       LogTopic::possible_syn_flooding},
      {"NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out", LogTopic::transmit_timeout},
      {"virtio_net virtio0 eth0: NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5012 ms",
       LogTopic::transmit_timeout},
      {"e1000e 0000:00:19.0 eno1: Detected Hardware Unit Hang:", LogTopic::nic_hang},
      {"xen_netfront: xennet: skb rides the rocket: 19 slots", LogTopic::xen_skb_dropped},
      {"unregister_netdevice: waiting for lo to become free. Usage count = 1", LogTopic::netdev_stuck},
      {"igb 0000:01:00.0 eth0: igb: eth0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX/TX", LogTopic::link_up},
      {"IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready", LogTopic::link_up},
      {"e1000e: eth0 NIC Link is Down", LogTopic::link_down},
      {"virtio_net virtio0 ens3: renamed from eth0", LogTopic::link_renamed},
      {"IPv4: martian source 10.0.0.1 from 192.168.1.1, on dev eth0", LogTopic::martian_source},
      {"IPv6: eth0: IPv6 duplicate address fe80::1 used by 52:54:00:12:34:56 detected!", LogTopic::duplicate_address},
      {"br0: received packet on veth1 with own address as source address (addr:52:54:00:12:34:56, vlan:0)",
       LogTopic::duplicate_address},
      {"Route cache is full: consider increasing sysctl net.ipv6.route.max_size.", LogTopic::route_cache_full},
      {"bond0: (slave eth1): link status definitely down, disabling slave", LogTopic::bond},
      {"br0: port 1(veth1) entered blocking state", LogTopic::bridge},
      {"IN=eth0 OUT= MAC=52:54 SRC=10.0.0.1 DST=10.0.0.2 LEN=60 PROTO=TCP SPT=1 DPT=22", LogTopic::netfilter_log},
      {"kworker/0:1: page allocation failure: order:2, mode:0x40a20(GFP_ATOMIC|__GFP_COMP)",
       LogTopic::page_allocation_failure},
      {"Out of memory: Killed process 812 (nginx) total-vm:1kB", LogTopic::out_of_memory},
      {"INFO: task nginx:812 blocked for more than 120 seconds.", LogTopic::hung_task},
      {"watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [nginx:812]", LogTopic::soft_lockup},
      {"VFS: file-max limit 100 reached", LogTopic::file_limit},
      {"WARNING: CPU: 0 PID: 0 at net/sched/sch_generic.c:525 dev_watchdog+0x1", LogTopic::kernel_warning},
      {"net_ratelimit: 310 callbacks suppressed", LogTopic::messages_suppressed},
      {"virtio_net virtio0: output.0:id 5 is not a head!", LogTopic::nic_error},
      {"mlx5_core 0000:05:00.0: cmd_work_handler failed", LogTopic::nic_error},
      {"ena 0000:00:05.0: Trigger reset is on", LogTopic::nic_error},
      {"ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)", LogTopic::none},
      {"EXT4-fs (vda1): mounted filesystem with ordered data mode", LogTopic::none},
      {"usb 1-1: new high-speed USB device number 2", LogTopic::none},
      {"Linux version 6.18.44 (builder) (gcc 15.3.0)", LogTopic::none},
      {"", LogTopic::none},
      {"tx", LogTopic::none},
  };
  for (const auto& [text, topic] : messages) {
    EXPECT_EQ(name_of(topic), name_of(log_topic(text, 4))) << text;
  }
  EXPECT_EQ(LogTopic::link_down, log_topic("r8169 0000:02:00.0 enp2s0: Link down", 6));
  EXPECT_EQ(LogTopic::none, log_topic("lpfc 0000:03:00.0: Link down", 6)) << "no network link";
  EXPECT_EQ(LogTopic::none, log_topic("ena 0000:00:05.0: Elastic Network Adapter found", 6)) << "nothing wrong";
}

TEST(LogTopic, TheInterfaceIsFoundWhereItStands) {
  const std::pair<const char*, const char*> messages[] = {
      {"unregister_netdevice: waiting for veth1234 to become free. Usage count = 1", "veth1234"},
      {"NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out", "eth0"},
      {"virtio_net virtio0 eth0: NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5012 ms", "eth0"},
      {"igb 0000:01:00.0 eth0: igb: eth0 NIC Link is Up 1000 Mbps", "eth0"},
      {"e1000e: eth0 NIC Link is Down", "eth0"},
      {"IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready", "eth0"},
      {"virtio_net virtio0 ens3: renamed from eth0", "ens3"},
      {"IPv4: martian source 10.0.0.1 from 192.168.1.1, on dev eth0", "eth0"},
      {"br0: received packet on veth1 with own address as source address", "veth1"},
      {"bond0: (slave eth1): link status definitely down, disabling slave", "eth1"},
      {"br0: port 1(veth1) entered blocking state", "veth1"},
      {"virtio_net virtio0: output.0:id 5 is not a head!", ""},
      {"TCP: out of memory -- consider tuning tcp_mem", ""},
      {"IPv6: something", ""},
      {"", ""},
  };
  for (const auto& [text, ifname] : messages) EXPECT_EQ(ifname, log_ifname(text)) << text;
}

TEST(LogTopic, ThePortOfAFlood) {
  EXPECT_EQ(443, log_port("TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies."));
  EXPECT_EQ(80, log_port("TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies."));
  EXPECT_EQ(80, log_port("TCP: request_sock_TCPv6: Possible SYN flooding on port [::]:80. Dropping request."));
  EXPECT_EQ(std::nullopt, log_port("on port 99999."));
  EXPECT_EQ(std::nullopt, log_port("nothing"));
}

// Gives what it holds, then EAGAIN; a number is an errno.
struct FakeLog {
  std::deque<std::variant<std::string, int>> answers;
  ssize_t operator()(std::span<char> buffer) {
    if (answers.empty()) return -EAGAIN;
    const auto answer = answers.front();
    answers.pop_front();
    if (const int* error = std::get_if<int>(&answer)) return -*error;
    const auto& text = std::get<std::string>(answer);
    std::memcpy(buffer.data(), text.data(), std::min(buffer.size(), text.size()));
    return static_cast<ssize_t>(std::min(buffer.size(), text.size()));
  }
};

Result<KernelLog> read(FakeLog log) {
  return read_kernel_log(ReadRecord(std::move(log)));
}

TEST(KernelLog, KeepsNetworkMessagesAndCountsAll) {
  const auto log = read({{"6,10,100,-;hello\n", "4,11,200,-;TCP: out of memory\\x20-- consider tuning tcp_mem\n"}});
  ASSERT_TRUE(log);
  EXPECT_EQ(2U, log->records);
  EXPECT_EQ(10U, log->first_seq);
  EXPECT_FALSE(log->overwritten);
  ASSERT_EQ(1U, log->messages.size());
  EXPECT_EQ(11U, log->messages[0].seq);
  EXPECT_EQ("TCP: out of memory -- consider tuning tcp_mem", log->messages[0].text);
}

TEST(KernelLog, GoesOnWhereRecordsWereOverwritten) {
  const auto log = read({{"6,10,100,-;hello\n", EPIPE, EINTR, "4,99,200,-;TCP: out of memory\n"}});
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->overwritten);
  EXPECT_EQ(1U, log->messages.size());
}

TEST(KernelLog, AFailureIsNoShorterLog) {
  EXPECT_EQ(ErrorCode::denied, read({{"6,10,100,-;hello\n", EPERM}}).error().code);
  EXPECT_FALSE(read({{"nonsense"}}));
  EXPECT_EQ(ErrorCode::limit, read_kernel_log([](std::span<char> buffer) -> ssize_t {
                                std::memcpy(buffer.data(), "6,1,1,-;x\n", 10);
                                return 10;
                              })
                                  .error()
                                  .code);
}

TEST(KernelLog, LinesOfSyslog) {
  const auto log = parse_syslog(
      "<6>[    0.000000] Linux version 6.18\n"
      "<4>[    5.140900] TCP: out of memory -- consider tuning tcp_mem\n"
      "<30>[12345.000001][ T1234] eth0: Link is Up\n"
      "<4>[12346.500000][    C1] TCP: request_sock_TCP: Possible SYN flooding on port 443. Dropping request.\n"
      "<4>[12347.000000] [T12] is no caller\n"
      "<6>[12347.000000]");
  ASSERT_TRUE(log) << log.error().message();
  EXPECT_EQ(6U, log->records);
  EXPECT_FALSE(log->overwritten);
  ASSERT_EQ(3U, log->messages.size());
  EXPECT_EQ("TCP: out of memory -- consider tuning tcp_mem", log->messages[0].text);
  EXPECT_EQ(5140900U, log->messages[0].timestamp_us);
  EXPECT_EQ(4U, log->messages[0].level);
  EXPECT_EQ(1U, log->messages[0].seq);
  EXPECT_EQ("eth0: Link is Up", log->messages[1].text);
  EXPECT_EQ(3U, log->messages[1].facility);
  EXPECT_EQ(6U, log->messages[1].level);
  EXPECT_EQ(12345000001U, log->messages[1].timestamp_us);
  EXPECT_EQ(facts::LogTopic::possible_syn_flooding, log->messages[2].topic);
}

TEST(KernelLog, LinesOfSyslogThatCannotBeJudged) {
  const auto no_time = parse_syslog("<6>NET: Registered PF_INET\n");
  ASSERT_FALSE(no_time);
  EXPECT_EQ(ErrorCode::unsupported, no_time.error().code);
  EXPECT_NE(std::string::npos, no_time.error().message().find("printk")) << no_time.error().message();
  for (const std::string_view text : {"NET\n", "<\n", "<x>[    5.140900] NET\n", "\n"}) {
    EXPECT_FALSE(parse_syslog(text)) << text;
  }
  for (const std::string_view text :
       {"<6>[    5.14] NET\n", "<6>[5] NET\n", "<6>[    5.140900 NET\n", "<6>[x.140900] NET\n"}) {
    EXPECT_FALSE(parse_syslog(text)) << text;
  }
  EXPECT_TRUE(parse_syslog(""));
}

}  // namespace
}  // namespace hostcheck::kernel
