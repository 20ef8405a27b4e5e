// The kind connect: whether every address of a target takes a connection.
#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <sys/socket.h>

#include "core/facts/probe_connect.h"
#include "core/kernel/local_addresses.h"
#include "core/kernel/sock_diag.h"
#include "core/probe/connect_try.h"
#include "core/probe/kind.h"
#include "core/probe/resolve.h"
#include "core/probe/target.h"
#include "core/probe/target_addresses.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kMostAddresses = 64;

// What this namespace itself has of a target: addresses and listeners on the port.
struct OwnSide {
  std::vector<IpAddress> peers;  // that connections of this namespace have on the port
  std::vector<IpAddress> addresses;
  std::map<IpAddress, std::uint32_t> waiting;  // by listener's address: connections in its accept queue

  [[nodiscard]] bool is_own(const IpAddress& address) const {
    return address.is_loopback() || std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  }
  // Connections that the listener at this address has not accepted yet.
  [[nodiscard]] std::uint32_t waits_at(const IpAddress& address) const {
    std::uint32_t most = 0;
    for (const auto& [at, count] : waiting) {
      // An IPv6 listener on :: takes IPv4 too, unless it says otherwise; then the higher number errs to the safe side.
      if (at == address || at.is_any()) most = std::max(most, count);
    }
    return most;
  }
};

struct Found {
  NamedAddress who;
  bool own = false;
  Connected made;
};

OwnSide look_at_own_side(const Context& context, std::uint16_t port) {
  OwnSide out;
  const auto scope = kernel::NetnsScope::enter(context.netns());
  if (!scope) return out;
  if (auto local = kernel::local_addresses()) out.addresses = std::move(*local);
  auto netlink = kernel::open_sock_diag();
  if (!netlink) return out;
  kernel::SocketQuery query;
  query.states = kernel::state_bit(facts::SocketState::listen);
  query.local_ports = std::vector<std::uint16_t>{port};
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    query.family = family;
    (void)kernel::dump_sockets(
        *netlink, query,
        [&](const kernel::DiagSocket& socket) {
          auto& most = out.waiting[socket.local];
          most = std::max(most, socket.rqueue);
        },
        [] {});
    query.states = kernel::kConnectionStates & ~kernel::state_bit(facts::SocketState::time_wait);
    query.local_ports.reset();
    query.remote_ports = std::vector<std::uint16_t>{port};
    (void)kernel::dump_sockets(
        *netlink, query,
        [&](const kernel::DiagSocket& socket) {
          if (std::find(out.peers.begin(), out.peers.end(), socket.remote) == out.peers.end()) {
            out.peers.push_back(socket.remote);
          }
        },
        [] {});
    query.states = kernel::state_bit(facts::SocketState::listen);
    query.remote_ports.reset();
    query.local_ports = std::vector<std::uint16_t>{port};
  }
  return out;
}

// Where connections go to an address that no answer holds, the name is asked for again until two of its TTLs have
// passed, if these are short: content networks give other addresses with every question.
Task<void> watch_name(Context& context, const OwnSide& own, const std::string& name, const std::vector<Found>& all) {
  constexpr std::chrono::milliseconds kLongest(5000);
  std::uint32_t ttl_s = 0;
  for (const Found& each : all) ttl_s = std::max(ttl_s, each.who.ttl_s.value_or(0));
  const auto is_known = [&](const IpAddress& peer) {
    return std::any_of(all.begin(), all.end(), [&](const Found& each) { return each.who.address == peer; });
  };
  const bool stale = std::any_of(own.peers.begin(), own.peers.end(),
                                 [&](const IpAddress& peer) { return !peer.is_loopback() && !is_known(peer); });
  const auto needed = std::chrono::milliseconds(2000) * ttl_s + std::chrono::milliseconds(50);
  const auto servers = servers_of(context);
  if (!stale || !servers || needed > kLongest || context.within(needed + needed) < Clock::now() + needed) co_return;
  const auto end = Clock::now() + needed;
  for (std::uint32_t sample = 2;; ++sample) {
    const bool last = Clock::now() + std::chrono::milliseconds(600) >= end;
    co_await context.sleep_until(last ? end : Clock::now() + std::chrono::milliseconds(500));
    if (context.over()) co_return;
    (void)co_await resolve(context, *servers, name, sample);
    if (last) co_return;
  }
}

