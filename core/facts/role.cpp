#include "core/facts/role.h"

namespace hostcheck::facts {

const TableInfo& HostRole::table() {
  static const TableInfo info =
      TableBuilder<HostRole>("roles", "What each namespace is for, as its facts or --role say")
          .key<&HostRole::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&HostRole::role>("role", "", "links, sysctls, listeners",
                                "container_host, load_balancer, router or server")
          .column<&HostRole::because>("because", "", "links, sysctls, listeners", "The facts that say so")
          .column<&HostRole::set>("set", "", "--role", "Whether it was set and not found")
          .build();
  return info;
}

}  // namespace hostcheck::facts
