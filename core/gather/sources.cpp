#include <vector>

#include "core/gather/conntrack.h"
#include "core/gather/counter.h"
#include "core/gather/host.h"
#include "core/gather/kernel_log.h"
#include "core/gather/netfilter.h"
#include "core/gather/nic.h"
#include "core/gather/resolver.h"
#include "core/gather/rtnl.h"
#include "core/gather/socket.h"
#include "core/gather/source.h"
#include "core/gather/sysctl.h"
#include "core/gather/system.h"

namespace hostcheck::gather {

std::span<const Source* const> sources() {
  static const std::vector<const Source*> all = {
      &conntrack_source(),       &host_source(),     &namespace_source(),  &nic_source(),
      &sysctl_source(),          &counter_source(),  &sockstat_source(),   &protocol_source(),
      &softnet_source(),         &softirq_source(),  &interrupt_source(),  &file_handle_source(),
      &tcp_memory_source(),      &resolver_source(), &kernel_log_source(), &rtnl_source(),
      &neighbour_table_source(), &socket_source(),   &netfilter_source(),  &pressure_source(),
  };
  return all;
}

}  // namespace hostcheck::gather
