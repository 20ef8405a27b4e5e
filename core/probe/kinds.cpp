#include <vector>

#include "core/probe/kind.h"

namespace hostcheck::probe {

std::span<const Kind* const> all_kinds() {
  static const std::vector<const Kind*> all = {
      &connect_kind(),  &dns_kind(),  &gateway_kind(), &latency_kind(),
      &listener_kind(), &pmtu_kind(), &sweep_kind(),   &trace_kind(),
  };
  return all;
}

}  // namespace hostcheck::probe
