#include "core/gather/socket_plan.h"

#include <algorithm>
#include <optional>
#include <string>

namespace hostcheck::gather {
namespace {

using facts::SocketState;
using facts::TableRequest;
using kernel::kConnectionStates;
using kernel::SocketQuery;
using kernel::state_bit;

constexpr std::uint32_t kListen = state_bit(SocketState::listen);
// In these a socket has been closed by its process or has none yet.
constexpr std::uint32_t kNeverOwned = state_bit(SocketState::time_wait) | state_bit(SocketState::syn_recv);
// A connection in the accept queue is in one of these: the peer may have sent its FIN already, the owner-to-be cannot.
constexpr std::uint32_t kMayWaitForAccept = state_bit(SocketState::established) | state_bit(SocketState::close_wait);

const TableRequest* asked(const facts::Request& request, std::string_view table) {
  const auto found = request.find(table);
  return found == request.end() ? nullptr : &found->second;
}

std::uint32_t only_states(const TableRequest& table, std::uint32_t all) {
  const auto names = table.only_text("state");
  if (!names) return all;
  std::uint32_t states = 0;
  for (unsigned number = 1; number < 12; ++number) {
    const auto name = name_of(static_cast<SocketState>(number));
    if (std::find(names->begin(), names->end(), name) != names->end()) states |= 1U << number;
  }
  return states & all;
}

bool only_lacks(const TableRequest& table, std::string_view column, std::string_view value) {
  const auto only = table.only_text(column);
  return only && std::find(only->begin(), only->end(), value) == only->end();
}

Family only_family(const TableRequest& table) {
  const bool no_v4 = only_lacks(table, "family", name_of(Family::ipv4));
  const bool no_v6 = only_lacks(table, "family", name_of(Family::ipv6));
  return no_v4 == no_v6 ? Family::none : no_v4 ? Family::ipv6 : Family::ipv4;
}

std::optional<std::vector<std::uint16_t>> only_ports(const TableRequest& table, std::string_view column) {
  const auto numbers = table.only_integers(column);
  if (!numbers) return std::nullopt;
  std::vector<std::uint16_t> ports;
  for (const std::int64_t number : *numbers) {
    if (number >= 0 && number <= 65535) ports.push_back(static_cast<std::uint16_t>(number));
  }
  if (ports.empty()) return std::nullopt;
  return ports;
}

bool processes_that_listen_only(const TableRequest& processes) {
  const auto values = processes.only_integers("listens");
  return values && *values == std::vector<std::int64_t>{1};
}

bool wants_oldest(const TableRequest& listeners) {
  return listeners.wants("oldest_unaccepted_ms") || listeners.wants("oldest_unaccepted") ||
         listeners.wants("oldest_unaccepted_delta");
}

void plan_tcp(const facts::Request& request, SocketPlan& plan) {
  const TableRequest* listeners = asked(request, "listeners");
  const TableRequest* connections = asked(request, "connections");
  const std::uint32_t others = plan.listener_states | plan.summary_states | plan.owned_states;
  if ((others & kListen) != 0) {
    // On their own, which costs next to nothing: what is asked of them would otherwise be asked of every connection.
    SocketQuery query;
    query.states = kListen;
    query.memory = wants_from(listeners, facts::Listener::table(), "INET_DIAG_SKMEMINFO");
    plan.dumps.push_back(std::move(query));
  }
  SocketQuery query;
  query.states = (others | plan.connection_states) & kConnectionStates;
  if (query.states == 0) return;
  query.tcp_info = listeners != nullptr && wants_oldest(*listeners);
  if (plan.connection_states != 0) {
    query.tcp_info = query.tcp_info || wants_from(connections, facts::Connection::table(), "tcpi_");
    query.memory = wants_from(connections, facts::Connection::table(), "SK_MEMINFO");
    query.congestion = wants_from(connections, facts::Connection::table(), "INET_DIAG_CONG");
    query.tos = wants_from(connections, facts::Connection::table(), "INET_DIAG_TOS");
  }
  if ((others & kConnectionStates) == 0) {  // nobody else walks the connections
    query.family = only_family(*connections);
    query.local_ports = only_ports(*connections, "local_port");
    query.remote_ports = only_ports(*connections, "remote_port");
  }
  plan.dumps.push_back(std::move(query));
}

void plan_udp(const facts::Request& request, SocketPlan& plan) {
  const TableRequest* sockets = asked(request, "udp_sockets");
  const bool alone = !plan.udp_summary && !plan.udp_owned;
  if (sockets == nullptr && alone) return;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    SocketQuery query;
    query.protocol = facts::Transport::udp;
    query.family = family;
    query.states = state_bit(SocketState::established) | state_bit(SocketState::close);
    query.memory = wants_from(sockets, facts::UdpSocket::table(), "INET_DIAG_SKMEMINFO");
    if (alone) {
      if (only_lacks(*sockets, "family", name_of(family))) continue;
      query.local_ports = only_ports(*sockets, "local_port");
      query.remote_ports = only_ports(*sockets, "remote_port");
      if (only_lacks(*sockets, "state", name_of(SocketState::udp_connected))) {
        query.states &= ~state_bit(SocketState::established);
      }
      if (only_lacks(*sockets, "state", name_of(SocketState::udp_unconnected)))
        query.states &= ~state_bit(SocketState::close);
      if (query.states == 0) continue;
    }
    plan.dumps.push_back(std::move(query));
  }
}

}  // namespace

bool wants_from(const facts::TableRequest* asked, const facts::TableInfo& info, std::string_view source_prefix) {
  if (asked == nullptr) return false;
  return std::any_of(info.columns.begin(), info.columns.end(), [&](const facts::Column& column) {
    return column.source.starts_with(source_prefix) && asked->wants(column.name);
  });
}

SocketPlan plan_sockets(const facts::Request& request) {
  SocketPlan plan;
  if (const TableRequest* listeners = asked(request, "listeners")) {
    plan.half_open = listeners->wants("half_open");
    plan.unaccepted = listeners->wants("unaccepted") || listeners->wants("abandoned") || wants_oldest(*listeners);
    plan.listener_states = kListen;
    if (plan.half_open) plan.listener_states |= state_bit(SocketState::syn_recv);
    if (plan.unaccepted) plan.listener_states |= kMayWaitForAccept;
  }
  if (const TableRequest* connections = asked(request, "connections")) {
    plan.connection_states = only_states(*connections, kConnectionStates);
    plan.counters = connections->wants_observation();
  }
  if (const TableRequest* summary = asked(request, "socket_summary")) {
    if (!only_lacks(*summary, "protocol", "tcp"))
      plan.summary_states = only_states(*summary, kConnectionStates | kListen);
    plan.udp_summary = !only_lacks(*summary, "protocol", "udp");
  }
  if (const TableRequest* processes = asked(request, "processes")) {
    const bool listening = processes_that_listen_only(*processes);
    plan.owned_states = listening ? kListen : (kConnectionStates | kListen) & ~kNeverOwned;
    plan.udp_owned = !listening;
  }
  if (asked(request, "cgroups") != nullptr) plan.owned_states |= kListen;
  plan_tcp(request, plan);
  plan_udp(request, plan);
  return plan;
}

}  // namespace hostcheck::gather
