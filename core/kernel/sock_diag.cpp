#include "core/kernel/sock_diag.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>

#include "core/kernel/netlink.h"

namespace hostcheck::kernel {
namespace {

// facts::TcpInfo is the kernel's layout: said here, where both are known.
#define HOSTCHECK_SAME_PLACE(ours, theirs) \
  static_assert(offsetof(facts::TcpInfo, ours) == offsetof(::tcp_info, theirs), "layout of tcp_info")
HOSTCHECK_SAME_PLACE(rto, tcpi_rto);
HOSTCHECK_SAME_PLACE(unacked, tcpi_unacked);
HOSTCHECK_SAME_PLACE(last_data_recv, tcpi_last_data_recv);
HOSTCHECK_SAME_PLACE(rtt, tcpi_rtt);
HOSTCHECK_SAME_PLACE(total_retrans, tcpi_total_retrans);
HOSTCHECK_SAME_PLACE(pacing_rate, tcpi_pacing_rate);
HOSTCHECK_SAME_PLACE(min_rtt, tcpi_min_rtt);
HOSTCHECK_SAME_PLACE(delivery_rate, tcpi_delivery_rate);
HOSTCHECK_SAME_PLACE(sndbuf_limited, tcpi_sndbuf_limited);
HOSTCHECK_SAME_PLACE(bytes_retrans, tcpi_bytes_retrans);
HOSTCHECK_SAME_PLACE(snd_wnd, tcpi_snd_wnd);
#undef HOSTCHECK_SAME_PLACE

// Attributes of later kernels than the headers are not needed; what is above this is passed over.
constexpr std::size_t kAttributes = INET_DIAG_CGROUP_ID + 1;
constexpr std::size_t kLargestFilter = 64;

constexpr std::uint8_t extension(int attribute) {
  return static_cast<std::uint8_t>(1U << (attribute - 1));
}

std::uint8_t extensions_of(const SocketQuery& query) {
  std::uint8_t wanted = 0;
  if (query.tcp_info) wanted |= extension(INET_DIAG_INFO);
  if (query.memory) wanted |= extension(INET_DIAG_SKMEMINFO);
  if (query.congestion) wanted |= extension(INET_DIAG_CONG);
  if (query.tos) wanted |= extension(INET_DIAG_TOS) | extension(INET_DIAG_TCLASS);
  return wanted;
}

IpAddress address_of(std::uint8_t family, const std::uint32_t (&words)[4]) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(words);
  return IpAddress::from_bytes({bytes, family == AF_INET ? 4UL : 16UL});
}

// One alternative or conjunction after the other, as a chain of "yes falls through, no jumps".
class FilterProgram {
 public:
  // Adds: the port is one of these, else the whole program rejects. ge and le are INET_DIAG_BC_S_* or INET_DIAG_BC_D_*.
  void add(std::uint8_t ge, std::uint8_t le, std::span<const std::uint16_t> ports) {
    // Each port: two comparisons of two operations, and but for the last a jump behind the alternatives.
    for (std::size_t at = 0; at < ports.size(); ++at) {
      const bool last = at + 1 == ports.size();
      const std::size_t next = last ? kReject : operations_.size() + 5;
      compare(ge, ports[at], next);
      compare(le, ports[at], next);
      if (!last) operation(INET_DIAG_BC_JMP, 4, operations_.size() + 5 * (ports.size() - at - 1));
    }
  }

  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    std::vector<inet_diag_bc_op> code = operations_;
    for (const auto& [at, target] : jumps_) {
      // Beyond the end by one operation is how a program says no.
      const std::size_t goal = target == kReject ? code.size() + 1 : target;
      code[at].no = static_cast<unsigned short>((goal - at) * sizeof(inet_diag_bc_op));
    }
    const auto* first = reinterpret_cast<const std::uint8_t*>(code.data());
    return {first, first + code.size() * sizeof(inet_diag_bc_op)};
  }

 private:
  static constexpr std::size_t kReject = static_cast<std::size_t>(-1);

  void operation(std::uint8_t code, std::uint8_t yes, std::size_t no) {
    jumps_.emplace_back(operations_.size(), no);
    operations_.push_back({code, yes, 0});
  }
  void compare(std::uint8_t code, std::uint16_t port, std::size_t no) {
    operation(code, 2 * sizeof(inet_diag_bc_op), no);
    operations_.push_back({0, 0, port});
  }

  std::vector<inet_diag_bc_op> operations_;
  std::vector<std::pair<std::size_t, std::size_t>> jumps_;
};

NetlinkRequest request_for(const SocketQuery& query) {
  const std::vector<std::uint8_t> filter = port_filter(query);
  const auto finish = [&](NetlinkRequest& request) {
    if (!filter.empty()) request.add(INET_DIAG_REQ_BYTECODE, filter);
  };
  if (query.protocol == facts::Transport::tcp && query.family == Family::none) {
    // The elder request knows both families at once: one walk of the kernel's table instead of two.
    NetlinkRequest request(TCPDIAG_GETSOCK, 0);
    auto& header = request.header<inet_diag_req>();
    header.idiag_ext = extensions_of(query);
    header.idiag_states = query.states;
    finish(request);
    return request;
  }
  NetlinkRequest request(SOCK_DIAG_BY_FAMILY, 0);
  auto& header = request.header<inet_diag_req_v2>();
  header.sdiag_family = query.family == Family::ipv6 ? AF_INET6 : AF_INET;
  header.sdiag_protocol = query.protocol == facts::Transport::tcp ? IPPROTO_TCP : IPPROTO_UDP;
  header.idiag_ext = extensions_of(query);
  header.idiag_states = query.states;
  finish(request);
  return request;
}

}  // namespace

