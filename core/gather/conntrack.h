// Tables conntrack, conntrack_cpu, conntrack_entries and conntrack_timeouts.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& conntrack_source();

}  // namespace hostcheck::gather
