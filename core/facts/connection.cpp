// The table connections: its own file because it has many columns.
#include <cstddef>

#include "core/facts/socket.h"

namespace hostcheck::facts {
namespace {

using Row = Connection;

// The field of the row's tcp_info; nullptr when the row has none or the kernel's ends before it.
template <auto Member>
const auto* field(const Row& row) {
  using Number = std::remove_cvref_t<decltype(std::declval<TcpInfo>().*Member)>;
  if (row.info == nullptr) return static_cast<const Number*>(nullptr);
  const Number* number = &(row.info->tcp.*Member);
  const auto end = reinterpret_cast<const std::byte*>(number + 1) - reinterpret_cast<const std::byte*>(&row.info->tcp);
  return row.info->bytes < static_cast<std::size_t>(end) ? nullptr : number;
}

template <auto Member>
Cell tcp(const Row& row, std::string& scratch) {
  const auto* number = field<Member>(row);
  return number == nullptr ? Cell{} : member_cell(*number, scratch);
}

// For fields in which 0 says that nothing has been measured yet.
template <auto Member>
Cell measured(const Row& row, std::string& scratch) {
  const auto* number = field<Member>(row);
  return number == nullptr || *number == 0 ? Cell{} : member_cell(*number, scratch);
}

// Before the first sample the deviation holds the initial time-out, which nobody measured.
Cell rttvar(const Row& row, std::string& scratch) {
  return measured<&TcpInfo::rtt>(row, scratch).kind == Cell::Kind::null ? Cell{} : tcp<&TcpInfo::rttvar>(row, scratch);
}

// For fields in which the largest value says that there is none or no limit.
template <auto Member>
Cell limited(const Row& row, std::string& scratch) {
  const auto* number = field<Member>(row);
  return number == nullptr || *number == std::numeric_limits<std::remove_cvref_t<decltype(*number)>>::max()
             ? Cell{}
             : member_cell(*number, scratch);
}

// Ages: before the first answer the kernel counts them from a moment that means nothing.
template <auto Member>
Cell age(const Row& row, std::string& scratch) {
  return row.state == SocketState::syn_sent || row.state == SocketState::close ? Cell{} : tcp<Member>(row, scratch);
}

Cell family(const Row& row, std::string&) {
  return text_cell(name_of(row.local.family()));
}
Cell mark(const Row& row, std::string&) {
  return row.has_mark ? integer_cell(row.mark) : Cell{};
}
Cell cgroup_id(const Row& row, std::string& scratch) {
  return row.cgroup_id == 0 ? Cell{} : member_cell(row.cgroup_id, scratch);
}
Cell tos(const Row& row, std::string&) {
  return row.tos < 0 ? Cell{} : integer_cell(row.tos);
}

Cell shutdown_text(const Row& row, std::string&) {
  static constexpr std::array<std::string_view, 4> kNames = {"none", "receive", "send", "both"};
  return row.shutdown < 0 ? Cell{} : text_cell(kNames[static_cast<std::size_t>(row.shutdown & 3)]);
}

Cell ca_state(const Row& row, std::string&) {
  const auto* state = field<&TcpInfo::ca_state>(row);
  const std::string_view name = state == nullptr ? "" : name_of(static_cast<CongestionState>(*state));
  return name.empty() ? Cell{} : text_cell(name);
}

Cell ssthresh(const Row& row, std::string&) {
  constexpr std::uint32_t kInfinite = 0x7fffffff;  // include/net/tcp.h TCP_INFINITE_SSTHRESH
  const auto* number = field<&TcpInfo::snd_ssthresh>(row);
  return number == nullptr || *number >= kInfinite ? Cell{} : integer_cell(*number);
}

Cell options(const Row& row, std::string& scratch) {
  // TCPI_OPT_*, in the order of their bits.
  static constexpr std::array<std::string_view, 8> kNames = {"ts",      "sack",     "wscale",  "ecn",
                                                             "ecnseen", "fastopen", "usec_ts", "fastopen_child"};
  const auto* bits = field<&TcpInfo::options>(row);
  if (bits == nullptr) return {};
  scratch.clear();
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    if ((*bits >> bit & 1) == 0) continue;
    if (!scratch.empty()) scratch += ' ';
    scratch += kNames[bit];
  }
  return text_cell(scratch);
}

template <unsigned Shift>
Cell wscale(const Row& row, std::string&) {
  constexpr std::uint8_t kWscale = 4;  // TCPI_OPT_WSCALE
  const auto* bits = field<&TcpInfo::wscale>(row);
  if (bits == nullptr) return {};
  return integer_cell((row.info->tcp.options & kWscale) == 0 ? -1 : *bits >> Shift & 15);
}

Cell app_limited(const Row& row, std::string&) {
  const auto* bits = field<&TcpInfo::flags>(row);
  return bits == nullptr ? Cell{} : integer_cell(*bits & 1);
}

template <SocketMemory::Field Field>
Cell memory(const Row& row, std::string&) {
  return row.memory == nullptr || row.memory->count <= Field ? Cell{} : integer_cell(row.memory->value[Field]);
}

template <ConnectionCounters::Field Field>
Counter* counter(Row& row) {
  if (row.counters == nullptr) return nullptr;
  auto& counted = row.counters->value[Field];
  return counted ? &*counted : nullptr;
}

Cell owner_pid(const Row& row, std::string&) {
  return row.owner == nullptr ? Cell{} : integer_cell(row.owner->pid);
}
template <auto Member>
Cell owner_text(const Row& row, std::string& scratch) {
  return row.owner == nullptr ? Cell{} : member_cell(row.owner->*Member, scratch);
}

using Builder = TableBuilder<Row>;
constexpr Type kInt = Type::integer;
constexpr Type kText = Type::text;

void add_identity(Builder& builder) {
  builder.key<&Row::netns>("netns", "", "--netns", "Network namespace")
      .key<&Row::cookie>("cookie", "", "inet_diag_sockid.idiag_cookie", "Identity of the socket")
      .computed<&family>("family", kText, "", "inet_diag_msg.idiag_family", "inet or inet6")
      .column<&Row::state>(
          "state", "", "inet_diag_msg.idiag_state",
          "ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK or "
          "CLOSING")
      .column<&Row::local>("local", "", "inet_diag_sockid.idiag_src", "Local address")
      .column<&Row::local_port>("local_port", "", "inet_diag_sockid.idiag_sport", "Local port")
      .column<&Row::remote>("remote", "", "inet_diag_sockid.idiag_dst", "Peer's address")
      .column<&Row::remote_port>("remote_port", "", "inet_diag_sockid.idiag_dport", "Peer's port")
      .column<&Row::ifindex>("ifindex", "", "inet_diag_sockid.idiag_if", "Device the socket is bound to; 0: none")
      .column<&Row::inode>("inode", "", "inet_diag_msg.idiag_inode",
                           "Inode in sockfs; 0: no process holds it (not accepted yet, or closed already)")
      .column<&Row::uid>("uid", "", "inet_diag_msg.idiag_uid", "User that made the socket")
      .column<&Row::rx_queue>("rx_queue", "bytes", "inet_diag_msg.idiag_rqueue", "Bytes received that nobody has read")
      .column<&Row::tx_queue>("tx_queue", "bytes", "inet_diag_msg.idiag_wqueue",
                              "Bytes sent or to be sent, not acknowledged")
      .column<&Row::timer>(
          "timer", "", "inet_diag_msg.idiag_timer",
          "Timer that runs: off, on (retransmission or loss probe), keepalive, timewait, persist (zero window)")
      .column<&Row::timer_ms>("timer_ms", "ms", "inet_diag_msg.idiag_expires", "Time until it fires")
      .column<&Row::retransmits_now>(
          "retransmits_now", "", "inet_diag_msg.idiag_retrans",
          "Retransmissions in a row without an answer (SYNs in SYN_SENT, SYN-ACKs in SYN_RECV); "
          "probes where the timer is keepalive or persist")
      .computed<&mark>("mark", kInt, "", "INET_DIAG_MARK", "SO_MARK; NULL without CAP_NET_ADMIN")
      .computed<&cgroup_id>("cgroup_id", kInt, "", "INET_DIAG_CGROUP_ID", "Identity of the socket's control group")
      .computed<&tos>("tos", kInt, "", "INET_DIAG_TOS, INET_DIAG_TCLASS", "Type of service (IPv6: traffic class)")
      .computed<&shutdown_text>("shutdown", kText, "", "INET_DIAG_SHUTDOWN",
                                "Ended halves: none, receive, send or both");
}

void add_path(Builder& builder) {
  builder
      .computed<&measured<&TcpInfo::rtt>>("rtt_us", kInt, "us", "tcpi_rtt",
                                          "Smoothed round-trip time; NULL: not measured yet")
      .computed<&rttvar>("rttvar_us", kInt, "us", "tcpi_rttvar", "Its mean deviation")
      .computed<&limited<&TcpInfo::min_rtt>>("min_rtt_us", kInt, "us", "tcpi_min_rtt",
                                             "Smallest round-trip time of the last minutes; NULL: not measured yet")
      .computed<&tcp<&TcpInfo::rto>>("rto_us", kInt, "us", "tcpi_rto", "Retransmission time-out")
      .computed<&tcp<&TcpInfo::backoff>>("backoff", kInt, "", "tcpi_backoff", "How often the time-out has been doubled")
      .computed<&tcp<&TcpInfo::probes>>("probes", kInt, "", "tcpi_probes", "Unanswered zero-window or keepalive probes")
      .computed<&tcp<&TcpInfo::snd_mss>>("mss", kInt, "bytes", "tcpi_snd_mss", "Largest segment it sends")
      .computed<&tcp<&TcpInfo::rcv_mss>>("rcv_mss", kInt, "bytes", "tcpi_rcv_mss",
                                         "Estimate of the largest segment it gets")
      .computed<&tcp<&TcpInfo::advmss>>("advmss", kInt, "bytes", "tcpi_advmss", "MSS it announced")
      .computed<&tcp<&TcpInfo::pmtu>>("pmtu", kInt, "bytes", "tcpi_pmtu", "Path MTU it believes in")
      .computed<&options>("options", kText, "", "tcpi_options",
                          "Agreed options, of: ts sack wscale ecn ecnseen fastopen usec_ts fastopen_child")
      .computed<&wscale<0>>("wscale_snd", kInt, "", "tcpi_snd_wscale",
                            "Window shift of the peer; -1: no window scaling")
      .computed<&wscale<4>>("wscale_rcv", kInt, "", "tcpi_rcv_wscale", "Own window shift; -1: no window scaling");
}

void add_congestion(Builder& builder) {
  builder.column<&Row::congestion>("congestion", "", "INET_DIAG_CONG", "Congestion control algorithm")
      .computed<&ca_state>("ca_state", kText, "", "tcpi_ca_state", "open, disorder, cwr, recovery or loss")
      .computed<&tcp<&TcpInfo::snd_cwnd>>("snd_cwnd", kInt, "segments", "tcpi_snd_cwnd", "Congestion window")
      .computed<&ssthresh>("snd_ssthresh", kInt, "segments", "tcpi_snd_ssthresh",
                           "Slow start threshold; NULL: infinite, no loss yet")
      .computed<&tcp<&TcpInfo::unacked>>("unacked", kInt, "segments", "tcpi_unacked", "Segments under way")
      .computed<&tcp<&TcpInfo::sacked>>("sacked", kInt, "segments", "tcpi_sacked", "Of these, selectively acknowledged")
      .computed<&tcp<&TcpInfo::lost>>("lost", kInt, "segments", "tcpi_lost", "Of these, taken for lost")
      .computed<&tcp<&TcpInfo::retrans>>("retrans_out", kInt, "segments", "tcpi_retrans", "Of these, retransmitted")
      .computed<&tcp<&TcpInfo::reordering>>("reordering", kInt, "segments", "tcpi_reordering",
                                            "Reordering it allows for")
      .computed<&tcp<&TcpInfo::reord_seen>>("reord_seen", kInt, "events", "tcpi_reord_seen", "Reordering seen")
      .computed<&tcp<&TcpInfo::dsack_dups>>("dsack_dups", kInt, "segments", "tcpi_dsack_dups",
                                            "Segments that the peer says it got twice")
      .computed<&tcp<&TcpInfo::rcv_ooopack>>("rcv_ooopack", kInt, "segments", "tcpi_rcv_ooopack",
                                             "Received out of order")
      .computed<&tcp<&TcpInfo::delivered>>("delivered", kInt, "segments", "tcpi_delivered", "Segments acknowledged")
      .computed<&tcp<&TcpInfo::delivered_ce>>("delivered_ce", kInt, "segments", "tcpi_delivered_ce",
                                              "Of these, with a congestion mark")
      .computed<&measured<&TcpInfo::delivery_rate>>("delivery_rate_bps", kInt, "bytes/s", "tcpi_delivery_rate",
                                                    "Latest rate of delivery; NULL: not measured yet")
      .computed<&limited<&TcpInfo::pacing_rate>>("pacing_rate", kInt, "bytes/s", "tcpi_pacing_rate",
                                                 "Pacing rate; NULL: unlimited")
      .computed<&app_limited>("app_limited", Type::boolean, "", "tcpi_delivery_rate_app_limited",
                              "That rate was limited by the application");
}

void add_windows(Builder& builder) {
  builder.computed<&tcp<&TcpInfo::snd_wnd>>("snd_wnd", kInt, "bytes", "tcpi_snd_wnd", "Receive window of the peer")
      .computed<&tcp<&TcpInfo::rcv_wnd>>("rcv_wnd", kInt, "bytes", "tcpi_rcv_wnd", "Own receive window, as announced")
      .computed<&tcp<&TcpInfo::rcv_ssthresh>>("rcv_ssthresh", kInt, "bytes", "tcpi_rcv_ssthresh",
                                              "Largest it would announce")
      .computed<&tcp<&TcpInfo::rcv_space>>("rcv_space", kInt, "bytes", "tcpi_rcv_space",
                                           "What the application read in a round trip")
      .computed<&measured<&TcpInfo::rcv_rtt>>("rcv_rtt_us", kInt, "us", "tcpi_rcv_rtt",
                                              "Receiver's round-trip time; NULL: not measured yet")
      .computed<&tcp<&TcpInfo::notsent_bytes>>("notsent_bytes", kInt, "bytes", "tcpi_notsent_bytes",
                                               "Not sent for the first time yet")
      .computed<&age<&TcpInfo::last_data_sent>>("last_data_sent_ms", kInt, "ms", "tcpi_last_data_sent",
                                                "Time since data was sent")
      .computed<&age<&TcpInfo::last_data_recv>>("last_data_recv_ms", kInt, "ms", "tcpi_last_data_recv",
                                                "Time since data was received; since it was made where there was none")
      .computed<&age<&TcpInfo::last_ack_recv>>("last_ack_recv_ms", kInt, "ms", "tcpi_last_ack_recv",
                                               "Time since an acknowledgement was received");
}

void add_memory(Builder& builder) {
  using M = SocketMemory;
  builder
      .computed<&memory<M::rmem_alloc>>("rmem_alloc", kInt, "bytes", "SK_MEMINFO_RMEM_ALLOC",
                                        "Memory of the receive queue")
      .computed<&memory<M::rcvbuf>>("rcvbuf", kInt, "bytes", "SK_MEMINFO_RCVBUF", "Its limit")
      .computed<&memory<M::wmem_alloc>>("wmem_alloc", kInt, "bytes", "SK_MEMINFO_WMEM_ALLOC",
                                        "Memory handed to the device queue")
      .computed<&memory<M::sndbuf>>("sndbuf", kInt, "bytes", "SK_MEMINFO_SNDBUF", "Limit of the send queue")
      .computed<&memory<M::fwd_alloc>>("fwd_alloc", kInt, "bytes", "SK_MEMINFO_FWD_ALLOC", "Memory kept in reserve")
      .computed<&memory<M::wmem_queued>>("wmem_queued", kInt, "bytes", "SK_MEMINFO_WMEM_QUEUED",
                                         "Memory of the send queue")
      .computed<&memory<M::optmem>>("optmem", kInt, "bytes", "SK_MEMINFO_OPTMEM", "Memory of options")
      .computed<&memory<M::backlog>>("backlog", kInt, "bytes", "SK_MEMINFO_BACKLOG",
                                     "Memory of packets that came while the socket was in use");
}

void add_counters(Builder& builder) {
  using C = ConnectionCounters;
  builder
      .counter_from<&tcp<&TcpInfo::total_retrans>, &counter<C::retransmits>>(
          "retransmits", "segments", "tcpi_total_retrans", "Segments retransmitted")
      .counter_from<&tcp<&TcpInfo::segs_out>, &counter<C::segs_out>>("segs_out", "segments", "tcpi_segs_out",
                                                                     "Segments sent")
      .counter_from<&tcp<&TcpInfo::segs_in>, &counter<C::segs_in>>("segs_in", "segments", "tcpi_segs_in",
                                                                   "Segments received")
      .counter_from<&tcp<&TcpInfo::data_segs_out>, &counter<C::data_segs_out>>(
          "data_segs_out", "segments", "tcpi_data_segs_out", "Of these with data")
      .counter_from<&tcp<&TcpInfo::data_segs_in>, &counter<C::data_segs_in>>(
          "data_segs_in", "segments", "tcpi_data_segs_in", "Segments received with data")
      .counter_from<&tcp<&TcpInfo::bytes_sent>, &counter<C::bytes_sent>>("bytes_sent", "bytes", "tcpi_bytes_sent",
                                                                         "Bytes sent, repetitions too")
      .counter_from<&tcp<&TcpInfo::bytes_acked>, &counter<C::bytes_acked>>("bytes_acked", "bytes", "tcpi_bytes_acked",
                                                                           "Bytes that the peer acknowledged")
      .counter_from<&tcp<&TcpInfo::bytes_received>, &counter<C::bytes_received>>(
          "bytes_received", "bytes", "tcpi_bytes_received", "Bytes received")
      .counter_from<&tcp<&TcpInfo::bytes_retrans>, &counter<C::bytes_retrans>>(
          "bytes_retrans", "bytes", "tcpi_bytes_retrans", "Bytes retransmitted")
      .counter_from<&tcp<&TcpInfo::busy_time>, &counter<C::busy_time>>("busy_time_us", "us", "tcpi_busy_time",
                                                                       "Time with data to send or under way")
      .counter_from<&tcp<&TcpInfo::rwnd_limited>, &counter<C::rwnd_limited>>(
          "rwnd_limited_us", "us", "tcpi_rwnd_limited", "Of this, stopped by the peer's receive window")
      .counter_from<&tcp<&TcpInfo::sndbuf_limited>, &counter<C::sndbuf_limited>>(
          "sndbuf_limited_us", "us", "tcpi_sndbuf_limited", "Of this, stopped by the own send buffer")
      .counter_from<&memory<SocketMemory::drops>, &counter<C::drops>>("drops", "packets", "SK_MEMINFO_DROPS",
                                                                      "Packets dropped at this socket");
}

}  // namespace

const TableInfo& Connection::table() {
  static const TableInfo info = [] {
    Builder builder("connections",
                    "TCP sockets that do not listen. tcp_info columns are NULL in TIME_WAIT, SYN_RECV and a FIN_WAIT2 "
                    "that no process holds, and "
                    "where this kernel's tcp_info is older than the field");
    add_identity(builder);
    add_path(builder);
    add_congestion(builder);
    add_windows(builder);
    add_memory(builder);
    add_counters(builder);
    return builder.computed<&owner_pid>("pid", kInt, "", "/proc/PID/fd", "Process that holds the socket; NULL: none")
        .computed<&owner_text<&SocketOwner::process>>("process", kText, "", "/proc/PID/comm", "Name of that process")
        .computed<&owner_text<&SocketOwner::command>>("command", kText, "", "/proc/PID/cmdline", "Its command line")
        .computed<&owner_text<&SocketOwner::cgroup>>("cgroup", kText, "", "/proc/PID/cgroup", "Its control group")
        .build();
  }();
  return info;
}

}  // namespace hostcheck::facts
