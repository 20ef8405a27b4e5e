#include "core/observe/methods.h"

#include <array>
#include <cstddef>
#include <utility>

#include "core/kernel/sock_diag.h"

namespace hostcheck::observe {
namespace {

struct Words {
  std::string_view name;
  std::string_view lost;
};

// In the order of MethodId.
constexpr std::array kWords = {
    Words{"handshake trace", "which SYNs got no answer, whose and why, what programs accepted, ICMP errors"},
    Words{"drop reasons", "why the kernel threw a packet away"},
    Words{"resets", "whether this host's TCP or its firewall sent a reset"},
    Words{"reset reasons", "why this host's TCP sent a reset"},
    Words{"retransmissions", "which connections retransmit"},
    Words{"listener refusals",
          "which queue was full for each SYN that a listener refused: it is inferred from samples"},
    Words{"listener iterator",
          "the exact length of each listener's half-open queue: handshakes are counted by address and port instead"},
    Words{"sock_diag and counters", "drops and queues of listeners where BPF cannot run"},
};

}  // namespace

Method method(MethodId id, bool available, std::string detail) {
  const Words& words = kWords.at(static_cast<std::size_t>(id));
  return {std::string(words.name), available, std::move(detail), std::string(words.lost)};
}

std::vector<Method> methods_without_bpf(const Error& why) {
  std::vector<Method> methods;
  for (const MethodId id : {MethodId::handshakes, MethodId::drops, MethodId::resets, MethodId::reset_reasons,
                            MethodId::retransmissions, MethodId::refusals, MethodId::iterator}) {
    methods.push_back(method(id, false, why.message()));
  }
  return methods;
}

Method method_of_samples() {
  const auto socket = kernel::open_sock_diag();
  return method(MethodId::samples, socket.has_value(),
                socket ? "SK_MEMINFO_DROPS and queues of each listener, /proc/net/netstat, read again and again"
                       : socket.error().message());
}

std::string_view remedy_for(const Error& why) {
  if (why.code == ErrorCode::denied) return "run as root, or give it CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN";
  if (why.code == ErrorCode::unsupported) return "a kernel with BTF (CONFIG_DEBUG_INFO_BTF) and BPF tracing";
  return "";
}

}  // namespace hostcheck::observe
