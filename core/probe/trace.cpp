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
#include "core/probe/target_addresses.h"
#include "core/probe/trace_rows.h"
#include "core/probe/trace_run.h"

namespace hostcheck::probe {
namespace {

constexpr std::uint16_t kClosedPort = 33434;
constexpr std::size_t kMostAddresses = 4;
constexpr std::string_view kNotTried = "not_tried";

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
  std::string host;
  IpAddress target;                  // one address of the host
  std::uint16_t port = 0;            // 0: none was given
  std::vector<Transport> protocols;  // to trace by
  std::vector<Transport> others;     // to try where those do not arrive
  TracePlan plan;
};

// What came of one address.
struct Traced {
  Request request;
  std::vector<std::pair<Transport, TraceReading>> readings;
  std::string_view method;
  std::string fallback;
  std::optional<Error> error;
};

Result<std::vector<std::uint16_t>> source_ports(const Context& context) {
  std::vector<std::uint16_t> out;
  for (const std::string_view name : {"ports", "live"}) {
    const auto text = context.arg(name);
    if (!text) continue;
    for (const std::string_view each : split(*text)) {
      const auto port = parse_number<std::uint16_t>(each);
      if (!port || *port == 0) return wrong(name, *text, "must be source ports from 1 to 65535, with commas between");
      if (std::find(out.begin(), out.end(), *port) == out.end()) out.push_back(*port);
    }
  }
  if (out.size() > 32)
    return wrong("ports", context.arg("ports").value_or(""), "must be 32 at most, with those of live=");
  return out;
}

// Ports that a sweep of this run found alive, and as many that it found dead; none where it found none of these.
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
  live.insert(live.end(), dead.begin(), dead.end());  // those that arrive first: they find the way
  return live;
}

