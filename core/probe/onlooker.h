// Who wants to know what the probes send, as they send it.
#pragma once

#include <cstdint>
#include <functional>

#include "core/base/address.h"
#include "core/base/flow.h"
#include "core/kernel/netns.h"

namespace hostcheck::probe {

// Functions of an onlooker; any may be empty. None may throw.
struct Onlooker {
  // Before the first packet to an address.
  std::function<void(const kernel::NetnsInfo& netns, const IpAddress& peer)> peer;
  // Each conversation of a probe (ProbeResult::id), when its first packet is sent or shortly before or after.
  std::function<void(const kernel::NetnsInfo& netns, std::uint32_t probe, const Flow& flow)> flow;
  // Every 20 ms or so while probes are under way.
  std::function<void()> tick;
};

}  // namespace hostcheck::probe
