#include "core/kernel/sock_diag.h"

#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>

#include "core/facts/cell.h"
#include "tests/unit/kernel/sock_diag_recorded.h"

namespace hostcheck::kernel {
namespace {

using facts::ConnectionInfo;
using facts::SocketMemory;
using facts::SocketState;
using facts::SocketTimer;
using testing::SizeIs;

// A message in memory that is aligned as the kernel's.
class Message {
 public:
  explicit Message(std::string_view hex) : words_(hex.size() / 8 + 1) {
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
      bytes()[at / 2] = static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
    }
  }
  [[nodiscard]] nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(words_.data()); }
  [[nodiscard]] std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(words_.data()); }
  // The first attribute of the type; nullptr where there is none.
  [[nodiscard]] nlattr* attribute(int type) {
    std::size_t at = NLMSG_HDRLEN + sizeof(inet_diag_msg);
    while (at + NLA_HDRLEN <= header().nlmsg_len) {
      auto* each = reinterpret_cast<nlattr*>(bytes() + at);
      if (each->nla_type == type) return each;
      at += NLA_ALIGN(each->nla_len);
    }
    return nullptr;
  }

 private:
  std::vector<std::uint32_t> words_;
};

DiagSocket parsed(Message& message) {
  auto socket = parse_socket(message.header());
  EXPECT_TRUE(socket) << socket.error().message();
  return *socket;
}

// What a column of the table shows of a connection with this tcp_info.
facts::Value shown(std::string_view column, const ConnectionInfo& info, SocketState state = SocketState::established) {
  facts::Connection row;
  row.state = state;
  row.info = &info;
  const auto at = facts::Connection::table().column(column);
  EXPECT_TRUE(at) << column;
  std::string scratch;
  return facts::to_value(facts::Connection::table().columns[*at].read(&row, scratch));
}

constexpr facts::Value kNull;

TEST(SockDiag, ReadsAListenerWithAFullAcceptQueue) {
  Message message(recorded::kFullListener);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.state, SocketState::listen);
  EXPECT_EQ(socket.local.to_string(), "0.0.0.0");
  EXPECT_EQ(socket.local_port, 7007);
  EXPECT_EQ(socket.remote_port, 0);
  EXPECT_EQ(socket.rqueue, 3U);
  EXPECT_EQ(socket.wqueue, 2U);
  EXPECT_EQ(socket.inode, 710259U);
  EXPECT_NE(socket.cookie, 0U);
  EXPECT_FALSE(socket.v6only);
  EXPECT_TRUE(socket.cgroup_id);
  SocketMemory memory;
  copy_memory(socket.memory, memory);
  EXPECT_EQ(memory.count, std::size_t{SocketMemory::fields});
  EXPECT_GT(memory.value[SocketMemory::drops], 0U);
  EXPECT_GT(memory.value[SocketMemory::rcvbuf], 0U);
}

TEST(SockDiag, ReadsWhetherAListenerTakesIpv6Only) {
  Message message(recorded::kV6OnlyListener);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.local.to_string(), "::");
  EXPECT_EQ(socket.v6only, true);
  EXPECT_EQ(socket.wqueue, 17U);
}

TEST(SockDiag, ReadsTheDeviceOfABoundListener) {
  Message message(recorded::kBoundListener);
  EXPECT_NE(parsed(message).ifindex, 0U);
}

