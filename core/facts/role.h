// What a host is for: advice that is right for a router is wrong for a server.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// server: something listens on an address that others reach. router: forwards between interfaces of its own that are
// not containers'. container_host: leads into other namespaces by veth, macvlan or ipvlan. load_balancer: runs a
// program that hands connections on.
inline constexpr std::array<std::string_view, 4> kRoleNames = {"container_host", "load_balancer", "router", "server"};

// A role that a namespace has; it may have several.
struct HostRole {
  Symbol netns;
  Symbol role;          // one of kRoleNames
  std::string because;  // the facts that say so, or that it was set
  bool set = false;     // by --role or the configuration, in place of what the facts say
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
