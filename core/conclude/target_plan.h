// Which probes a named target is worth, one round after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/facts/facts.h"
#include "core/probe/engine.h"
#include "core/probe/target.h"

namespace hostcheck::conclude {

enum class ProbeMode : std::uint8_t {
  off,        // nothing is sent
  modest,     // for each target: whether it answers, and its next hop; what a finding asks for
  automatic,  // and what shows loss, sizes and delay on the way to it
  full,       // and everything else, whatever the others answer
};

struct NamedTarget {
  std::string text;  // as it was named
  probe::Target parsed;
};

// Whether and where packets to an address go.
enum class Way : std::uint8_t {
  none,    // no route
  local,   // to this host itself
  onward,  // out of it
};

class TargetPlan {
 public:
  using HostsFile = std::function<std::vector<IpAddress>(const std::string& name)>;
  // netns: name of the namespace that they are probed from. hosts: addresses of a name in its hosts file; may be empty.
  TargetPlan(std::vector<NamedTarget> targets, ProbeMode mode, std::string netns,
             std::function<Way(const IpAddress&)> way, HostsFile hosts = {})
      : targets_(std::move(targets)),
        mode_(mode),
        netns_(std::move(netns)),
        way_(std::move(way)),
        hosts_(std::move(hosts)) {}

  // What to send next, by what the facts have of earlier rounds; each ask is given once.
  //   first   connect, to every address of the target; dns where it has no port and is not in the hosts file
  //   then    to each address that way: sweep, pmtu, latency, and gateway for its next hop; listener where the address
  //           is this host's own
  //   last    trace where connect or sweep were not answered (full: always)
  // Kinds that there are not are left out.
  [[nodiscard]] std::vector<probe::Ask> next(const facts::Facts& facts);

  // The addresses of a target that are known so far: its own, those of the hosts file, what connect or dns found.
  [[nodiscard]] std::vector<IpAddress> addresses_of(const NamedTarget& target, const facts::Facts& facts) const;
  [[nodiscard]] const std::vector<NamedTarget>& targets() const { return targets_; }

 private:
  void ask(std::vector<probe::Ask>& out, std::string_view kind, std::string target);
  void ask_of_address(std::vector<probe::Ask>& out, const IpAddress& address, std::optional<std::uint16_t> port,
                      const facts::Facts& facts);
  [[nodiscard]] bool lost(const IpAddress& address, std::uint16_t port, const facts::Facts& facts) const;
  std::vector<NamedTarget> targets_;
  ProbeMode mode_;
  std::string netns_;
  std::function<Way(const IpAddress&)> way_;
  HostsFile hosts_;
  std::set<std::pair<std::string, std::string>> asked_;
};

}  // namespace hostcheck::conclude
