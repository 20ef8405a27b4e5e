#include "core/gather/socket.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/facts/cgroup.h"
#include "core/facts/process.h"
#include "core/facts/socket.h"
#include "core/gather/socket_owners.h"
#include "core/gather/socket_plan.h"
#include "core/gather/socket_rows.h"
#include "core/gather/socket_waiting.h"
#include "core/kernel/netlink.h"

namespace hostcheck::gather {
namespace {

using facts::SocketState;
using facts::Transport;
using kernel::DiagSocket;
using kernel::state_bit;

constexpr std::size_t kStates = 40;
constexpr std::array<std::string_view, 6> kTables = {"listeners",      "connections", "udp_sockets",
                                                     "socket_summary", "processes",   "cgroups"};

class Gathering {
 public:
  explicit Gathering(const Task& task)
      : task_(task), plan_(plan_sockets(task.request)), netns_(task.out.intern(task.netns.name)) {
    // A table that was asked for exists, even when there are no rows.
    if (task.asked("listeners") != nullptr) begin_.listeners = task.out.rows<facts::Listener>().size();
    if (task.asked("connections") != nullptr) {
      connections_ = &task.out.rows<facts::Connection>();
      begin_.connections = connections_->size();
    }
    if (task.asked("udp_sockets") != nullptr) {
      udp_ = &task.out.rows<facts::UdpSocket>();
      begin_.udp = udp_->size();
    }
    if (task.asked("socket_summary") != nullptr) (void)task.out.rows<facts::SocketSummary>();
    if (task.asked("processes") != nullptr) (void)task.out.rows<facts::Process>();
    if (task.asked("cgroups") != nullptr) (void)task.out.rows<facts::Cgroup>();
  }

  void run() {
    auto netlink = kernel::open_sock_diag();
    if (!netlink) {
      for (const std::string_view table : kTables) {
        if (task_.asked(table) != nullptr) task_.out.add_absence(table, task_.netns.name, netlink.error());
      }
      return;
    }
    for (const kernel::SocketQuery& query : plan_.dumps) dump(*netlink, query);
    finish_listeners();
    finish_summary();
    task_.out.keep(parts_);
    gather_owners(task_, begin_, owned_);
  }

 private:
  // What the rows made so far amount to: a dump that has to be done again goes back to it.
  struct Mark {
    std::size_t listeners, connections, udp, waiting, owned;
    std::array<std::array<std::array<std::uint32_t, kStates>, 2>, 2> counts;
  };
  [[nodiscard]] Mark mark() const {
    return {listeners_.size(),
            connections_ == nullptr ? 0 : connections_->size(),
            udp_ == nullptr ? 0 : udp_->size(),
            waiting_.size(),
            owned_.size(),
            counts_};
  }
  void go_back(const Mark& mark) {
    listeners_.resize(mark.listeners);
    if (connections_ != nullptr) connections_->resize(mark.connections);
    if (udp_ != nullptr) udp_->resize(mark.udp);
    waiting_.resize(mark.waiting);
    owned_.resize(mark.owned);
    counts_ = mark.counts;
  }

  void dump(kernel::NetlinkSocket& netlink, const kernel::SocketQuery& query) {
    const Mark before = mark();
    const bool tcp = query.protocol == Transport::tcp;
    const auto handler = [&](const DiagSocket& socket) { tcp ? take_tcp(socket) : take_udp(socket); };
    const auto dumped = kernel::dump_sockets(netlink, query, handler, [&] { go_back(before); });
    if (dumped) return;
    go_back(before);
    const auto absent = [&](std::string_view table, bool concerned) {
      if (concerned && task_.asked(table) != nullptr) task_.out.add_absence(table, task_.netns.name, dumped.error());
    };
    absent("listeners", tcp && (query.states & plan_.listener_states) != 0);
    absent("connections", tcp && (query.states & plan_.connection_states) != 0);
    absent("udp_sockets", !tcp);
    absent("socket_summary", tcp ? (query.states & plan_.summary_states) != 0 : plan_.udp_summary);
    absent("cgroups", tcp && (query.states & plan_.owned_states) != 0);
    absent("processes", tcp ? (query.states & plan_.owned_states) != 0 : plan_.udp_owned);
  }

