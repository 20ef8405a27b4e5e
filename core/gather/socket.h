// Tables listeners, connections, udp_sockets, socket_summary and processes.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& socket_source();

}  // namespace hostcheck::gather
