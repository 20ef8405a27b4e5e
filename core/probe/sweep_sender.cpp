#include "core/probe/sweep_sender.h"

#include <algorithm>

#include "core/kernel/route_lookup.h"

namespace hostcheck::probe {
namespace {

constexpr std::uint8_t kTcp = 6;

// Why raw SYNs would not go where this host's own connections go; "" where they do.
std::string host_spreads(const Context& context, const SweepTarget& target) {
  kernel::RouteQuery query;
  query.dst = target.address;
  query.ip_proto = kTcp;
  query.sport = target.first.value_or(40000);
  query.dport = target.port;
  const auto found = kernel::look_up_route(context.netns(), query);
  if (!found || !found->entry || found->entry->hops.size() < 2) return {};
  return "this host itself spreads connections over " + std::to_string(found->entry->hops.size()) +
         " next hops by their ports, which raw packets do not take part in";
}

}  // namespace

std::chrono::milliseconds sweep_patience(const SweepSightings& sightings) {
  constexpr std::uint32_t kEnough = 4;
  if (sightings.answers < kEnough) return kSweepPatience;
  const auto wait = std::chrono::milliseconds(50 + static_cast<int>(4 * std::min(sightings.slowest_ms, 900.0)));
  return std::clamp(wait, std::chrono::milliseconds(200), kSweepPatience);
}

Result<SweepWay> open_sweep(Context& context, const SweepTarget& target) {
  SweepWay out;
  out.fallback = host_spreads(context, target);
  if (out.fallback.empty()) {
    auto raw = open_raw_sweep(context, target);
    if (raw) {
      out.sender = std::move(*raw);
      out.method = "raw";
      return out;
    }
    if (raw.error().code != ErrorCode::denied) return unexpected(raw.error());
    out.fallback = "raw sockets need CAP_NET_RAW: " + raw.error().message();
  }
  auto plain = open_connect_sweep(context, target);
  if (!plain) return unexpected(plain.error());
  out.sender = std::move(*plain);
  out.method = "connect";
  return out;
}

}  // namespace hostcheck::probe
