// What a trace means, as somebody who knows traceroutes reads it. Pure.
//
// Routers forward in hardware and answer in software, seldom and late: a hop that is silent, slow or leaves answers out
// says nothing by itself. Loss is real only where the target and every answering hop behind have it too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/probe/loss_statistics.h"
#include "core/probe/packet.h"

namespace hostcheck::probe {

// One distance, the target's own left out.
struct TracedHop {
  std::uint32_t ttl = 0;
  IpAddress address;     // who answered most; empty where nobody did
  std::string network;   // "AS64500 Example"; "" where it is not known
  LossCount count;       // its probes, and those that nobody answered; of a limited one those that it may answer
  bool limited = false;  // it answers only so often
};

// One flow's probes that could reach the target.
struct TracedFlow {
  std::uint32_t port = 0;  // source port; the identifier of an echo
  LossCount count;
  std::uint32_t last_ttl = 0;  // farthest hop that answered it, the target left out; 0 for none
  IpAddress last_address;      // who that was
};

struct TraceView {
  Transport transport = Transport::tcp;
  std::uint32_t port = 0;  // destination
  IpAddress target;
  std::string target_network;
  std::optional<std::uint32_t> distance;  // hops to the target, itself included, where it answered
  std::vector<TracedHop> hops;            // by ttl
  std::vector<TracedFlow> flows;
  IpAddress refused_by;  // a router that says that it does not let them pass
  // Sent as whole connections: where the end of one is lost, the next SYN from its port fails too, so that the target
  // looks worse than the way to it.
  bool whole_connections = false;
};

struct TraceReading {
  std::string_view outcome;                         // "clean", "loss", "flow_loss", "filtered", "unreached", "unclear"
  LossCount count;                                  // of all flows
  std::optional<std::uint32_t> loss_begins_ttl;     // of loss; the target's distance where only the target has it
  std::optional<std::uint32_t> loss_may_begin_ttl;  // the first distance not 100 times less likely for it than that
  std::optional<std::uint32_t> clean_until_ttl;     // last hop before it without the loss
  bool place_is_sharp = false;                      // no other hop is as likely, with 99 %
  std::optional<std::uint32_t> stops_after_ttl;  // of flow_loss, filtered, unreached: the last hop that answers those
  IpAddress stops_after;                         // who that is; of equal paths one that the dead flows take
  std::vector<std::uint32_t> dead_flows;         // of flow_loss, by port
  std::string words;
};

[[nodiscard]] TraceReading read_trace(const TraceView& view);

// "3 of 40 (7.5 %)"
[[nodiscard]] std::string loss_words(const LossCount& count);

}  // namespace hostcheck::probe
