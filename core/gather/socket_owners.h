// Which processes hold the sockets of the tables: owner columns, and the table processes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/gather/source.h"

namespace hostcheck::gather {

// Rows of one gathering: those of the tables from these positions on belong to this namespace.
struct SocketRowsBegin {
  std::size_t listeners = 0;
  std::size_t connections = 0;
  std::size_t udp = 0;
};

// A socket that the table processes counts.
struct OwnedSocket {
  std::uint32_t inode = 0;
  std::uint16_t listening_port = 0;  // 0: it does not listen
};

// Searches for the holders of every socket whose owner is asked for, once, and fills what follows from it.
void gather_owners(const Task& task, const SocketRowsBegin& begin, const std::vector<OwnedSocket>& owned);

}  // namespace hostcheck::gather
