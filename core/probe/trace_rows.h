// A trace as rows of its tables.
#pragma once

#include <map>

#include "core/facts/probe_trace.h"
#include "core/probe/asn_file.h"
#include "core/probe/context.h"
#include "core/probe/trace_run.h"

namespace hostcheck::probe {

using Networks = std::map<IpAddress, Network>;

// Adds one row of probe_hops for each address that answered at each distance, and one for a silent distance.
void add_hops(Context& context, const TraceRun& run, Transport transport, const TraceReading& reading,
              const IpAddress& to, const Networks& networks);
[[nodiscard]] facts::ProbeTrace trace_row(Context& context, const TraceRun& run, const TraceView& view,
                                          const TraceReading& reading, const Networks& networks);

}  // namespace hostcheck::probe