TEST(SockDiag, ReadsAnEstablishedConnectionWithTcpInfo) {
  Message message(recorded::kEstablished);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.state, SocketState::established);
  EXPECT_EQ(socket.local.to_string(), "10.77.0.1");
  EXPECT_EQ(socket.remote.to_string(), "10.77.0.2");
  EXPECT_EQ(socket.timer, SocketTimer::off);
  EXPECT_EQ(socket.shutdown, 0);
  EXPECT_EQ(socket.tos, 0);
  EXPECT_FALSE(socket.congestion.empty());
  ConnectionInfo info;
  copy_tcp_info(socket.tcp_info, info);
  EXPECT_EQ(info.tcp.state, 1);
  EXPECT_EQ(shown("mss", info), facts::Value(std::int64_t{1448}));
  EXPECT_EQ(shown("pmtu", info), facts::Value(std::int64_t{1500}));
  EXPECT_EQ(shown("options", info), facts::Value(std::string("ts sack wscale")));
  EXPECT_EQ(shown("ca_state", info), facts::Value(std::string("open")));
  EXPECT_EQ(shown("retransmits", info), facts::Value(std::int64_t{0}));
  EXPECT_NE(shown("rcv_wnd", info), kNull);
  EXPECT_NE(shown("rtt_us", info), kNull);
  EXPECT_EQ(shown("snd_ssthresh", info), kNull) << "infinite";
}

TEST(SockDiag, ReadsAnIpv6Connection) {
  Message message(recorded::kEstablished6);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.local.to_string(), "fd77::1");
  EXPECT_EQ(socket.remote.to_string(), "fd77::2");
  EXPECT_NE(socket.tcp_info.data(), nullptr);
}

TEST(SockDiag, ReadsASynThatWaitsForItsAnswer) {
  Message message(recorded::kSynSent);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.state, SocketState::syn_sent);
  EXPECT_EQ(socket.remote_port, 7007);
  EXPECT_EQ(socket.timer, SocketTimer::retransmit);
  ConnectionInfo info;
  copy_tcp_info(socket.tcp_info, info);
  // Nothing was ever received or measured: what the kernel has there says nothing.
  for (const char* column : {"rtt_us", "rttvar_us", "min_rtt_us", "last_data_recv_ms", "last_ack_recv_ms"}) {
    EXPECT_EQ(shown(column, info, SocketState::syn_sent), kNull) << column;
  }
  EXPECT_EQ(shown("wscale_snd", info, SocketState::syn_sent), facts::Value(std::int64_t{-1}));
}

TEST(SockDiag, AHalfOpenHandshakeHasNoInfoAndNoInode) {
  Message message(recorded::kSynRecv);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.state, SocketState::syn_recv);
  EXPECT_EQ(socket.local_port, 7001);
  EXPECT_EQ(socket.inode, 0U);
  EXPECT_EQ(socket.tcp_info.data(), nullptr);
  EXPECT_EQ(socket.memory.data(), nullptr);
}

TEST(SockDiag, AHalfOpenHandshakeAtADualStackListenerIsV4Mapped) {
  Message message(recorded::kSynRecvMapped);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.local.to_string(), "::ffff:10.77.0.1");
  EXPECT_TRUE(socket.local.is_v4_mapped());
}

TEST(SockDiag, TimeWaitHasItsTimerAndNothingElse) {
  Message message(recorded::kTimeWait);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.state, SocketState::time_wait);
  EXPECT_EQ(socket.timer, SocketTimer::time_wait);
  EXPECT_GT(socket.timer_ms, 0U);
  EXPECT_EQ(socket.tcp_info.data(), nullptr);
  EXPECT_FALSE(socket.shutdown);
}

TEST(SockDiag, ReadsAUdpSocketThatDrops) {
  Message message(recorded::kUdpFull);
  const DiagSocket socket = parsed(message);
  EXPECT_EQ(socket.state, SocketState::close);
  EXPECT_EQ(socket.local_port, 7100);
  EXPECT_GT(socket.rqueue, 0U);
  SocketMemory memory;
  copy_memory(socket.memory, memory);
  EXPECT_GT(memory.value[SocketMemory::drops], 0U);
  Message six(recorded::kUdp6);
  EXPECT_EQ(parsed(six).local.to_string(), "::");
}