Result<Request> read_request(const Context& context) {
  const auto target = parse_target(context.ask.target);
  if (!target) return unexpected(target.error());
  Request out;
  out.host = target->host;
  out.port = target->port.value_or(0);
  auto ports = source_ports(context);
  if (!ports) return unexpected(ports.error());
  out.plan.ports = std::move(*ports);
  const auto seconds = context.number("seconds", 4, 1, 60);
  if (!seconds) return unexpected(seconds.error());
  out.plan.watch = std::chrono::seconds(*seconds);
  const auto flows = context.number("flows", static_cast<std::int64_t>(out.plan.most_flows), 1, 64);
  if (!flows) return unexpected(flows.error());
  out.plan.most_flows = static_cast<std::size_t>(*flows);
  if (const auto asked = context.arg("protocols")) {
    for (const std::string_view name : split(*asked)) {
      const auto protocol = transport_by_name(name);
      if (!protocol) return wrong("protocols", *asked, "must be some of tcp, udp, icmp, with commas between");
      if (*protocol == Transport::tcp && out.port == 0)
        return wrong("protocols", *asked, "tcp needs a port in the target: HOST:PORT");
      out.protocols.push_back(*protocol);
    }
  } else {
    out.protocols = {out.port != 0 ? Transport::tcp : Transport::icmp};
    out.others = {Transport::icmp, Transport::udp};
    std::erase(out.others, out.protocols.front());
  }
  return out;
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

// The row and the reading of a protocol that this process may not send by.
TraceReading not_tried(Context& context, const IpAddress& target, Transport transport, const Error& why) {
  facts::ProbeTrace row;
  row.probe = context.result.id;
  row.netns = context.result.netns;
  row.target = target;
  row.protocol = context.out.intern(name_of(transport));
  TraceReading reading;
  reading.outcome = kNotTried;
  reading.words = fmt::format("{} was not tried: {}", name_of(transport), why.detail);
  row.outcome = context.out.intern(reading.outcome);
  row.reading = reading.words;
  context.out.rows<facts::ProbeTrace>().push_back(std::move(row));
  return reading;
}

// What plain sockets leave out.
std::string fallback_words(const Wire& wire, Transport transport) {
  if (wire.fallback().empty()) return "";
  std::string out = fmt::format("raw sockets need CAP_NET_RAW ({}); labels of MPLS are not seen", wire.fallback());
  if (transport != Transport::tcp) return out;
  return out +
         "; each SYN that arrives is a whole connection, reset at once, which the listener sees, and a source port has "
         "one under way at a time";
}

// Traces by one transport and adds its rows.
Task<Result<TraceReading>> trace_by(Context& context, Traced& traced, Transport transport, bool thorough) {
  Request& request = traced.request;
  const std::uint16_t port = transport == Transport::udp ? kClosedPort : request.port;
  auto wire = open_wire(context, request.target, transport == Transport::icmp ? std::uint16_t{0} : port);
  if (!wire) co_return unexpected(wire.error());
  traced.method = (*wire)->method();
  std::string fallback = fallback_words(**wire, transport);
  if (fallback.size() > traced.fallback.size()) traced.fallback = std::move(fallback);
  if (const auto can = (*wire)->can_send(transport, false); !can) {
    co_return not_tried(context, request.target, transport, can.error());
  }
  TraceRun run(context, **wire, transport, port);
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

bool arrives(const TraceReading& reading) {
  return reading.count.lost < reading.count.sent;
}

Task<void> trace_address(Context& context, Traced& traced) {
  Request& request = traced.request;
  if (request.plan.ports.empty()) request.plan.ports = swept_ports(context, request.target, request.port);
  std::vector<Transport> left = request.protocols;
  for (std::size_t i = 0; i < left.size() && !context.over(); ++i) {
    const bool first_tried = std::all_of(traced.readings.begin(), traced.readings.end(),
                                         [](const auto& each) { return each.second.outcome == kNotTried; });
    auto reading = co_await trace_by(context, traced, left[i], i < request.protocols.size() || first_tried);
    if (!reading) {
      traced.error = reading.error();
      co_return;
    }
    traced.readings.emplace_back(left[i], std::move(*reading));
    if (i + 1 == request.protocols.size() && !arrives(traced.readings.back().second)) {
      left.insert(left.end(), request.others.begin(), request.others.end());
    }
  }
}

// Of one address: the outcome, and the words.
std::pair<std::string_view, std::string> conclusion_of(const Traced& traced) {
  std::string_view outcome = traced.readings.empty() ? "unclear" : kNotTried;
  std::string words;
  std::vector<std::string_view> arrive;
  std::vector<std::string_view> fail;
  for (const auto& [transport, reading] : traced.readings) {
    words += (words.empty() ? "" : ". ") + reading.words;
    if (reading.outcome == kNotTried) continue;
    if (outcome == kNotTried) outcome = reading.outcome;
    (arrives(reading) ? arrive : fail).push_back(name_of(transport));
  }
  if (!arrive.empty() && !fail.empty()) {
    if (fail.front() == name_of(traced.readings.front().first)) outcome = "filtered";
    words = fmt::format("by {} the target answers, by {} it does not. {}", fmt::join(arrive, " and "),
                        fmt::join(fail, " and "), words);
  }
  return {outcome, words};
}

// Of several addresses the worst decides.
void conclude(Context& context, const std::vector<Traced>& all) {
  constexpr std::array<std::string_view, 7> kWorstFirst = {"unreached", "filtered", "flow_loss", "loss",
                                                           "unclear",   kNotTried,  "clean"};
  const auto rank = [&](std::string_view outcome) {
    return std::find(kWorstFirst.begin(), kWorstFirst.end(), outcome) - kWorstFirst.begin();
  };
  facts::ProbeResult& result = context.result;
  std::string_view worst;
  const Error* error = nullptr;
  for (const Traced& each : all) {
    result.words += result.words.empty() ? "" : ". ";
    if (each.error) {
      error = &*each.error;
      result.words += fmt::format("{} could not be traced: {}", each.request.target.to_string(), error->message());
      continue;
    }
    const auto [outcome, words] = conclusion_of(each);
    result.words += words;
    if (worst.empty() || rank(outcome) < rank(worst)) worst = outcome;
    result.method = context.out.intern(each.method);
    if (each.fallback.size() > result.fallback.size()) result.fallback = each.fallback;
  }
  if (worst.empty() && error != nullptr) {
    result.words.clear();
    return context.fail(*error);
  }
  result.outcome = context.out.intern(worst);
}

Task<void> probe(Context& context) {
  auto request = read_request(context);
  if (!request) co_return context.fail(request.error());
  if (const auto path = context.arg("asn")) {
    const auto readable = find_networks(std::string(*path), {});
    if (!readable) {
      co_return context.fail(make_error(ErrorCode::invalid, "probe trace", fmt::format("asn={}", *path),
                                        "must be such a file: " + readable.error().message()));
    }
  }
  const auto addresses = co_await target_addresses(context, request->host, kMostAddresses);
  if (addresses.empty()) co_return;
  std::vector<Traced> all(addresses.size());
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].request = *request;
    all[i].request.target = addresses[i].address;
    tasks.push_back(trace_address(context, all[i]));
  }
  co_await context.together(std::move(tasks));
  context.result.words = naming_words(request->host, addresses);
  conclude(context, all);
}

Task<void> run(Context& context) {
  (void)context.out.rows<facts::ProbeTrace>();
  (void)context.out.rows<facts::ProbeHop>();
  co_await probe(context);
}

constexpr std::array<std::string_view, 8> kArgs = {
    "protocols=some of tcp,udp,icmp (tcp where a port is given, else icmp; the others where that does not arrive)",
    "ports=source ports to follow (in a run those that a sweep found dead, and some live ones)",
    "live=source ports to follow beside them, such as those that it found alive",
    "flows=how many flows equal paths are looked for with, 1 to 64 (64); 1: the plain list of hops, and no look for "
    "loss",
    "asn=file that tells networks: lines PREFIX ASN NAME, or those of iptoasn",
    "seconds=how long loss is watched to find its place, 1 to 60 (4)",
    kServerArgument,
    kFamilyArgument};
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
