// Ethernet frames of the questions that a neighbour is asked, and what its answers say: ARP (RFC 826), neighbour
// discovery (RFC 4861), echo (RFC 792, RFC 4443). No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/address.h"
#include "core/probe/checksum.h"

namespace hostcheck::probe {

using Frame = std::vector<std::uint8_t>;

// Who asks. address: 0.0.0.0 or :: in the questions that look for duplicates of an own address (RFC 5227, RFC 4862).
struct LinkSender {
  LinkAddress mac;  // 6 bytes
  IpAddress address;
};

// "Who has target?" by ARP or, for IPv6, by a neighbour solicitation. to: the one asked; empty: everybody on the link
// (broadcast, the solicited-node multicast group). Sender and target are of the same family.
[[nodiscard]] Frame neighbour_question(const LinkSender& sender, const IpAddress& target, const LinkAddress& to = {});

// An echo request to the interface with the MAC address `to`, which need not be the target's own.
struct EchoQuestion {
  LinkAddress to;
  IpAddress target;
  std::uint16_t id = 0;
  std::uint16_t sequence = 0;
};
[[nodiscard]] Frame echo_question(const LinkSender& sender, const EchoQuestion& question);

// A neighbour's answer.
struct NeighbourAnswer {
  IpAddress address;         // the one that was asked for
  LinkAddress lladdr;        // the MAC it claims: ARP sender, NDP target link-layer address option
  LinkAddress frame_source;  // the MAC that the frame came from
};
// An ARP reply or a neighbour advertisement; ARP requests (for the same address, of a host that looks for duplicates
// itself) are no answer. nullopt for any other frame.
[[nodiscard]] std::optional<NeighbourAnswer> parse_neighbour_answer(std::span<const std::uint8_t> frame);

// An echo reply.
struct EchoAnswer {
  IpAddress from;
  LinkAddress frame_source;
  std::uint16_t id = 0;
  std::uint16_t sequence = 0;
  std::optional<std::uint16_t> ip_id;  // IPv4's identification; IPv6 has none
};
[[nodiscard]] std::optional<EchoAnswer> parse_echo_answer(std::span<const std::uint8_t> frame);

}  // namespace hostcheck::probe