TEST(SockDiag, WhatAnOlderKernelsTcpInfoEndsBeforeIsAbsent) {
  Message message(recorded::kEstablished);
  const DiagSocket socket = parsed(message);
  ConnectionInfo info;
  std::memset(&info.tcp, 0xff, sizeof info.tcp);  // what is beyond must not be shown, whatever is there
  constexpr std::size_t kLinux4_1 = 136;          // up to and with tcpi_segs_in: Linux 4.1
  copy_tcp_info(socket.tcp_info.first(kLinux4_1 + 8), info);
  EXPECT_NE(shown("retransmits", info), kNull);
  EXPECT_NE(shown("bytes_received", info), kNull);
  EXPECT_NE(shown("segs_in", info), kNull);
  for (const char* column :
       {"notsent_bytes", "data_segs_out", "delivery_rate_bps", "busy_time_us", "rwnd_limited_us", "delivered",
        "bytes_sent", "bytes_retrans", "dsack_dups", "rcv_ooopack", "snd_wnd", "rcv_wnd"}) {
    EXPECT_EQ(shown(column, info), kNull) << column;
  }
}

TEST(SockDiag, AFieldThatIsCutInTheMiddleIsAbsent) {
  Message message(recorded::kEstablished);
  const DiagSocket socket = parsed(message);
  const std::size_t end = offsetof(facts::TcpInfo, snd_wnd) + sizeof(std::uint32_t);
  ConnectionInfo info;
  copy_tcp_info(socket.tcp_info.first(end - 1), info);
  EXPECT_EQ(shown("snd_wnd", info), kNull);
  copy_tcp_info(socket.tcp_info.first(end), info);
  EXPECT_NE(shown("snd_wnd", info), kNull);
}

TEST(SockDiag, AnOlderKernelsMemoryHasNoDrops) {
  Message message(recorded::kFullListener);
  const DiagSocket socket = parsed(message);
  SocketMemory memory;
  copy_memory(socket.memory.first(8 * sizeof(std::uint32_t)), memory);
  EXPECT_EQ(memory.count, 8U);
  facts::Connection row;
  row.memory = &memory;
  std::string scratch;
  const auto& table = facts::Connection::table();
  EXPECT_EQ(table.columns[*table.column("drops")].read(&row, scratch).kind, facts::Cell::Kind::null);
  EXPECT_EQ(table.columns[*table.column("rcvbuf")].read(&row, scratch).kind, facts::Cell::Kind::integer);
}

TEST(SockDiag, ALaterKernelsTcpInfoIsCutToWhatIsKnown) {
  std::vector<std::uint8_t> longer(sizeof(facts::TcpInfo) + 64, 7);
  ConnectionInfo info;
  copy_tcp_info(longer, info);
  EXPECT_EQ(info.bytes, sizeof(facts::TcpInfo));
}

TEST(SockDiag, AMessageTooShortForItsHeaderIsAnError) {
  Message message(recorded::kEstablished);
  for (const std::uint32_t length : {16U, 40U, static_cast<std::uint32_t>(NLMSG_HDRLEN + sizeof(inet_diag_msg) - 1)}) {
    message.header().nlmsg_len = length;
    EXPECT_FALSE(parse_socket(message.header())) << length;
  }
}

TEST(SockDiag, AnAttributeLongerThanItsMessageIsAnError) {
  Message message(recorded::kEstablished);
  nlattr* info = message.attribute(INET_DIAG_INFO);
  ASSERT_NE(info, nullptr);
  const auto length = info->nla_len;
  for (const std::uint16_t hostile : {std::uint16_t{0}, std::uint16_t{3}, std::uint16_t{0xffff}}) {
    info->nla_len = hostile;
    EXPECT_FALSE(parse_socket(message.header())) << hostile;
  }
  info->nla_len = length;
  EXPECT_TRUE(parse_socket(message.header()));
}

