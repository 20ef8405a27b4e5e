#include "core/probe/trace_rows.h"

#include <algorithm>
#include <set>

namespace hostcheck::probe {
namespace {

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

}  // namespace

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

}  // namespace hostcheck::probe
