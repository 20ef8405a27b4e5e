// The methods of the observation: what each sees, whether it can run here, and what is lost without it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace hostcheck::observe {

struct Method {
  std::string name;  // "handshake trace", "drop reasons", ...
  bool available = false;
  std::string detail;  // by which program, or why not
  std::string lost;    // what is not seen without it
};

enum class MethodId { handshakes, drops, resets, reset_reasons, retransmissions, refusals, iterator, samples };

// available: detail says by what; else why not.
[[nodiscard]] Method method(MethodId id, bool available, std::string detail);
// All that need BPF, when none of it can run.
[[nodiscard]] std::vector<Method> methods_without_bpf(const Error& why);
// What needs no BPF: sock_diag and the protocol counters, read twice.
[[nodiscard]] Method method_of_samples();
// What to do about it, for people; "" where nothing can be done.
[[nodiscard]] std::string_view remedy_for(const Error& why);

}  // namespace hostcheck::observe