TEST(SockDiag, AttributesShorterThanTheirTypeAreAbsent) {
  Message message(recorded::kV6OnlyListener);
  for (const int type : {INET_DIAG_SKV6ONLY, INET_DIAG_CGROUP_ID, INET_DIAG_SHUTDOWN}) {
    nlattr* attribute = message.attribute(type);
    if (attribute == nullptr) continue;
    // What is left of the payload would be read as the next attribute: let it be an empty one.
    const nlattr empty{NLA_HDRLEN, 0};
    std::memcpy(reinterpret_cast<std::uint8_t*>(attribute) + NLA_HDRLEN, &empty, sizeof empty);
    if (attribute->nla_len == NLA_HDRLEN + 8) {
      std::memcpy(reinterpret_cast<std::uint8_t*>(attribute) + NLA_HDRLEN + 4, &empty, sizeof empty);
    }
    attribute->nla_len = NLA_HDRLEN;
  }
  const DiagSocket socket = parsed(message);
  EXPECT_FALSE(socket.v6only);
  EXPECT_FALSE(socket.cgroup_id);
}

TEST(SockDiag, ASocketOfAnotherFamilyIsAnError) {
  Message message(recorded::kEstablished);
  message.bytes()[NLMSG_HDRLEN] = 1;  // AF_UNIX
  EXPECT_FALSE(parse_socket(message.header()));
}

// Runs a filter program as the kernel does (net/ipv4/inet_diag.c inet_diag_bc_run), checking that it never leaves it.
bool accepts(const std::vector<std::uint8_t>& program, std::uint16_t local, std::uint16_t remote) {
  std::vector<inet_diag_bc_op> code(program.size() / sizeof(inet_diag_bc_op));
  std::memcpy(code.data(), program.data(), program.size());
  long left = static_cast<long>(program.size());
  std::size_t at = 0;
  while (left > 0) {
    const inet_diag_bc_op& op = code.at(at);
    bool yes = true;
    if (op.code == INET_DIAG_BC_JMP) yes = false;
    if (op.code == INET_DIAG_BC_S_GE) yes = local >= code.at(at + 1).no;
    if (op.code == INET_DIAG_BC_S_LE) yes = local <= code.at(at + 1).no;
    if (op.code == INET_DIAG_BC_D_GE) yes = remote >= code.at(at + 1).no;
    if (op.code == INET_DIAG_BC_D_LE) yes = remote <= code.at(at + 1).no;
    const long step = yes ? op.yes : op.no;
    EXPECT_GT(step, 0);
    EXPECT_EQ(step % 4, 0);
    left -= step;
    at += static_cast<std::size_t>(step) / sizeof op;
  }
  EXPECT_TRUE(left == 0 || left == -4) << left;  // accepted at the end, rejected one operation behind it
  return left == 0;
}

TEST(SockDiagFilter, NoPortsNeedNoProgram) {
  EXPECT_THAT(port_filter({}), SizeIs(0));
  SocketQuery query;
  query.local_ports.emplace();
  EXPECT_THAT(port_filter(query), SizeIs(0));
  query.local_ports->assign(65, 80);
  EXPECT_THAT(port_filter(query), SizeIs(0)) << "too many to be worth it";
}

TEST(SockDiagFilter, AcceptsAnyOfTheLocalPorts) {
  SocketQuery query;
  query.local_ports = {{80, 443, 8080}};
  const auto program = port_filter(query);
  for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{443}, std::uint16_t{8080}}) {
    EXPECT_TRUE(accepts(program, port, 1)) << port;
  }
  for (const std::uint16_t port : {0, 79, 81, 442, 444, 8079, 8081, 65535}) {
    EXPECT_FALSE(accepts(program, port, 80)) << port;
  }
}

TEST(SockDiagFilter, LocalAndRemotePortsMustBothFit) {
  SocketQuery query;
  query.local_ports = {{1, 2}};
  query.remote_ports = {{65535, 0, 443}};
  const auto program = port_filter(query);
  EXPECT_TRUE(accepts(program, 1, 65535));
  EXPECT_TRUE(accepts(program, 2, 0));
  EXPECT_TRUE(accepts(program, 2, 443));
  EXPECT_FALSE(accepts(program, 3, 443));
  EXPECT_FALSE(accepts(program, 1, 442));
}

}  // namespace
}  // namespace hostcheck::kernel
