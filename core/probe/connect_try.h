// TCP connects to one address, as any program makes them, and what came of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/probe/context.h"
#include "core/probe/next_hop.h"

namespace hostcheck::probe {

enum class ConnectOutcome : std::uint8_t {
  none,
  open,
  refused,
  timed_out,
  unreachable,
  reset,
  no_route,
  no_source,
  not_tried,
  failed
};
// "open", "refused", ...
[[nodiscard]] std::string_view name_of(ConnectOutcome outcome);

struct Connected {
  ConnectOutcome outcome = ConnectOutcome::none;
  std::string by;          // who answered other than by opening
  std::uint32_t syns = 0;  // sent, those that the kernel sent again included
  std::optional<double> time_ms;
  IpAddress local_address;
  std::uint16_t local_port = 0;
  std::optional<UnfoundHop> unfound;  // of unreachable, where that is why
  std::string words;
};

// Up to three tries of 900 ms, each from a port of its own. Nothing but the handshake and the close is sent. scope: of
// a link-local address.
[[nodiscard]] Task<Connected> connect_to(Context& context, IpAddress address, std::uint16_t port,
                                         std::uint32_t scope = 0);

}  // namespace hostcheck::probe
