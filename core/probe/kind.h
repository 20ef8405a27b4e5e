// The kinds of probes. A new kind: its file with one Kind, its line in kinds.cpp, its tables in
// core/facts/probe_NAME.h.
#pragma once

#include "core/probe/context.h"
#include "core/probe/engine.h"

namespace hostcheck::probe {

struct Kind {
  KindInfo info;
  // Makes the kind's tables exist in out, then probes. Never throws; what goes wrong is in context.result.
  Task<void> (*run)(Context& context);
};

// Each is in the file of its name.
[[nodiscard]] const Kind& connect_kind();
[[nodiscard]] const Kind& dns_kind();
[[nodiscard]] const Kind& gateway_kind();
[[nodiscard]] const Kind& latency_kind();
[[nodiscard]] const Kind& listener_kind();
[[nodiscard]] const Kind& pmtu_kind();
[[nodiscard]] const Kind& sweep_kind();
[[nodiscard]] const Kind& trace_kind();

}  // namespace hostcheck::probe
