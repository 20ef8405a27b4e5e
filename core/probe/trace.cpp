// trace: the routers on the way to an address, by the protocol and port that the application uses, over all equal
// paths; where packets are lost, and which hops only look like it.
#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/facts/probe_sweep.h"
#include "core/facts/probe_trace.h"
#include "core/probe/asn_file.h"
#include "core/probe/kind.h"
#include "core/probe/target.h"
#include "core/probe/trace_run.h"

namespace hostcheck::probe {
namespace {

constexpr std::uint16_t kClosedPort = 33434;

auto wrong(std::string_view name, std::string_view value, std::string_view why) {
  return unexpected(make_error(ErrorCode::invalid, "probe trace", fmt::format("{}={}", name, value), why));
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

struct Request {
  IpAddress target;
  std::uint16_t port = 0;            // 0: none was given
  std::vector<Transport> protocols;  // to trace by
  std::vector<Transport> others;     // to try where those do not arrive
  TracePlan plan;
};

Result<std::vector<std::uint16_t>> source_ports(const Context& context) {
  std::vector<std::uint16_t> out;
  for (const std::string_view name : {"ports", "live"}) {
    const auto text = context.arg(name);
    if (!text) continue;
    for (const std::string_view each : split(*text)) {
      const auto port = parse_number<std::uint16_t>(each);
      if (!port || *port == 0) return wrong(name, *text, "are source ports from 1 to 65535, with commas between");
      if (std::find(out.begin(), out.end(), *port) == out.end()) out.push_back(*port);
    }
  }
  if (out.size() > 32) return wrong("ports", *context.arg("ports"), "are 32 at most");
  return out;
}

// Ports that a sweep of this run found dead, and as many that it found alive.
std::vector<std::uint16_t> swept_ports(Context& context, const IpAddress& target, std::uint16_t port) {
  constexpr std::size_t kEach = 2;
  std::vector<std::uint16_t> dead;
  std::vector<std::uint16_t> live;
  if (context.out.find(facts::ProbeSweepPort::table().name) == nullptr) return {};
  for (const facts::ProbeSweepPort& row : context.out.rows<facts::ProbeSweepPort>()) {
    if (row.netns.view() != context.ask.netns || row.address != target || row.port != port) continue;
    auto& ports = row.verdict.view() == "dead" ? dead : live;
    if ((row.verdict.view() == "dead" || row.verdict.view() == "live") && ports.size() < kEach) {
      ports.push_back(row.source_port);
    }
  }
  if (dead.empty()) return {};
  dead.insert(dead.end(), live.begin(), live.end());
  return dead;
}

Result<Request> read_request(Context& context) {
  const auto target = parse_target(context.ask.target);
  if (!target) return unexpected(target.error());
  const auto address = IpAddress::parse(target->host);
  if (!address) {
    return unexpected(make_error(ErrorCode::invalid, "target", target->host,
                                 "is no address; `hostcheck probe dns` finds those of a name"));
  }
  Request out;
  out.target = *address;
  out.port = target->port.value_or(0);
  auto ports = source_ports(context);
  if (!ports) return unexpected(ports.error());
  out.plan.ports = ports->empty() ? swept_ports(context, out.target, out.port) : std::move(*ports);
  const auto seconds = context.number("seconds", 4, 1, 60);
  if (!seconds) return unexpected(seconds.error());
  out.plan.watch = std::chrono::seconds(*seconds);
  const auto flows = context.number("flows", static_cast<std::int64_t>(out.plan.most_flows), 1, 64);
  if (!flows) return unexpected(flows.error());
  out.plan.most_flows = static_cast<std::size_t>(*flows);
  if (const auto asked = context.arg("protocols")) {
    for (const std::string_view name : split(*asked)) {
      const auto protocol = transport_by_name(name);
      if (!protocol) return wrong("protocols", *asked, "are some of tcp,udp,icmp");
      if (*protocol == Transport::tcp && out.port == 0)
        return wrong("protocols", *asked, "tcp needs a port: HOST:PORT");
      out.protocols.push_back(*protocol);
    }
  } else {
    out.protocols = {out.port != 0 ? Transport::tcp : Transport::icmp};
    out.others = {Transport::icmp, Transport::udp};
    std::erase(out.others, out.protocols.front());
  }
  return out;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string labels_of(const std::vector<MplsLabel>& stack) {
  std::string out;
  for (const MplsLabel& each : stack) out += (out.empty() ? "" : "/") + std::to_string(each.label);
  return out;
}

using Networks = std::map<IpAddress, Network>;

// What one address answered at one distance.
facts::ProbeHop hop_row(const TraceRun& run, std::uint32_t ttl, const IpAddress& address, const Networks& networks) {
  facts::ProbeHop row;
  row.ttl = ttl;
  row.address = address;
  std::set<std::uint32_t> flows;
  std::vector<double> delays;
  std::uint32_t counted = 0;
  std::uint32_t anybody = 0;
  std::map<std::uint32_t, std::set<IpAddress>> by_flow;
  for (const TraceShot& each : run.shots()) {
    const bool whole = each.ttl == Tracer::kWholeWay;
    const bool target = each.met == Met::target && run.distance() == ttl && (whole || each.ttl == ttl);
    if (each.ttl != ttl && !(whole && run.distance() == ttl)) continue;
    ++row.sent;
    counted += each.counted ? 1 : 0;
    if (each.met != Met::router && !target) continue;
    anybody += each.counted ? 1 : 0;
    by_flow[each.flow].insert(each.from);
    if (each.from != address) continue;
    ++row.answered;
    flows.insert(each.flow);
    delays.push_back(each.rtt_ms);
    if (!each.mpls.empty()) row.mpls = labels_of(each.mpls);
  }
  row.flows = static_cast<std::uint32_t>(flows.size());
  row.limited = run.limited(ttl);
  row.per_packet = std::any_of(by_flow.begin(), by_flow.end(), [](const auto& each) { return each.second.size() > 1; });
  if (anybody > 0) row.loss = 1 - static_cast<double>(anybody) / counted;
  if (!delays.empty()) {
    row.rtt_min_ms = *std::min_element(delays.begin(), delays.end());
    row.rtt_max_ms = *std::max_element(delays.begin(), delays.end());
    row.rtt_median_ms = median(delays);
  }
  if (const auto known = networks.find(address); known != networks.end()) {
    row.asn = known->second.asn;
    row.as_name = known->second.name;
  }
  return row;
}

void add_hops(Context& context, const TraceRun& run, Transport transport, const TraceReading& reading,
              const IpAddress& to, const Networks& networks) {
  const std::uint32_t last = run.distance().value_or(run.last_hop());
  for (std::uint32_t ttl = 1; ttl <= last; ++ttl) {
    std::set<IpAddress> addresses;
    for (const TraceShot& each : run.shots()) {
      const bool here =
          each.ttl == ttl && (each.met == Met::router || (each.met == Met::target && run.distance() == ttl));
      if (here) addresses.insert(each.from);
    }
    if (addresses.empty()) addresses.insert(IpAddress{});
    for (const IpAddress& address : addresses) {
      facts::ProbeHop row = hop_row(run, ttl, address, networks);
      row.probe = context.result.id;
      row.netns = context.result.netns;
      row.target = to;
      row.protocol = context.out.intern(name_of(transport));
      row.carried = reading.loss_begins_ttl && ttl >= *reading.loss_begins_ttl && row.loss.value_or(0) > 0;
      context.out.rows<facts::ProbeHop>().push_back(std::move(row));
    }
  }
}

facts::ProbeTrace trace_row(Context& context, const TraceRun& run, const TraceView& view, const TraceReading& reading,
                            const Networks& networks) {
  facts::ProbeTrace row;
  row.probe = context.result.id;
  row.netns = context.result.netns;
  row.target = view.target;
  row.protocol = context.out.intern(name_of(view.transport));
  row.port = view.port;
  row.outcome = context.out.intern(reading.outcome);
  row.reached = run.reached();
  row.flows = static_cast<std::uint32_t>(run.flows());
  row.sent = reading.count.sent;
  row.answered = reading.count.sent - reading.count.lost;
  row.loss = reading.count.share();
  row.distance = run.distance();
  const auto address_at = [&](std::optional<std::uint32_t> ttl) {
    if (!ttl) return IpAddress{};
    if (ttl == view.distance) return view.target;
    for (const TracedHop& hop : view.hops) {
      if (hop.ttl == *ttl) return hop.address;
    }
    return IpAddress{};
  };
  row.loss_begins_ttl = reading.loss_begins_ttl;
  row.loss_may_begin_ttl = reading.loss_may_begin_ttl;
  row.loss_begins_address = address_at(reading.loss_begins_ttl);
  row.clean_until = address_at(reading.clean_until_ttl);
  if (const auto known = networks.find(row.loss_begins_address); known != networks.end()) {
    row.loss_begins_asn = known->second.asn;
    row.loss_begins_as_name = known->second.name;
  }
  row.stops_after_ttl = reading.stops_after_ttl;
  row.stops_after = reading.stops_after;
  row.reading = reading.words;
  row.packets = static_cast<std::uint32_t>(run.shots().size());
  return row;
}

Result<Networks> networks_of(const Context& context, const TraceRun& run, const IpAddress& target) {
  const auto path = context.arg("asn");
  if (!path) return Networks{};
  std::set<IpAddress> addresses = {target};
  for (const TraceShot& each : run.shots()) {
    if (each.met == Met::router) addresses.insert(each.from);
  }
  return find_networks(std::string(*path), {addresses.begin(), addresses.end()});
}

// Traces by one transport and adds its rows.
Task<Result<TraceReading>> trace_by(Context& context, Request& request, Transport transport, bool thorough) {
  const std::uint16_t port = transport == Transport::udp ? kClosedPort : request.port;
  auto wire = Wire::open(context, request.target, transport == Transport::icmp ? std::uint16_t{0} : port);
  if (!wire) co_return unexpected(wire.error());
  TraceRun run(context, *wire, transport, port);
  TracePlan plan = request.plan;
  plan.thorough = thorough;
  const auto done = co_await run.run(std::move(plan));
  if (!done) co_return unexpected(done.error());
  request.plan.delay_ms = std::max(request.plan.delay_ms, run.slowest_ms());
  const auto networks = networks_of(context, run, request.target);
  if (!networks) co_return unexpected(networks.error());
  std::map<IpAddress, std::string> names;
  for (const auto& [address, network] : *networks) {
    names[address] = fmt::format("AS{}{}{}", network.asn, network.name.empty() ? "" : " ", network.name);
  }
  const TraceView view = run.view(names);
  TraceReading reading = read_trace(view);
  context.out.rows<facts::ProbeTrace>().push_back(trace_row(context, run, view, reading, *networks));
  add_hops(context, run, transport, reading, request.target, *networks);
  co_return reading;
}

Task<Result<void>> probe(Context& context) {
  auto request = read_request(context);
  if (!request) co_return unexpected(request.error());
  if (const auto path = context.arg("asn")) {
    const auto readable = find_networks(std::string(*path), {});
    if (!readable) co_return unexpected(readable.error());
  }
  std::vector<std::pair<Transport, TraceReading>> readings;
  std::vector<Transport> left = request->protocols;
  for (std::size_t i = 0; i < left.size() && !context.over(); ++i) {
    auto reading = co_await trace_by(context, *request, left[i], i < request->protocols.size());
    if (!reading) co_return unexpected(reading.error());
    readings.emplace_back(left[i], std::move(*reading));
    const bool arrives = readings.back().second.count.lost < readings.back().second.count.sent;
    if (i + 1 == request->protocols.size() && !arrives) {
      left.insert(left.end(), request->others.begin(), request->others.end());
    }
  }
  context.result.method = context.out.intern("raw");
  std::string_view outcome = readings.empty() ? "unclear" : readings.front().second.outcome;
  std::vector<std::string_view> arrive;
  std::vector<std::string_view> fail;
  for (const auto& [transport, reading] : readings) {
    (reading.count.lost < reading.count.sent ? arrive : fail).push_back(name_of(transport));
    context.result.words += (context.result.words.empty() ? "" : ". ") + reading.words;
  }
  if (!arrive.empty() && !fail.empty()) {
    if (fail.front() == name_of(readings.front().first)) outcome = "filtered";
    context.result.words = fmt::format("by {} the target answers, by {} it does not. {}", fmt::join(arrive, " and "),
                                       fmt::join(fail, " and "), context.result.words);
  }
  context.result.outcome = context.out.intern(outcome);
  co_return Result<void>{};
}

Task<void> run(Context& context) {
  (void)context.out.rows<facts::ProbeTrace>();
  (void)context.out.rows<facts::ProbeHop>();
  const auto done = co_await probe(context);
  if (!done) context.result.error = done.error().message();
}

constexpr std::array<std::string_view, 6> kArgs = {
    "protocols=some of tcp,udp,icmp (tcp where a port is given, else icmp; the others where that does not arrive)",
    "ports=source ports to follow (in a run those that a sweep found dead, and some live ones)",
    "live=source ports to follow beside them, such as those that it found alive",
    "flows=how many flows equal paths are looked for with, 1 to 64 (64); 1: the plain list of hops, and no look for "
    "loss",
    "asn=file that tells networks: lines PREFIX ASN NAME, or those of iptoasn",
    "seconds=how long loss is watched to find its place, 1 to 60 (4)"};
constexpr std::array<std::string_view, 2> kTables = {"probe_trace", "probe_hops"};

}  // namespace

const Kind& trace_kind() {
  static const Kind kind = {
      {"trace", "HOST[:PORT]",
       "The routers on the way over all equal paths, by the protocol and port that the application "
       "uses; where loss begins that goes on to the target, and where failing flows stop.",
       kArgs, kTables},
      run};
  return kind;
}

}  // namespace hostcheck::probe
