// What the answers to a neighbour's questions amount to. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"

namespace hostcheck::probe {

// The protocol by which several routers share a gateway address, after the prefix of its MAC address, with the group:
// "VRRP 7" (RFC 9568), "HSRP 1", "HSRPv2 134", "HSRPv2 for IPv6 5", "GLBP", "NLB". "" where it is an ordinary one.
[[nodiscard]] std::string virtual_router(const LinkAddress& mac);

// One answer to a question that went to everybody on the link.
struct LinkAnswer {
  unsigned round = 0;  // the last question sent before it came, from 0
  LinkAddress lladdr;
};

enum class LinkOutcome : std::uint8_t {
  silent,     // nobody answered
  answers,    // one MAC address, or those of a GLBP group
  duplicate,  // two or more MAC addresses, each to the same questions
  failover,   // one MAC address up to a moment, another from then on
  several,    // more than one, in a way that does not tell which of these
};
// "silent", "answers", ...
[[nodiscard]] std::string_view name_of(LinkOutcome outcome);

struct LinkReading {
  LinkOutcome outcome = LinkOutcome::silent;
  unsigned answered = 0;             // rounds with an answer
  std::vector<LinkAddress> lladdrs;  // that answered, most answers first
  std::vector<unsigned> counts;      // answers of each
};
// questions: rounds that were sent. answers: in the order they came.
[[nodiscard]] LinkReading read_answers(unsigned questions, std::span<const LinkAnswer> answers);

// Whether echo answers that were asked of several MAC addresses in turn come from one host, by their IPv4
// identifications in the order of the questions: a host counts them up for each peer (ip_select_ident in
// net/ipv4/route.c), two hosts count apart. nullopt: too few, or none that counts.
[[nodiscard]] std::optional<bool> one_host(std::span<const std::uint16_t> identifications);

// Delays of a series of questions.
struct Delays {
  std::uint32_t sent = 0;
  std::vector<double> ms;  // of those that were answered, sorted
  [[nodiscard]] std::uint32_t answered() const { return static_cast<std::uint32_t>(ms.size()); }
  [[nodiscard]] std::optional<double> min() const;
  [[nodiscard]] std::optional<double> median() const;
  // The value that nine of ten do not pass.
  [[nodiscard]] std::optional<double> high() const;
  [[nodiscard]] std::optional<double> max() const;
  void add(double value_ms);
};

}  // namespace hostcheck::probe
