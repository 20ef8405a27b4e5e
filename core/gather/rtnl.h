// Tables links, addresses, routes, route_nexthops, nexthops, route_summary, policy_rules, neighbours, neighbour_summary
// and qdiscs of a namespace; neighbour_tables of the first.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& rtnl_source();
[[nodiscard]] const Source& neighbour_table_source();

}  // namespace hostcheck::gather
