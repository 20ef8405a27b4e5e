// Asks one neighbour on its link: everybody who answers for the address, how long the answers take, where its packets
// come from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/kernel/own_links.h"
#include "core/probe/context.h"
#include "core/probe/gateway_judge.h"

namespace hostcheck::probe {

struct LinkTarget {
  IpAddress address;
  kernel::OwnLink link;
  IpAddress source;                   // this host's own address that it is asked from; 0.0.0.0 or :: for own addresses
  IpAddress beyond;                   // also asked for, through it; empty: none
  bool own = false;                   // an address of this host: who else has it?
  std::vector<LinkAddress> own_macs;  // of this host's interfaces, whose answers do not count then
};

struct LinkFindings {
  unsigned questions = 0;
  LinkReading reading;
  std::vector<LinkAnswer> answers;
  Delays direct, echo, through;
  std::vector<LinkAddress> echo_from, through_from;  // each once
  std::optional<bool> asymmetric;
  std::optional<bool> same_host;
};

// The sockets for it: AF_PACKET, for ARP and for echo replies (IPv6: one for both). Error: denied without CAP_NET_RAW.
struct LinkSockets {
  UniqueFd neighbour;
  UniqueFd echo;
};
[[nodiscard]] Result<LinkSockets> open_link_sockets(const Context& context, const LinkTarget& target,
                                                    std::uint16_t echo_id);

// 5 questions to all, 1 s for the answers, then 20 to the one that answered most and 5 echo requests to each. Takes
// 2 s, with a slow neighbour at most 4.
[[nodiscard]] Task<void> ask_link(Context& context, const LinkTarget& target, LinkSockets sockets,
                                  std::uint16_t echo_id, LinkFindings& findings);

// What can be asked without CAP_NET_RAW, or of a link without neighbour addresses: echo by a ping socket, or an empty
// UDP datagram, and what becomes of the neighbour's entry.
enum class PlainAnswer : std::uint8_t { answered, silent, unclear };
struct PlainFindings {
  PlainAnswer answer = PlainAnswer::unclear;
  std::string_view method;  // "echo", "udp"
  Delays echo;
};
[[nodiscard]] Task<Result<PlainFindings>> ask_plainly(Context& context, const LinkTarget& target);

}  // namespace hostcheck::probe