// A connect takes a place in the accept queue until it is accepted: one that is not drained is left alone.
Task<void> connect_one(Context& context, const OwnSide& own, std::uint16_t port, Found& found) {
  found.own = own.is_own(found.who.address);
  const std::uint32_t waiting = found.own ? own.waits_at(found.who.address) : 0;
  if (waiting > 0) {
    found.made.outcome = ConnectOutcome::not_tried;
    found.made.words =
        fmt::format("not tried: {} connections wait in the accept queue of this host's own listener", waiting);
    co_return;
  }
  found.made = co_await connect_to(context, found.who.address, port);
}

void keep_rows(Context& context, const std::string& name, std::uint16_t port, const std::vector<Found>& all) {
  auto& rows = context.out.rows<facts::ProbeConnect>();
  for (const Found& each : all) {
    facts::ProbeConnect row;
    row.probe = context.result.id;
    row.netns = context.result.netns;
    row.name = name;
    row.address = each.who.address;
    row.port = port;
    row.source = each.who.source;
    row.ttl_s = each.who.ttl_s;
    row.outcome = context.out.intern(name_of(each.made.outcome));
    row.by = each.made.by;
    row.syns = each.made.syns;
    row.time_ms = each.made.time_ms;
    row.local_address = each.made.local_address;
    row.local_port = each.made.local_port;
    row.own_address = each.own;
    if (each.made.unfound) {
      row.next_hop = each.made.unfound->address;
      row.next_hop_state = facts::name_of(each.made.unfound->state);
    }
    row.words = each.made.words;
    rows.push_back(std::move(row));
  }
}

// The outcome that all addresses share, "some_open" where they differ and some are open, else "none_open".
void conclude(Context& context, const std::vector<Found>& all) {
  const auto is_open = [](const Found& each) { return each.made.outcome == ConnectOutcome::open; };
  const bool same = std::all_of(all.begin(), all.end(),
                                [&](const Found& each) { return each.made.outcome == all.front().made.outcome; });
  const std::string_view outcome = same                                           ? name_of(all.front().made.outcome)
                                   : std::any_of(all.begin(), all.end(), is_open) ? "some_open"
                                                                                  : "none_open";
  context.result.outcome = context.out.intern(outcome);
  for (const Found& each : all) {
    context.result.words +=
        (context.result.words.empty() ? "" : "; ") + each.who.address.to_string() + " " + each.made.words;
  }
}

Task<void> run(Context& context) {
  (void)context.out.rows<facts::ProbeConnect>();
  const auto target = parse_target(context.ask.target);
  if (!target) co_return context.fail(target.error());
  if (!target->port) co_return context.fail(port_missing(context));
  const bool literal = IpAddress::parse(target->host).has_value();
  std::vector<Found> all;
  for (NamedAddress& each : co_await target_addresses(context, target->host, kMostAddresses)) {
    all.push_back({std::move(each), false, {}});
  }
  if (all.empty()) co_return;
  const OwnSide own = look_at_own_side(context, *target->port);
  std::vector<Task<void>> tasks;
  tasks.reserve(all.size() + 1);
  for (Found& each : all) tasks.push_back(connect_one(context, own, *target->port, each));
  if (!literal) tasks.push_back(watch_name(context, own, target->host, all));
  co_await context.together(std::move(tasks));
  context.result.method = context.out.intern("connect");
  keep_rows(context, literal ? "" : target->host, *target->port, all);
  conclude(context, all);
}

constexpr std::array<std::string_view, 2> kArgs = {kServerArgument, kFamilyArgument};
constexpr std::array<std::string_view, 2> kTables = {"probe_connects", "probe_dns"};

}  // namespace

const Kind& connect_kind() {
  static const Kind kind = {
      {"connect", "HOST:PORT", "Whether each address of a target takes a TCP connection", kArgs, kTables}, run};
  return kind;
}

}  // namespace hostcheck::probe
