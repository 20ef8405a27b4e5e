#include "core/facts/socket.h"

namespace hostcheck::facts {

std::string_view name_of(Transport transport) {
  return transport == Transport::tcp ? "tcp" : "udp";
}

std::string_view name_of(SocketState state) {
  switch (state) {
    case SocketState::none:
      return "";
    case SocketState::established:
      return "ESTABLISHED";
    case SocketState::syn_sent:
      return "SYN_SENT";
    case SocketState::syn_recv:
    case SocketState::new_syn_recv:
      return "SYN_RECV";
    case SocketState::fin_wait1:
      return "FIN_WAIT1";
    case SocketState::fin_wait2:
      return "FIN_WAIT2";
    case SocketState::time_wait:
      return "TIME_WAIT";
    case SocketState::close:
      return "CLOSE";
    case SocketState::close_wait:
      return "CLOSE_WAIT";
    case SocketState::last_ack:
      return "LAST_ACK";
    case SocketState::listen:
      return "LISTEN";
    case SocketState::closing:
      return "CLOSING";
    case SocketState::udp_connected:
      return "CONNECTED";
    case SocketState::udp_unconnected:
      return "UNCONNECTED";
  }
  return "";
}

std::string_view name_of(SocketTimer timer) {
  switch (timer) {
    case SocketTimer::off:
      return "off";
    case SocketTimer::retransmit:
      return "on";
    case SocketTimer::keepalive:
      return "keepalive";
    case SocketTimer::time_wait:
      return "timewait";
    case SocketTimer::persist:
      return "persist";
  }
  return "";
}

std::string_view name_of(CongestionState state) {
  switch (state) {
    case CongestionState::open:
      return "open";
    case CongestionState::disorder:
      return "disorder";
    case CongestionState::cwr:
      return "cwr";
    case CongestionState::recovery:
      return "recovery";
    case CongestionState::loss:
      return "loss";
  }
  return "";
}

namespace {

template <typename Row>
Cell owner_pid(const Row& row, std::string&) {
  return row.owner == nullptr ? Cell{} : integer_cell(row.owner->pid);
}
template <typename Row, auto Member>
Cell owner_text(const Row& row, std::string& scratch) {
  return row.owner == nullptr ? Cell{} : member_cell(row.owner->*Member, scratch);
}

template <typename Row>
TableBuilder<Row>& owner_columns(TableBuilder<Row>& builder) {
  return builder
      .template computed<&owner_pid<Row>>(
          "pid", Type::integer, "", "/proc/PID/fd",
          "Process that holds the socket (the lowest that was found); NULL: none, e.g. not "
          "accepted yet or closed already")
      .template computed<&owner_text<Row, &SocketOwner::process>>("process", Type::text, "", "/proc/PID/comm",
                                                                  "Name of that process")
      .template computed<&owner_text<Row, &SocketOwner::command>>("command", Type::text, "", "/proc/PID/cmdline",
                                                                  "Its command line, at most 256 bytes")
      .template computed<&owner_text<Row, &SocketOwner::cgroup>>("cgroup", Type::text, "", "/proc/PID/cgroup",
                                                                 "Its control group");
}

}  // namespace

const TableInfo& Listener::table() {
  static const TableInfo info = [] {
    TableBuilder<Listener> builder("listeners", "TCP sockets that wait for connections");
    builder.key<&Listener::netns>("netns", "", "--netns", "Network namespace")
        .key<&Listener::cookie>("cookie", "", "inet_diag_sockid.idiag_cookie", "Identity of the socket")
        .column<&Listener::family>("family", "", "inet_diag_msg.idiag_family", "inet or inet6")
        .column<&Listener::protocol>("protocol", "", "inet_diag_req_v2.sdiag_protocol", "tcp")
        .column<&Listener::address>("address", "", "inet_diag_sockid.idiag_src",
                                    "Address it listens on; 0.0.0.0 or :: for any")
        .column<&Listener::port>("port", "", "inet_diag_sockid.idiag_sport", "Port it listens on")
        .column<&Listener::ifname>("ifname", "", "inet_diag_sockid.idiag_if", "Device it is bound to; NULL: none")
        .column<&Listener::ifindex>("ifindex", "", "inet_diag_sockid.idiag_if", "Number of that device; 0: none")
        .column<&Listener::inode>("inode", "", "inet_diag_msg.idiag_inode", "Inode in sockfs")
        .column<&Listener::uid>("uid", "", "inet_diag_msg.idiag_uid", "User that made the socket")
        .column<&Listener::accept_queue>("accept_queue", "connections", "inet_diag_msg.idiag_rqueue (sk_ack_backlog)",
                                         "Connections that wait for accept(2)")
        .column<&Listener::accept_limit>(
            "accept_limit", "connections", "inet_diag_msg.idiag_wqueue (sk_max_ack_backlog)",
            "Limit of the accept queue: the smaller of listen(2)'s backlog and somaxconn; the queue "
            "is full, and connections are turned away, when it holds one more")
        .column<&Listener::sharing>(
            "sharing", "sockets", "sock_diag dump",
            "Listeners with this address, port and device (SO_REUSEPORT), itself among them. half_open, "
            "unaccepted and oldest_unaccepted_ms are those of all of them together")
        .column<&Listener::half_open>("half_open", "connections", "sock_diag dump, SYN_RECV",
                                      "Handshakes that wait for the client's last ACK")
        .column<&Listener::unaccepted>("unaccepted", "connections", "sock_diag dump, inode 0",
                                       "Connections in the accept queue, counted one by one")
        .column<&Listener::abandoned>("abandoned", "connections", "sock_diag dump, inode 0, CLOSE_WAIT",
                                      "Of those, the ones whose client has closed its end already: nobody waits there")
        .column<&Listener::oldest_unaccepted_ms>(
            "oldest_unaccepted_ms", "ms", "tcp_info.tcpi_last_data_recv of those",
            "The longest time that one of them has neither been accepted nor sent data")
        .counter<&Listener::oldest_unaccepted>(
            "oldest_unaccepted", "", "inet_diag_sockid.idiag_cookie of those",
            "Sum of the identities of those that wait longest (within 1 s): a delta of 0 says that none of "
            "them was accepted")
        .counter<&Listener::drops>("drops", "packets", "INET_DIAG_SKMEMINFO SK_MEMINFO_DROPS",
                                   "Packets that it turned away: 1 for a refused SYN, 2 for a refused last ACK")
        .column<&Listener::v6only>("v6only", "", "INET_DIAG_SKV6ONLY",
                                   "Takes no IPv4 connections; NULL for IPv4 sockets")
        .column<&Listener::mark>("mark", "", "INET_DIAG_MARK", "SO_MARK; NULL without CAP_NET_ADMIN")
        .column<&Listener::cgroup_id>("cgroup_id", "", "INET_DIAG_CGROUP_ID", "Identity of the socket's control group")
        .column<&Listener::owners>(
            "owners", "processes", "/proc/PID/fd",
            "Processes that hold the socket among their first 64 descriptors, or 1 that holds it further on");
    return owner_columns(builder).build();
  }();
  return info;
}

const TableInfo& UdpSocket::table() {
  static const TableInfo info = [] {
    TableBuilder<UdpSocket> builder("udp_sockets", "UDP sockets");
    builder.key<&UdpSocket::netns>("netns", "", "--netns", "Network namespace")
        .key<&UdpSocket::cookie>("cookie", "", "inet_diag_sockid.idiag_cookie", "Identity of the socket")
        .computed<[](const UdpSocket& row, std::string&) { return text_cell(name_of(row.local.family())); }>(
            "family", Type::text, "", "inet_diag_msg.idiag_family", "inet or inet6")
        .column<&UdpSocket::local>("local", "", "inet_diag_sockid.idiag_src", "Local address; 0.0.0.0 or :: for any")
        .column<&UdpSocket::local_port>("local_port", "", "inet_diag_sockid.idiag_sport", "Local port")
        .column<&UdpSocket::remote>("remote", "", "inet_diag_sockid.idiag_dst",
                                    "Peer; 0.0.0.0 or :: where not connected")
        .column<&UdpSocket::remote_port>("remote_port", "", "inet_diag_sockid.idiag_dport",
                                         "Peer's port; 0 where not connected")
        .column<&UdpSocket::state>("state", "", "inet_diag_msg.idiag_state", "CONNECTED or UNCONNECTED")
        .column<&UdpSocket::ifindex>("ifindex", "", "inet_diag_sockid.idiag_if", "Device it is bound to; 0: none")
        .column<&UdpSocket::inode>("inode", "", "inet_diag_msg.idiag_inode", "Inode in sockfs")
        .column<&UdpSocket::uid>("uid", "", "inet_diag_msg.idiag_uid", "User that made the socket")
        .column<&UdpSocket::rx_queue>("rx_queue", "bytes", "inet_diag_msg.idiag_rqueue",
                                      "Memory of datagrams that wait to be read")
        .column<&UdpSocket::tx_queue>("tx_queue", "bytes", "inet_diag_msg.idiag_wqueue",
                                      "Memory of datagrams not yet sent")
        .column<&UdpSocket::rcvbuf>("rcvbuf", "bytes", "INET_DIAG_SKMEMINFO SK_MEMINFO_RCVBUF",
                                    "Limit of the receive queue")
        .column<&UdpSocket::sndbuf>("sndbuf", "bytes", "INET_DIAG_SKMEMINFO SK_MEMINFO_SNDBUF",
                                    "Limit of the send queue")
        .counter<&UdpSocket::drops>("drops", "datagrams", "INET_DIAG_SKMEMINFO SK_MEMINFO_DROPS",
                                    "Datagrams dropped at this socket, most for a full receive queue")
        .column<&UdpSocket::mark>("mark", "", "INET_DIAG_MARK", "SO_MARK; NULL without CAP_NET_ADMIN")
        .column<&UdpSocket::cgroup_id>("cgroup_id", "", "INET_DIAG_CGROUP_ID",
                                       "Identity of the socket's control group");
    return owner_columns(builder).build();
  }();
  return info;
}

const TableInfo& SocketSummary::table() {
  static const TableInfo info =
      TableBuilder<SocketSummary>("socket_summary",
                                  "Number of sockets by protocol, family and state; only what there is")
          .key<&SocketSummary::netns>("netns", "", "--netns", "Network namespace")
          .key<&SocketSummary::family>("family", "", "inet_diag_msg.idiag_family", "inet or inet6")
          .key<&SocketSummary::protocol>("protocol", "", "inet_diag_req_v2.sdiag_protocol", "tcp or udp")
          .key<&SocketSummary::state>("state", "", "inet_diag_msg.idiag_state",
                                      "As in connections and udp_sockets; LISTEN for listeners")
          .column<&SocketSummary::sockets>("sockets", "sockets", "counted in the dump", "How many there are")
          .build();
  return info;
}

}  // namespace hostcheck::facts
