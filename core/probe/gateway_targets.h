// Which neighbours an ask for a gateway means, and from which address and interface they are asked.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/probe/context.h"
#include "core/probe/gateway_link.h"

namespace hostcheck::probe {

// Every next hop and own address.
[[nodiscard]] Result<std::vector<LinkTarget>> all_gateway_targets(const Context& context);
// What addresses mean, each neighbour once: one on a link of the host, one behind a next hop (the next hop is meant
// then, and asked through), or one of the host itself; "ADDRESS%IFNAME" for a link-local one. Error code invalid: one
// is none of these.
[[nodiscard]] Result<std::vector<LinkTarget>> gateway_targets(const Context& context,
                                                              std::span<const std::string> addresses);

}  // namespace hostcheck::probe
