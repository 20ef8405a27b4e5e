// From a socket of a sock_diag dump to a row of a table.
#pragma once

#include <memory>

#include "core/base/block_pool.h"
#include "core/facts/socket.h"
#include "core/kernel/sock_diag.h"

namespace hostcheck::gather {

[[nodiscard]] facts::Listener listener_row(const kernel::DiagSocket& socket, Symbol netns);
[[nodiscard]] facts::UdpSocket udp_row(const kernel::DiagSocket& socket, Symbol netns);

// What rows of connections point to. The facts keep it.
struct ConnectionParts {
  BlockPool<facts::ConnectionInfo> infos;
  BlockPool<facts::SocketMemory> memories;
  BlockPool<facts::ConnectionCounters> counters;
};

// Fills a row that was made just now, but for its netns and congestion. with_counters: two samples are taken.
void fill_connection(const kernel::DiagSocket& socket, bool with_counters, ConnectionParts& parts,
                     facts::Connection& row);

}  // namespace hostcheck::gather
