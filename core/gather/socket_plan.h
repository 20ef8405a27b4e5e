// What to ask of sock_diag for the tables of sockets that are wanted.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/facts/request.h"
#include "core/facts/table.h"
#include "core/kernel/sock_diag.h"

namespace hostcheck::gather {

// Whether anybody reads a column whose kernel source starts with the prefix: what an extension of a dump costs is paid
// only where a column comes from it.
[[nodiscard]] bool wants_from(const facts::TableRequest* asked, const facts::TableInfo& info,
                              std::string_view source_prefix);

struct SocketPlan {
  // State bits of TCP that each table takes rows or numbers from; 0: none.
  std::uint32_t listener_states = 0;    // LISTEN, and those in which connections wait for a listener
  std::uint32_t connection_states = 0;  // table connections
  std::uint32_t summary_states = 0;     // table socket_summary
  std::uint32_t owned_states = 0;       // tables processes and cgroups
  bool half_open = false;
  bool unaccepted = false;
  bool counters = false;  // two samples of connections are taken
  bool udp_summary = false;
  bool udp_owned = false;
  std::vector<kernel::SocketQuery> dumps;
};

[[nodiscard]] SocketPlan plan_sockets(const facts::Request& request);

}  // namespace hostcheck::gather