  void take_tcp(const DiagSocket& socket) {
    const std::uint32_t bit = state_bit(socket.state);
    if ((plan_.summary_states & bit) != 0) count(Transport::tcp, socket.local.family(), socket.state);
    if ((plan_.owned_states & bit) != 0) own(socket, socket.state == SocketState::listen ? socket.local_port : 0);
    if (socket.state == SocketState::listen) {
      if (plan_.listener_states != 0) listeners_.push_back(listener_row(socket, netns_));
      return;
    }
    if (socket.inode == 0 && (plan_.listener_states & bit) != 0) wait(socket);
    if ((plan_.connection_states & bit) == 0) return;
    // Growing in large steps moves each row seldom; room that is not used costs no memory.
    if (connections_->size() == connections_->capacity()) {
      connections_->reserve(std::max<std::size_t>(1024, 4 * connections_->capacity()));
    }
    facts::Connection& row = connections_->emplace_back();
    row.netns = netns_;
    if (!socket.congestion.empty()) row.congestion = congestion_symbol(socket.congestion);
    fill_connection(socket, plan_.counters, *parts_, row);
  }

  void take_udp(const DiagSocket& socket) {
    const bool connected = socket.state == SocketState::established;
    if (plan_.udp_summary) {
      count(Transport::udp, socket.local.family(),
            connected ? SocketState::udp_connected : SocketState::udp_unconnected);
    }
    if (plan_.udp_owned) own(socket, 0);
    if (udp_ != nullptr) udp_->push_back(udp_row(socket, netns_));
  }

  void own(const DiagSocket& socket, std::uint16_t listening_port) {
    if (socket.inode != 0) owned_.push_back({socket.inode, listening_port});
  }

  void count(Transport protocol, Family family, SocketState state) {
    ++counts_[static_cast<std::size_t>(protocol)][family == Family::ipv6 ? 1 : 0][static_cast<std::size_t>(state)];
  }

  void wait(const DiagSocket& socket) {
    WaitingConnection each;
    each.local = socket.local;
    each.port = socket.local_port;
    each.ifindex = socket.ifindex;
    each.cookie = socket.cookie;
    each.half_open = socket.state == SocketState::syn_recv;
    each.abandoned = socket.state == SocketState::close_wait;
    constexpr std::size_t kEnd = offsetof(facts::TcpInfo, last_data_recv) + sizeof(std::uint32_t);
    if (!each.half_open && socket.tcp_info.size() >= kEnd) {
      each.age_ms = kernel::read_number<std::uint32_t>(socket.tcp_info.subspan(kEnd - sizeof(std::uint32_t)));
    }
    waiting_.push_back(each);
  }

  // Nearly all connections have the same algorithm: no look-up for each.
  Symbol congestion_symbol(std::string_view name) {
    if (congestion_.view() != name) congestion_ = task_.out.intern(name);
    return congestion_;
  }

  void finish_listeners() {
    if (task_.asked("listeners") == nullptr) return;
    count_waiting(waiting_, {plan_.half_open, plan_.unaccepted}, listeners_);
    for (facts::Listener& each : listeners_) {
      if (each.ifindex != 0) each.ifname = task_.out.intern(kernel::interface_name(each.ifindex));
      task_.out.rows<facts::Listener>().push_back(each);
    }
  }

  void finish_summary() {
    if (task_.asked("socket_summary") == nullptr) return;
    for (const Transport protocol : {Transport::tcp, Transport::udp}) {
      for (const Family family : {Family::ipv4, Family::ipv6}) {
        const auto& counts = counts_[static_cast<std::size_t>(protocol)][family == Family::ipv6 ? 1 : 0];
        for (std::size_t state = 0; state < kStates; ++state) {
          if (counts[state] == 0) continue;
          task_.out.rows<facts::SocketSummary>().push_back(
              {netns_, family, protocol, static_cast<SocketState>(state), counts[state]});
        }
      }
    }
  }

  const Task& task_;
  const SocketPlan plan_;
  const Symbol netns_;
  std::vector<facts::Connection>* connections_ = nullptr;  // nullptr: not asked for
  std::vector<facts::UdpSocket>* udp_ = nullptr;
  SocketRowsBegin begin_;
  std::vector<facts::Listener> listeners_;
  std::vector<WaitingConnection> waiting_;
  std::vector<OwnedSocket> owned_;
  std::array<std::array<std::array<std::uint32_t, kStates>, 2>, 2> counts_{};
  std::shared_ptr<ConnectionParts> parts_ = std::make_shared<ConnectionParts>();
  Symbol congestion_;
};

void gather_sockets(const Task& task) {
  Gathering(task).run();
}

}  // namespace

const Source& socket_source() {
  static const Source source{"sockets", Where::each_namespace, kTables, gather_sockets};
  return source;
}

}  // namespace hostcheck::gather
