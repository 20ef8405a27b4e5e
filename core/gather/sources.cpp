#include <vector>

#include "core/gather/conntrack.h"
#include "core/gather/counter.h"
#include "core/gather/host.h"
#include "core/gather/nic.h"
#include "core/gather/rtnl.h"
#include "core/gather/socket.h"
#include "core/gather/source.h"
#include "core/gather/sysctl.h"

namespace hostcheck::gather {

std::span<const Source* const> sources() {
  static const std::vector<const Source*> all = {
      // clang-format off
      &conntrack_source(),
      &host_source(),
      &namespace_source(),
      &nic_source(),
      &sysctl_source(),
      &counter_source(),
      &sockstat_source(),
      &protocol_source(),
      &rtnl_source(),
      &neighbour_table_source(),
      &socket_source(),
      // clang-format on,
      // clang-format on
  };
  return all;
}

}  // namespace hostcheck::gather
