#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/facts/cgroup.h"
#include "core/facts/conntrack.h"
#include "core/facts/counter.h"
#include "core/facts/host.h"
#include "core/facts/journey.h"
#include "core/facts/kernel_log.h"
#include "core/facts/link.h"
#include "core/facts/neighbour.h"
#include "core/facts/netfilter.h"
#include "core/facts/nic.h"
#include "core/facts/observation.h"
#include "core/facts/probe.h"
#include "core/facts/probe_connect.h"
#include "core/facts/probe_dns.h"
#include "core/facts/probe_gateway.h"
#include "core/facts/probe_latency.h"
#include "core/facts/probe_listener.h"
#include "core/facts/probe_pmtu.h"
#include "core/facts/probe_sweep.h"
#include "core/facts/probe_trace.h"
#include "core/facts/process.h"
#include "core/facts/qdisc.h"
#include "core/facts/resolver.h"
#include "core/facts/role.h"
#include "core/facts/route.h"
#include "core/facts/socket.h"
#include "core/facts/sysctl.h"
#include "core/facts/system.h"
#include "core/facts/table.h"
#include "core/facts/timeline.h"

namespace hostcheck::facts {

namespace {

// The tables of this process: hostcheck's own, and behind them those that its plugins and snapshots have made known.
struct Tables {
  std::vector<const TableInfo*> all;
  std::vector<std::unique_ptr<const TableInfo>> brought;
};

std::vector<const TableInfo*> own_tables() {
  return {
      &Accepts::table(),
      &Cgroup::table(),
      &Connection::table(),
      &Conntrack::table(),
      &ConntrackCpu::table(),
      &ConntrackEntries::table(),
      &ConntrackTimeout::table(),
      &Drop::table(),
      &DropSample::table(),
      &FileHandles::table(),
      &Host::table(),
      &IcmpErrorCount::table(),
      &InterfaceAddress::table(),
      &HostRole::table(),
      &Interrupt::table(),
      &Journey::table(),
      &Link::table(),
      &Listener::table(),
      &ListenerWatch::table(),
      &LogMessage::table(),
      &LostEvents::table(),
      &Namespace::table(),
      &Neighbour::table(),
      &NeighbourSummary::table(),
      &NeighbourTable::table(),
      &NetfilterBackend::table(),
      &NetfilterChain::table(),
      &NetfilterRule::table(),
      &Nexthop::table(),
      &NicFeature::table(),
      &NicSettings::table(),
      &NicStatistic::table(),
      &PathStep::table(),
      &PolicyRule::table(),
      &Pressure::table(),
      &ProbeConnect::table(),
      &ProbeDns::table(),
      &ProbeGateway::table(),
      &ProbeHop::table(),
      &ProbeLatency::table(),
      &ProbeListener::table(),
      &ProbePmtu::table(),
      &ProbeResult::table(),
      &ProbeSweep::table(),
      &ProbeSweepPort::table(),
      &ProbeTrace::table(),
      &Process::table(),
      &Protocol::table(),
      &ProtocolCounter::table(),
      &Qdisc::table(),
      &QueueSample::table(),
      &Reset::table(),
      &Resolver::table(),
      &ResolverConfig::table(),
      &Retransmission::table(),
      &Route::table(),
      &RouteNexthop::table(),
      &RouteSummary::table(),
      &SocketStatistic::table(),
      &SocketSummary::table(),
      &Softirq::table(),
      &Softnet::table(),
      &SynSummary::table(),
      &Sysctl::table(),
      &TcpMemory::table(),
      &TimestampBackwards::table(),
      &UdpSocket::table(),
      &UnansweredSyn::table(),
  };
}

Tables& tables() {
  static Tables known{own_tables(), {}};
  return known;
}

}  // namespace

std::span<const TableInfo* const> catalogue() {
  return tables().all;
}

const TableInfo& add_table(TableInfo info) {
  if (const TableInfo* there = find_table(info.name)) return *there;
  Tables& known = tables();
  known.brought.push_back(std::make_unique<const TableInfo>(std::move(info)));
  known.all.push_back(known.brought.back().get());
  return *known.brought.back();
}

bool is_brought_table(std::string_view name) {
  const auto& brought = tables().brought;
  return std::any_of(brought.begin(), brought.end(), [&](const auto& each) { return each->name == name; });
}

}  // namespace hostcheck::facts
