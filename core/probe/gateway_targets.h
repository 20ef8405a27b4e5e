// Which neighbours an ask for a gateway means, and from which address and interface they are asked.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "core/probe/context.h"
#include "core/probe/gateway_link.h"

namespace hostcheck::probe {

// The ask's target: an address on one of the host's links, one behind a next hop (the next hop is meant then, and asked
// through), an address of the host itself, or "all": every next hop and own address. Error code invalid: it names none
// of these.
[[nodiscard]] Result<std::vector<LinkTarget>> gateway_targets(const Context& context);

}  // namespace hostcheck::probe