std::vector<std::uint8_t> port_filter(const SocketQuery& query) {
  FilterProgram program;
  const auto usable = [](const auto& ports) { return ports && !ports->empty() && ports->size() <= kLargestFilter; };
  if (usable(query.local_ports)) program.add(INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE, *query.local_ports);
  if (usable(query.remote_ports)) program.add(INET_DIAG_BC_D_GE, INET_DIAG_BC_D_LE, *query.remote_ports);
  return program.bytes();
}

Result<DiagSocket> parse_socket(const nlmsghdr& message) {
  const auto malformed = [] {
    return unexpected(make_error(ErrorCode::failed, "sock_diag dump", {}, "malformed answer"));
  };
  const auto* fixed = header_of<inet_diag_msg>(message);
  if (fixed == nullptr || (fixed->idiag_family != AF_INET && fixed->idiag_family != AF_INET6)) return malformed();
  std::array<std::span<const std::uint8_t>, kAttributes> attributes;
  if (!parse_attributes(attributes_of(message, sizeof(inet_diag_msg)), attributes)) return malformed();

  DiagSocket socket;
  socket.state = static_cast<facts::SocketState>(fixed->idiag_state);
  socket.timer = static_cast<facts::SocketTimer>(fixed->idiag_timer);
  socket.retransmits = fixed->idiag_retrans;
  socket.local_port = ntohs(fixed->id.idiag_sport);
  socket.remote_port = ntohs(fixed->id.idiag_dport);
  socket.local = address_of(fixed->idiag_family, fixed->id.idiag_src);
  socket.remote = address_of(fixed->idiag_family, fixed->id.idiag_dst);
  socket.ifindex = fixed->id.idiag_if;
  socket.cookie = std::uint64_t{fixed->id.idiag_cookie[1]} << 32 | fixed->id.idiag_cookie[0];
  socket.timer_ms = fixed->idiag_expires;
  socket.rqueue = fixed->idiag_rqueue;
  socket.wqueue = fixed->idiag_wqueue;
  socket.uid = fixed->idiag_uid;
  socket.inode = fixed->idiag_inode;
  socket.tcp_info = attributes[INET_DIAG_INFO];
  socket.memory = attributes[INET_DIAG_SKMEMINFO];
  socket.congestion = read_text(attributes[INET_DIAG_CONG]);
  const auto byte = [&](int attribute) -> std::optional<std::uint8_t> {
    const auto payload = attributes[static_cast<std::size_t>(attribute)];
    if (payload.empty()) return std::nullopt;
    return payload[0];
  };
  socket.tos = fixed->idiag_family == AF_INET6 && byte(INET_DIAG_TCLASS) ? byte(INET_DIAG_TCLASS) : byte(INET_DIAG_TOS);
  socket.shutdown = byte(INET_DIAG_SHUTDOWN);
  if (const auto only = byte(INET_DIAG_SKV6ONLY)) socket.v6only = *only != 0;
  if (attributes[INET_DIAG_MARK].size() >= sizeof(std::uint32_t)) {
    socket.mark = read_number<std::uint32_t>(attributes[INET_DIAG_MARK]);
  }
  if (attributes[INET_DIAG_CGROUP_ID].size() >= sizeof(std::uint64_t)) {
    socket.cgroup_id = read_number<std::uint64_t>(attributes[INET_DIAG_CGROUP_ID]);
  }
  return socket;
}

Result<NetlinkSocket> open_sock_diag() {
  return NetlinkSocket::open(NETLINK_SOCK_DIAG);
}

Result<void> dump_sockets(NetlinkSocket& netlink, const SocketQuery& query, const SocketHandler& handler,
                          const std::function<void()>& restart) {
  const std::string_view protocol = name_of(query.protocol);
  NetlinkRequest request = request_for(query);
  const auto handle = [&](const nlmsghdr& message) -> Result<void> {
    auto parsed = parse_socket(message);
    if (!parsed) return unexpected(parsed.error());
    handler(*parsed);
    return {};
  };
  auto dumped = netlink.dump(request, "sock_diag dump of " + std::string(protocol), handle, restart);
  if (!dumped && (dumped.error().sys_errno == ENOENT || dumped.error().sys_errno == EOPNOTSUPP)) {
    return unexpected(make_error(ErrorCode::unsupported, dumped.error().operation, {},
                                 "this kernel has no " + std::string(protocol) + "_diag"));
  }
  return dumped;
}

void copy_tcp_info(std::span<const std::uint8_t> payload, facts::ConnectionInfo& to) {
  to.bytes = std::min(payload.size(), sizeof to.tcp);
  if (to.bytes > 0) std::memcpy(&to.tcp, payload.data(), to.bytes);
}

void copy_memory(std::span<const std::uint8_t> payload, facts::SocketMemory& to) {
  to.count = static_cast<std::uint32_t>(std::min(payload.size() / sizeof(std::uint32_t), to.value.size()));
  if (to.count > 0) std::memcpy(to.value.data(), payload.data(), to.count * sizeof(std::uint32_t));
}

std::string interface_name(std::uint32_t ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  return if_indextoname(ifindex, name.data()) == nullptr ? std::string{} : std::string(name.data());
}

}  // namespace hostcheck::kernel
